"""What Nova does not list: a migration that waits for nova-scheduler."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import threading
from collections.abc import Callable
from typing import Any

import fixtures
from nova.scheduler.client import query

from steal_scheduler.decision import stalled
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.moves import state_machine
from tests.shared import PATIENCE

scene = one.scene
setUpModule = one.set_up()


class TestUnseen(loop.LoopTestCase):
    """A server is never in service while Nova may migrate it."""

    scene = scene

    def setUp(self) -> None:
        super().setUp()
        self.mover = self.boot_contended()

    def hold(self) -> Callable[[], None]:
        """Let nova-scheduler answer nobody until the result is called."""
        choose = query.SchedulerQueryClient.select_destinations
        goes_on = threading.Event()

        def select_destinations(*args: Any, **kwargs: Any) -> Any:
            goes_on.wait(PATIENCE)
            return choose(*args, **kwargs)

        self.useFixture(
            fixtures.MockPatchObject(
                query.SchedulerQueryClient,
                'select_destinations',
                select_destinations,
            )
        )
        self.addCleanup(goes_on.set)
        return goes_on.set

    def shorten(self, module: Any, **seconds: float) -> None:
        for name, value in seconds.items():
            self.useFixture(fixtures.MockPatchObject(module, name, value))

    def asked(self) -> loop.Loop:
        """A migrator that has asked Nova for it, and Nova has a record."""
        migrator = self.loop()
        migrator.until(
            lambda: scene.stage(self.mover) == 'request', 'the request'
        )
        wait_for(
            lambda: scene.migrations(self.mover) == ['accepted'],
            PATIENCE,
            'the record',
        )
        return migrator

    def test_scheduling_takes_longer_than_any_time_limit(self) -> None:
        """As when nova-scheduler is stopped for five minutes."""
        self.shorten(state_machine, REQUEST_TIMEOUT=0.0)
        self.shorten(stalled, BEGINS=0.0)
        release = self.hold()
        migrator = self.asked()
        nova = migrator.parts.nova
        (record,) = nova.accepted()
        self.assertEqual(self.mover, record.server_id)
        self.assertEqual([], nova.migrations(0.0))
        self.assert_held(migrator)
        # Another one leads, and knows of it only what Nova tells.
        migrator.parts.leader.release()
        # So all its 2 vCPUs have to fit, and a host has 2 cores.
        migrator = self.loop(hosts={'target_demand': 100})
        self.assert_held(migrator)
        self.assertIn('look at nova-conductor and', self.log_text())
        release()
        migrator.until_ended(self.mover)
        self.assertEqual({'unmeasured': 1}, migrator.outcomes())
        self.assertEqual(0, migrator.value('stalled_moves'))
        self.assertEqual(['completed'], scene.migrations(self.mover))
        self.assert_back(self.mover)

    def assert_held(self, migrator: loop.Loop) -> None:
        """It stays drained, and a person is called."""
        for _ in range(5):
            migrator.tick()
        self.assertEqual(['accepted'], scene.migrations(self.mover))
        self.assertEqual(['drain'], self.script.done(self.mover))
        self.assertEqual(1, migrator.value('stalled_moves'))

    def test_nova_loses_the_request(self) -> None:
        """It stays out until a person does as the log says."""
        self.shorten(state_machine, REQUEST_TIMEOUT=0.0)
        self.shorten(stalled, BEGINS=0.0)
        self.useFixture(
            fixtures.MockPatch(
                'nova.conductor.manager.ComputeTaskManager._live_migrate',
                lambda *args, **kwargs: None,
            )
        )
        migrator = self.loop()
        migrator.until(lambda: migrator.value('stalled_moves'), 'the alarm')
        for _ in range(5):
            migrator.tick()
        self.assertEqual('request', scene.stage(self.mover))
        self.assertEqual([], scene.migrations(self.mover))
        self.assertEqual(['drain'], self.script.done(self.mover))
        said = f'"openstack server set --state active {self.mover}"'
        self.assertEqual(1, self.log_text().count(said))
        scene.action(self.mover, 'os-resetState', {'state': 'active'})
        self.assert_undone(
            migrator, self.mover, 'Nova has no record', 'not_started'
        )
