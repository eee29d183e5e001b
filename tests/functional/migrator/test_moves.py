"""Moves by the real migrator, on a real Nova with our scheduler in it."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import io
import json
import threading
from collections.abc import Iterable
from typing import Any
from unittest import mock

import fixtures
import oslo_messaging

from steal_scheduler.decision import stalled
from steal_scheduler.demo import driver, goals
from steal_scheduler.demo.balancer import Balancer
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.http import Environ, Fault
from steal_scheduler.exception import NovaForbids
from steal_scheduler.model import progress
from tests.functional.scene import Guest
from tests.shared import PATIENCE

ENDLESS = {'demo:seconds': 'never'}

scene = one.scene
setUpModule = one.set_up()


class Hearer:
    """An endpoint that keeps the notifications of the migrator."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, object]]] = []
        #: Actions of the audit, which goes the same way.
        self.audited: list[object] = []

    def info(self, ctxt, publisher_id, event_type, payload, metadata):  # type: ignore[no-untyped-def]
        if event_type == 'steal_scheduler.audit':
            self.audited.append(payload['action'])
        else:
            self.heard.append((event_type, payload))

    error = info


class MovesTestCase(loop.LoopTestCase):
    scene = scene
    notifying = {  # noqa: RUF012
        'oslo_messaging_notifications': {
            'driver': 'messagingv2',
            'topics': 'steal',
        }
    }

    def hear(self, migrator: loop.Loop) -> Hearer:
        """From now on, what the migrator notifies."""
        hearer = Hearer()
        server = oslo_messaging.get_notification_listener(
            oslo_messaging.get_notification_transport(migrator.parts.conf),
            [oslo_messaging.Target(topic='steal')],
            [hearer],
        )
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)
        return hearer


