"""Pauses, as an operator begins and ends them on a real Nova."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import json
import math
import subprocess
import time

from steal_scheduler.demo import users
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.model import pause
from steal_scheduler.model import until as ends
from tests.functional import daemon
from tests.shared import PATIENCE

ENDLESS = {'demo:seconds': 'never'}

scene = one.scene
setUpModule = one.set_up()


class PauseTestCase(loop.LoopTestCase):
    scene = scene

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.remove_aggregate)

    def remove_aggregate(self) -> None:
        for each in self.aggregates():
            scene.call('DELETE', f'/os-aggregates/{each["id"]}')

    def aggregates(self) -> list[dict[str, object]]:
        """Ours."""
        found = scene.call('GET', '/os-aggregates')['aggregates']
        return [a for a in found if a['name'] == ends.AGGREGATE]

    def openstack(self, *args: str) -> None:
        """As an operator types it."""
        done = daemon.run('openstack', *self.login(), *args)
        self.assertEqual(0, done.returncode, done.stderr)

    def login(self) -> list[str]:
        admin = users.ADMIN
        return [
            f'--os-auth-url={scene.cloud.url}/identity/v3',
            f'--os-username={admin.name}',
            f'--os-password={admin.password}',
            f'--os-project-name={admin.project}',
            '--os-user-domain-id=default',
            '--os-project-domain-id=default',
        ]

    def manage(
        self, *args: str, user: users.User | None = None
    ) -> subprocess.CompletedProcess[str]:
        path = self.config_file_of(user) if user else self.config_file()
        done = daemon.run('steal-manage', '--config-file', path, *args)
        self.assertNotIn('Traceback', done.stderr + done.stdout)
        return done

    def assert_manage(self, *args: str) -> str:
        done = self.manage(*args)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def assert_held(self, migrator: loop.Loop, mover: str) -> None:
        for _ in range(3):
            migrator.tick()
        self.assertEqual(1, migrator.refused('paused'))
        self.assertEqual(([], []), (scene.tags(mover), self.asked(mover)))
        self.assertEqual([], scene.migrations(mover))

    def asked(self, mover: str) -> list[str]:
        return self.script.asked(mover)


class TestPause(PauseTestCase):
    def test_by_the_openstack_client(self) -> None:
        """Nothing begins until it is unset, whichever migrator leads."""
        mover = self.boot_contended()
        for words in (
            'aggregate create steal-scheduler',
            'aggregate set --property steal:pause=true steal-scheduler',
        ):
            self.openstack(*words.split())
        first = self.loop()
        self.assert_held(first, mover)
        self.assertEqual(1, first.value('pauses', scope='cloud'))
        first.parts.leader.release()
        second = self.loop()
        self.assert_held(second, mover)
        self.openstack(
            *'aggregate unset --property steal:pause steal-scheduler'.split()
        )
        second.until_ended(mover)
        self.assertEqual({'helped': 1}, second.outcomes())
        self.assert_back(mover)

    def test_what_is_under_way_ends(self) -> None:
        """A migration goes on, a drain is undone, and nothing begins."""
        copied = self.boot_contended(metadata=ENDLESS)
        migrator = self.begin(copied, limits={'slots': 5})
        self.script.let('drain', 'waits')
        drained = self.boot_contended('b1')
        migrator.until(lambda: self.asked(drained), 'the drain')
        said = self.assert_manage('pause', '--reason', 'alice: a new kernel')
        self.assertIn('(alice: a new kernel)', said)
        (ended,) = migrator.until_ended(drained)
        self.assertIn('paused until somebody resumes', ended.move.failure)
        self.assertEqual([], scene.migrations(drained))
        self.assert_back(drained)
        self.assertEqual('migrate', scene.stage(copied))
        scene.finish_migration(copied)
        migrator.until_ended(copied)
        self.assertEqual({'helped': 1, 'not_started': 1}, migrator.outcomes())
        self.assert_back(copied)
        self.script.release()
        waiting = self.boot_contended('c2')
        self.assert_held(migrator, waiting)
        self.assertIn('Resumed: the cloud.', self.assert_manage('resume'))
        migrator.until(lambda: self.asked(waiting), 'the next move')

    def test_a_host_and_a_zone(self) -> None:
        """Nobody leaves them, and nobody comes to the host."""
        mover = self.boot_contended('a1')
        there = self.boot_contended('b1')
        for argv in (('--zone', 'az2'), ('--host', 'a2'), ('--host', 'a3')):
            self.assert_manage('pause', *argv)
        migrator = self.loop()
        for _ in range(3):
            migrator.tick()
        self.assertEqual({'paused'}, self.refusals(migrator, there))
        self.assertEqual([], self.asked(mover))
        self.assert_manage('resume', '--host', 'a3')
        migrator.until_ended(mover)
        self.assertEqual('a3', scene.host(mover))
        self.assertEqual([], self.asked(there))

    def refusals(self, migrator: loop.Loop, server_id: str) -> set[str]:
        found = migrator.migrator.decided.refusals
        return {str(r.reason) for r in found if r.server_id == server_id}

    def test_it_ends_by_itself(self) -> None:
        mover = self.boot_contended()
        migrator = self.loop()
        begun = math.ceil(time.time())
        said = self.assert_manage('pause', '--for', '5s', '-f', 'json')
        (shown,) = json.loads(said)['pauses']
        until = pause.read('steal:pause', shown['until']).until
        self.assertLessEqual(begun + 5, until)

        def begins() -> bool:
            migrator.tick()
            return bool(self.asked(mover))

        wait_for(begins, PATIENCE, 'the end of the pause')
        self.assertLessEqual(until, time.time())
        # It is cleaned up whenever somebody resumes anything.
        self.assert_manage('resume')
        self.assertEqual({}, self.aggregates()[0]['metadata'])

    def test_without_the_right(self) -> None:
        done = self.manage('pause', user=users.ALICE)
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn("Policy doesn't allow", done.stderr)
        self.assertEqual([], self.aggregates())

    def test_a_host_that_is_disabled(self) -> None:
        """That is when one pauses it most."""
        (service,) = scene.call(
            'GET', '/os-services?host=c2&binary=nova-compute'
        )['services']
        path = f'/os-services/{service["id"]}'
        self.addCleanup(scene.call, 'PUT', path, {'status': 'enabled'})
        scene.call('PUT', path, {'status': 'disabled'})
        self.assertIn('host   c2', self.assert_manage('pause', '--host', 'c2'))
