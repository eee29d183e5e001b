"""Nova's notifications wake the loop; without them it looks by itself."""

from tests.functional import loop  # isort: skip (before Nova's)

import threading
import time
from typing import Any

from steal_scheduler.demo.deadline import wait_for
from tests.functional.scene import Guest, Scene

ZONES = {'az1': ['a1', 'a2', 'a3']}
ENDLESS = {'demo:seconds': 'never'}
#: Seconds; much longer than anything else here.
STEP = 25.0

scene = Scene(ZONES, notifications=True)


def setUpModule() -> None:
    scene.start()
    scene.load.start()


def tearDownModule() -> None:
    scene.load.stop()
    scene.stop()


class TestWake(loop.LoopTestCase):
    scene = scene

    def run_loop(self, step_interval: float, *, listen: bool) -> loop.Loop:
        migrator = self.loop(
            migrator={
                'wake_on_notifications': listen,
                'poll_interval': step_interval,
                'step_interval': step_interval,
            }
        )
        self.overhear(migrator)
        migrator.parts.open()
        thread = threading.Thread(target=migrator.migrator.run)
        self.addCleanup(thread.join)
        self.addCleanup(migrator.migrator.stop)
        thread.start()
        return migrator

    def overhear(self, migrator: loop.Loop) -> None:
        """Keep what wakes it: notifications, and how often it was woken."""
        self.heard: list[str] = []
        self.woken = 0
        wake, waker = migrator.parts.wake, migrator.parts.waker
        set_wake, info = wake.set, waker.info

        def count() -> None:
            self.woken += 1
            set_wake()

        def hear(
            ctxt: Any, publisher_id: str, event_type: str, *rest: Any
        ) -> Any:
            handled = info(ctxt, publisher_id, event_type, *rest)
            self.heard.append(event_type)
            return handled

        self.patch(wake, 'set', count)
        self.patch(waker, 'info', hear)

    def migrating(self) -> tuple[str, loop.Loop]:
        """A server that a migrator has migrated now."""
        mover = self.boot_sufferer(metadata=ENDLESS)
        # Its first poll must see it: the next one is far away.
        scene.measure()
        migrator = self.run_loop(STEP, listen=True)

        def running() -> bool:
            migrator.parts.wake.set()
            return scene.migrations(mover) == ['running']

        wait_for(running, 60.0, 'the migration', 0.5)
        wait_for(
            lambda: not migrator.parts.wake.is_set(), 30.0, 'the last tick'
        )
        return mover, migrator

    def test_end_is_seen(self) -> None:
        mover, _ = self.migrating()
        begun = time.monotonic()
        scene.finish_migration(mover)
        wait_for(
            lambda: scene.stage(mover) in ('reattach', 'verify'),
            STEP - 5,
            'the end to be seen',
        )
        self.assertLess(time.monotonic() - begun, STEP - 5)

    def test_failure_is_seen(self) -> None:
        mover, _ = self.migrating()
        scene.cloud.servers.abort(mover)
        wait_for(
            lambda: scene.stage(mover) in ('undo', None),
            STEP - 5,
            'the end to be seen',
        )

    def test_others_do_not_wake(self) -> None:
        """A migration that an operator asked for is none of ours."""
        self.migrating()
        (other,) = scene.boot(Guest('other', 'a3', 0.1))
        before = self.woken
        scene.cloud.servers.migrate(other)
        wait_for(
            lambda: 'instance.live_migration_post_dest.end' in self.heard,
            30.0,
            'the notification',
        )
        self.assertEqual(before, self.woken)

    def test_without(self) -> None:
        """Nova may notify whom it likes: the loop looks by itself."""
        mover = self.boot_sufferer()
        migrator = self.run_loop(0.2, listen=False)
        wait_for(
            lambda: migrator.outcomes() == {'helped': 1}, 60.0, 'the cure'
        )
        self.assert_back(mover)