class TestCure(MovesTestCase):
    def test_hot_host(self) -> None:
        """Two servers share the cores of one: one goes, and both have all."""
        ids = scene.boot(Guest('one', 'a1'), Guest('two', 'a1'))
        self.enterContext(scene.measured())
        migrator = self.loop(**self.notifying)
        hearer = self.hear(migrator)
        thread = threading.Thread(target=migrator.migrator.run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(migrator.migrator.stop)
        wait_for(
            lambda: (
                migrator.outcomes() == {'helped': 1}
                and not migrator.value('contended_servers')
            ),
            PATIENCE,
            'the cure',
        )
        self.assertEqual(2, len({scene.host(id_) for id_ in ids}))
        (moved,) = (id_ for id_ in ids if scene.migrations(id_))
        # To its own zone, though the others are emptier.
        self.assertIn(scene.host(moved), one.ZONES['az1'])
        self.assertEqual(['completed'], scene.migrations(moved))
        self.assert_back(moved)
        # Drained again where nova-scheduler takes its time to hear of it.
        *drains, last = self.script.done(moved)
        self.assertEqual(({'drain'}, 'reattach'), ({*drains}, last))
        wait_for(
            lambda: hearer.heard[-1:] and hearer.heard[-1][0].endswith('.end'),
            PATIENCE,
            'the last notification',
        )
        stages = 'drain request migrate reattach verify end'.split()
        events = [event.rpartition('.')[2] for event, _ in hearer.heard]
        # A quick migration is never seen to run.
        self.assertEqual(
            [s for s in stages if s != 'migrate'],
            [e for e in events if e != 'migrate'],
        )
        self.assertEqual('helped', hearer.heard[-1][1]['outcome'])
        wait_for(
            lambda: {'start/move', 'stop/move'} <= {*hearer.audited},
            PATIENCE,
            'the audit',
        )

    def test_dry_run(self) -> None:
        """It decides and says so, and touches nothing."""
        mover = self.boot_contended()
        migrator = self.loop(migrator={'dry_run': True}, **self.notifying)
        hearer = self.hear(migrator)
        for _ in range(5):
            migrator.tick()
        wait_for(lambda: hearer.heard, PATIENCE, 'the notification')
        # Once, however many ticks.
        ((event, payload),) = hearer.heard
        self.assertEqual('steal_scheduler.move.planned', event)
        self.assertEqual(
            (mover, True), (payload['server_id'], payload['dry_run'])
        )
        said = 'would move away from host a1: waits 33%'
        self.assertEqual(1, self.log_text().count(said))
        self.assertEqual(1, migrator.value('contended_servers'))
        self.assertEqual({}, migrator.outcomes())
        self.assertEqual([], scene.tags(mover))
        self.assertEqual([], scene.migrations(mover))
        self.assertEqual([], self.script.asked(mover))


class TestNobodyNotices(MovesTestCase):
    """Behind the demo's balancer, which knows what its customers meet."""

    def listen(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Note what the balancer is asked, and the id of the message."""
        body = environ['wsgi.input'].read(int(environ['CONTENT_LENGTH']))
        verb = json.loads(body)['type'].removeprefix('server.')
        self.asked.setdefault(verb, []).append(environ['HTTP_WEBHOOK_ID'])
        environ['wsgi.input'] = io.BytesIO(body)
        return self.balancer.app(environ, start_response)

    def test_drained_while_it_is_copied(self) -> None:
        mover = self.boot_contended(
            role='books', metadata={'demo:seconds': '0.5'}
        )
        self.asked: dict[str, list[str]] = {}
        self.balancer = Balancer(self.directory / 'key', lambda text: None)
        self.balancer.add(mover, 'books-shop', 'books')
        scene.cloud.http.apps['balancer'] = self.listen
        self.addCleanup(scene.cloud.http.apps.pop, 'balancer')
        migrator = self.loop(
            migrator={'orchestrators': 'balancer'},
            balancer={
                'driver': 'webhook',
                'url': f'{scene.cloud.url}/balancer',
                'signing_key_file': self.balancer.key_file,
                'lists_detached': True,
                'roles': 'books',
            },
        )
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assertEqual([], scene.tags(mover))
        self.assertEqual(
            [],
            goals.noticed(
                self.balancer.members,
                self.balancer.outages,
                driver.DemoDriver.copied,
                {mover},
                {mover: 'shop'},
            ),
        )
        (outage,) = self.balancer.outages
        self.assertIsNotNone(outage.back)
        # By its tag each repetition has the same id: its sessions had to end.
        drains, reattaches = self.asked['drain'], self.asked['reattach']
        self.assertGreater(len(drains), 1)
        self.assertEqual(1, len({*drains}))
        self.assertEqual(1, len({*reattaches}))
        self.assertNotEqual(drains[0], reattaches[0])


class TestDeadSource(MovesTestCase):
    """Nova would take the request, and end it as error at once."""

    def a1_is(self, *, down: bool) -> None:
        path = '/os-services?host=a1&binary=nova-compute'
        (service,) = scene.call('GET', path)['services']
        path = f'/os-services/{service["id"]}'
        scene.call('PUT', path, {'forced_down': down})

    def test_a_nova_compute_that_is_down(self) -> None:
        """Nothing is touched before it is up again."""
        mover = self.boot_contended()
        self.addCleanup(self.a1_is, down=False)
        self.a1_is(down=True)
        migrator = self.loop()
        for _ in range(3):
            migrator.tick()
        self.assertEqual(1, migrator.refused('source_down'))
        self.assertEqual([], self.script.asked(mover))
        self.a1_is(down=False)
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assertEqual(['completed'], scene.migrations(mover))

    def test_it_dies_while_a_server_is_drained(self) -> None:
        mover = self.boot_contended()
        self.script.let('drain', 'waits')
        migrator = self.loop()
        migrator.until(
            lambda: self.script.asked(mover), 'it to be asked to drain'
        )
        self.addCleanup(self.a1_is, down=False)
        self.a1_is(down=True)
        self.assert_undone(
            migrator, mover, 'of its host a1 is down', 'not_started'
        )
        self.assertEqual([], scene.migrations(mover))


class TestFailures(MovesTestCase):
    """Of which it depends on Nova how they show, and what is allowed then."""

    def test_on_the_way(self) -> None:
        """It is in service, and in ERROR until a person has looked."""
        self.useFixture(fixtures.MockPatchObject(stalled, 'ENDS', 0.0))
        mover = self.boot_contended(metadata={'demo:fail': 'run'})
        migrator = self.loop()
        migrator.until(lambda: migrator.value('stalled_moves'), 'the alarm')
        self.assertEqual('reattach', self.script.done(mover)[-1])
        self.assertIn('in ERROR since its live migration', self.log_text())
        self.assertFalse(scene.is_active(mover))
        scene.action(mover, 'os-resetState', {'state': 'active'})
        self.assert_undone(migrator, mover, 'the migration ended as: ')
        self.assertEqual(1, len(scene.migrations(mover)))

    def test_no_valid_host(self) -> None:
        """There are cores for it, but no host has the memory.

        And Placement does not tell us so.
        """
        large = {'ram_mb': 40000}
        scene.boot(
            Guest('two', 'a2', 0.1, **large),
            Guest('three', 'a3', 0.1, **large),
        )
        mover = self.boot_contended(**large)
        migrator = self.loop()
        silent = mock.Mock(side_effect=NovaForbids('not for you'))
        placement = migrator.parts.nova.placement
        with mock.patch.object(placement, 'free', silent):
            self.assert_undone(migrator, mover, 'ended as: error')
            migrator.until(lambda: migrator.refused('backoff'), 'the back-off')
        self.assertIn('Nova found no host for it', self.log_text())
        self.assertIn('(Placement): not for you', self.log_text())

    def test_it_never_ends(self) -> None:
        mover = self.boot_contended(metadata=ENDLESS)
        with mock.patch.object(progress, 'SHORTEST', 0.0):
            migrator = self.begin(mover)
            self.assert_undone(migrator, mover, 'no fewer than 4 passes ago')
        self.assertEqual(['error'], scene.migrations(mover))

    def test_it_takes_too_long(self) -> None:
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.begin(
            mover,
            stages={'migration_timeout': 1},
            limits={'copy_rate': 1_000_000},
        )
        self.assert_undone(migrator, mover, 'aborted: not done in 1 s')
        # As libvirt's: it was in ERROR, and nobody else has reset that.
        self.assertEqual(['error'], scene.migrations(mover))
        self.assertIn('reset to active: our abort', self.log_text())

    def test_another_one_leads_when_its_abort_ends_in_error(self) -> None:
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.begin(
            mover,
            stages={'migration_timeout': 1},
            limits={'copy_rate': 1_000_000},
            migrator={'reset_state': False},
        )
        migrator.until(lambda: not scene.is_active(mover), 'the abort')
        migrator.until(
            lambda: scene.cloud.servers.server(mover)['status'] == 'ERROR',
            'its ERROR',
        )
        migrator.parts.leader.release()
        self.assert_undone(self.loop(), mover, 'the migration ended as: error')
        self.assertEqual('reattach', self.script.done(mover)[-1])

    def test_what_is_large_may_take_longer(self) -> None:
        """1536 MiB at 25 MiB/s: it has 123 s, and not one."""
        mover = self.boot_contended(metadata={'demo:seconds': '4'})
        migrator = self.loop(
            stages={'migration_timeout': 1}, limits={'copy_rate': 25}
        )
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())

    def test_what_is_too_large_is_never_drained(self) -> None:
        mover = self.boot_contended()
        migrator = self.loop(
            stages={'migration_timeout': 1, 'longest_migration': 15},
            limits={'copy_rate': 100},
        )
        for _ in range(3):
            migrator.until(
                lambda: migrator.refused('too_large'), 'the refusal'
            )
        self.assertIn('takes 15 s to copy its 1.5 GiB', self.log_text())
        self.assertEqual([], self.script.asked(mover))
        self.assertEqual([], scene.migrations(mover))

    def test_the_target_cannot_finish(self) -> None:
        """It is back at once; its tag goes when Nova lets go of it."""
        mover = self.boot_contended(metadata={'demo:fail': 'post'})
        migrator = self.loop()
        migrator.until(
            lambda: 'reattach' in self.script.done(mover), 'it to be back'
        )
        self.assertEqual('ERROR', scene.cloud.servers.server(mover)['status'])
        asked = self.script.asked(mover)
        migrator.tick()
        self.assertEqual(asked, self.script.asked(mover))
        scene.action(mover, 'os-resetState', {'state': 'active'})
        migrator.until_ended(mover)
        self.assertEqual({'failed': 1}, migrator.outcomes())
        self.assert_back(mover)

    def test_it_is_deleted(self) -> None:
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.begin(mover)
        scene.call('DELETE', f'/servers/{mover}')
        wait_for(lambda: not scene.exists(mover), PATIENCE, 'it to be deleted')
        migrator.until_ended(mover)
        self.assertEqual({'gone': 1}, migrator.outcomes())
        self.assertEqual('reattach', self.script.done(mover)[-1])

    def test_nova_hangs(self) -> None:
        """For [nova] timeout at each look; then the move goes on."""
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.begin(mover, nova={'timeout': 1})
        scene.measure()
        scene.cloud.http.faults['compute'] = Fault.HANG
        for _ in range(2):
            migrator.tick(measure=False)
        scene.cloud.http.lift()
        self.assertIn('Nova does not answer: ', self.log_text())
        self.assertEqual('migrate', scene.stage(mover))
        self.assertEqual(['drain'], self.script.done(mover))
        scene.finish_migration(mover)
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assert_back(mover)


class TestTags(MovesTestCase):
    """Nova allows a server 50 tags; a move needs two of its own at a time."""

    def fill(self, server_id: str, number: int) -> list[str]:
        """Give it so many tags of its owner's; their names."""
        names = [f'team:{n:02} größe ✓' for n in range(number)]
        scene.call('PUT', f'/servers/{server_id}/tags', {'tags': names})
        return names

    def test_two_are_free(self) -> None:
        mover = self.boot_contended()
        names = self.fill(mover, 48)
        migrator = self.loop()
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assertEqual(
            names, sorted(scene.cloud.servers.server(mover)['tags'])
        )
        self.assertEqual(['drain', 'reattach'], self.script.done(mover))

    def assert_refused(self, number: int) -> None:
        """It is never drained, however long it is contended."""
        mover = self.boot_contended()
        names = self.fill(mover, number)
        migrator = self.loop()
        for _ in range(3):
            migrator.until(lambda: migrator.refused('tags'), 'the refusal')
        self.assertIn(f'it has {number} of the 50 tags', self.log_text())
        self.assertEqual({}, migrator.outcomes())
        self.assertEqual([], self.script.asked(mover))
        self.assertEqual([], scene.migrations(mover))
        self.assertEqual(
            names, sorted(scene.cloud.servers.server(mover)['tags'])
        )

    def test_one_is_free(self) -> None:
        self.assert_refused(49)

    def test_none_is_free(self) -> None:
        self.assert_refused(50)
