"""Requests of people, over RPC to the migrator that leads a real Nova."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import contextlib
import threading
from typing import Any

from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.exception import NoLeader, RequestRefused
from steal_scheduler.messaging import leader_rpc
from steal_scheduler.messaging.leader_rpc import LeaderClient
from steal_scheduler.migrator import looks
from steal_scheduler.model import until
from tests.functional.scene import Guest
from tests.shared import PATIENCE

ENDLESS = {'demo:seconds': 'never'}
ALICE = {'user_id': '9f1c', 'user_name': 'alice', 'roles': ['admin']}

scene = one.scene
setUpModule = one.set_up()


class LeaderRpcTest(loop.LoopTestCase):
    scene = scene

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.remove_aggregate)
        self.enterContext(scene.measured())
        self.migrator = self.loop()
        self.client = LeaderClient(self.migrator.parts.conf)

    def remove_aggregate(self) -> None:
        for each in self.aggregates():
            scene.call('DELETE', f'/os-aggregates/{each["id"]}')

    def aggregates(self) -> list[dict[str, Any]]:
        """Ours."""
        found = scene.call('GET', '/os-aggregates')['aggregates']
        return [a for a in found if a['name'] == until.AGGREGATE]

    def run_it(self) -> None:
        """Until the test ends; it has ticked when this returns."""
        thread = threading.Thread(target=self.migrator.migrator.run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.migrator.migrator.stop)
        wait_for(self.answers, PATIENCE, 'an answer')

    def answers(self) -> bool:
        try:
            return bool(self.call('summary'))
        except RequestRefused as no:
            # It has not ticked yet.
            self.assertEqual('busy', no.reason)
            return False

    def call(self, method: str, **args: Any) -> dict[str, Any]:
        return self.client.call(ALICE, method, args)

    def refused(self, reason: str, method: str, **args: Any) -> str:
        error = self.assertRaises(RequestRefused, self.call, method, **args)
        self.assertEqual(reason, error.reason, str(error))
        return str(error)

    def until_it_is_known(self, server_id: str) -> None:
        def known() -> bool:
            found = self.call('servers')['servers']
            return server_id in {s['server_id'] for s in found}

        wait_for(known, PATIENCE, 'the server to be known')

    def test_a_move_that_is_asked_for(self) -> None:
        """Of a server that does not wait: it is drained, and moves."""
        (calm,) = scene.boot(Guest('calm', 'a1', 0.2))
        self.run_it()
        self.until_it_is_known(calm)

        def asked() -> Any:
            try:
                return self.call('move_create', server_id=calm, reason='why')
            except RequestRefused as no:
                # It may not have been measured yet.
                self.assertEqual('conflict', no.reason)

        found = wait_for(asked, PATIENCE, 'the move')
        self.assertEqual('asked for by alice: why', found['move']['reason'])
        wait_for(lambda: scene.host(calm) != 'a1', PATIENCE, 'the migration')
        wait_for(lambda: not self.call('moves')['moves'], PATIENCE, 'the end')
        self.assert_back(calm)
        self.assertEqual(['completed'], scene.migrations(calm))
        self.assertIn(scene.host(calm), one.ZONES['az1'])
        self.assertIn('drain', self.script.done(calm))
        last = self.call('server', server_id=calm)['last']
        self.assertEqual('alice', last['asked_by'])
        # A second one has to wait, as any.
        said = self.refused('conflict', 'move_create', server_id=calm)
        self.assertIn('cooldown: it moved lately', said)

    def test_cancel(self) -> None:
        mover = self.boot_contended(metadata=ENDLESS)
        self.run_it()
        wait_for(lambda: scene.stage(mover) == 'migrate', PATIENCE, 'the copy')
        found = self.call('move_cancel', server_id=mover, reason='not now')
        self.assertEqual(mover, found['move']['server_id'])
        wait_for(
            lambda: self.migrator.outcomes() == {'failed': 1},
            PATIENCE,
            'its end',
        )
        self.assertEqual('a1', scene.host(mover))
        # As this release of Nova calls what was aborted.
        (status,) = scene.migrations(mover)
        self.assertIn(status, ('cancelled', 'error'))
        self.assert_back(mover)
        last = self.call('server', server_id=mover)['last']
        self.assertEqual('failed', last['outcome'])
        self.assertIn('cancelled by alice: not now', self.log_text())

    def test_cancel_what_is_drained(self) -> None:
        mover = self.boot_contended()
        self.script.let('drain', 'waits')
        self.run_it()
        wait_for(lambda: scene.stage(mover) == 'drain', PATIENCE, 'the drain')
        self.call('move_cancel', server_id=mover, reason='')
        wait_for(
            lambda: self.migrator.outcomes() == {'not_started': 1},
            PATIENCE,
            'its end',
        )
        self.assertEqual([], scene.migrations(mover))
        self.assert_back(mover)

    def test_skip(self) -> None:
        """It stands in Nova, so another migrator keeps it as well."""
        self.run_it()
        self.call('pause', scope='cloud')
        mover = self.boot_contended()
        self.until_it_is_known(mover)
        self.call('server_skip', server_id=mover, reason='a release')
        self.call('resume', scope='cloud')
        self.assertEqual(
            {f'steal:skip:server:{mover}': 'forever alice: a release'},
            self.metadata(),
        )
        wait_for(
            lambda: self.migrator.refused('skipped'), PATIENCE, 'a refusal'
        )
        self.assertEqual([], scene.tags(mover))
        said = self.refused('conflict', 'move_create', server_id=mover)
        self.assertIn('skipped: it is skipped until somebody ends it', said)
        self.call('server_unskip', server_id=mover)
        self.assertEqual({}, self.metadata())
        wait_for(lambda: scene.host(mover) != 'a1', PATIENCE, 'its move')

    def metadata(self) -> dict[str, str]:
        (ours,) = self.aggregates()
        return dict(ours['metadata'])

    def test_pause_and_resume(self) -> None:
        self.run_it()
        found = self.call('pause', scope='cloud', reason='a party')
        self.assertEqual('alice: a party', found['pause']['reason'])
        self.assertEqual(
            {'steal:pause': 'forever alice: a party'}, self.metadata()
        )
        mover = self.boot_contended()
        wait_for(
            lambda: self.call('servers', contended=True)['servers'],
            PATIENCE,
            'the contended server',
        )
        (hold,) = self.call('summary')['holds']
        self.assertEqual('paused', hold['reason'])
        self.assertEqual([], self.call('moves')['moves'])
        self.call('resume', scope='cloud')
        self.assertEqual({}, self.metadata())
        wait_for(lambda: scene.host(mover) != 'a1', PATIENCE, 'its move')

    def test_one_that_hangs_holds_up_nothing(self) -> None:
        go_on, begun = threading.Event(), threading.Event()

        def hang(*args: object) -> dict[str, Any]:
            begun.set()
            go_on.wait(PATIENCE)
            return {}

        table = {**looks.LOOKS, 'plan': looks.Looking(hang)}
        self.patch(looks, 'LOOKS', table)
        self.run_it()

        def wait() -> None:
            # Nobody answers it: the migrator ends before.
            with contextlib.suppress(NoLeader):
                self.call('plan')

        waits = threading.Thread(target=wait)
        waits.start()
        self.addCleanup(waits.join)
        self.addCleanup(go_on.set)
        self.assertTrue(begun.wait(PATIENCE))
        mover = self.boot_contended()
        wait_for(lambda: scene.host(mover) != 'a1', PATIENCE, 'its move')
        self.call('pause', scope='cloud')
        self.assertTrue(waits.is_alive())

    def test_the_leader_ends(self) -> None:
        self.run_it()
        self.migrator.migrator.stop()
        wait_for(
            lambda: not self.migrator.parts.leader.left, PATIENCE, 'its end'
        )
        # NOTE: this message bus does not tell that nobody listens; RabbitMQ
        # does, see tests/integration.
        self.patch(leader_rpc, 'TIMEOUT', 0.5)
        self.client = LeaderClient(self.migrator.parts.conf)
        self.assertRaises(NoLeader, self.call, 'summary')
        # Another migrator leads, and is asked without anybody being told.
        self.patch(leader_rpc, 'TIMEOUT', PATIENCE)
        self.client = LeaderClient(self.migrator.parts.conf)
        self.migrator = self.loop()
        self.run_it()
        self.assertEqual({}, self.call('resume', scope='cloud'))
