"""Whatever goes wrong with a move, the server is back at work at its end."""

from tests.functional import loop  # isort: skip (before Nova's)

import time

import fixtures

from steal_scheduler.demo.http import Fault
from tests.functional.scene import Guest, Scene

ZONES = {'az1': ['a1', 'a2', 'a3']}
ENDLESS = {'demo:seconds': 'never'}

# One migration at a time, so that a second one has to queue.
scene = Scene(ZONES, concurrent_migrations=1)
setUpModule, tearDownModule = scene.start, scene.stop


class FailureTestCase(loop.LoopTestCase):
    scene = scene


class TestMigration(FailureTestCase):
    """Nova's migration ends badly."""

    def _fails(self, where: str) -> None:
        mover = self.boot_contended(metadata={'demo:fail': where})
        self.assert_undone(self.loop(), mover, 'the migration ended as: ')
        self.assertEqual(1, len(scene.migrations(mover)))

    def test_precheck(self) -> None:
        self._fails('precheck')

    def test_pre(self) -> None:
        self._fails('pre')

    def test_run(self) -> None:
        self._fails('run')

    def test_post(self) -> None:
        """The guest has moved, but the target cannot finish."""
        mover = self.boot_contended(metadata={'demo:fail': 'post'})
        migrator = self.loop()
        migrator.until(
            lambda: 'reattach' in self.script.done(mover), 'it to be back'
        )
        # In ERROR, Nova lets nobody take the tag off.
        self.assertEqual('ERROR', scene.cloud.servers.server(mover)['status'])
        asked = self.script.asked(mover)
        migrator.tick()
        self.assertEqual(asked, self.script.asked(mover))
        scene.action(mover, 'os-resetState', {'state': 'active'})
        migrator.until_ended(mover)
        self.assertEqual({'failed': 1}, migrator.outcomes())
        self.assert_back(mover)

    def test_no_valid_host(self) -> None:
        """There are cores for it, but no host has the memory."""
        large = {'ram_mb': 40000}
        scene.boot(Guest('two', 'a2', 0.1, **large))
        scene.boot(Guest('three', 'a3', 0.1, **large))
        mover = self.boot_contended(**large)
        self.assert_undone(self.loop(), mover, 'ended as: error')

    def test_aborted(self) -> None:
        """By an operator."""
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.begin(mover)
        scene.cloud.servers.abort(mover)
        self.assert_undone(migrator, mover, 'ended as: cancelled')

    def test_never_ends(self) -> None:
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.begin(mover, stages={'migration_timeout': 1})
        self.assert_undone(migrator, mover, 'aborted: not done in 1 s')
        self.assertEqual(['cancelled'], scene.migrations(mover))

    def _queue(self, **stages: float) -> tuple[str, str, loop.Loop]:
        blocker = scene.boot(Guest('blocker', 'a3', 0.1, metadata=ENDLESS))[0]
        scene.cloud.servers.migrate(blocker)
        scene.cloud.servers.wait_migrated(blocker, 'running')
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.loop(stages=stages)
        migrator.until(
            lambda: scene.migrations(mover) == ['queued'], 'the queue'
        )
        return blocker, mover, migrator

    def test_queued(self) -> None:
        """The time-out counts from when memory begins to be copied."""
        blocker, mover, migrator = self._queue(migration_timeout=1)
        (since,) = (m.since for m in migrator.migrator.moves.values())
        migrator.until(lambda: time.time() > since + 2, 'longer than it may')
        self.assertEqual(['queued'], scene.migrations(mover))
        scene.unblock(blocker)
        self.assert_undone(migrator, mover, 'aborted: not done in 1 s')
        self.assertEqual(['cancelled'], scene.migrations(mover))

    def test_queued_too_long(self) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(
                'steal_scheduler.moves.state_machine.QUEUE_TIMEOUT', 1.0
            )
        )
        _, mover, migrator = self._queue()
        self.assert_undone(migrator, mover, 'aborted: not done in 1 s')
        self.assertEqual(['cancelled'], scene.migrations(mover))


class TestApi(FailureTestCase):
    """nova-api fails for a while, and the move goes on."""

    def _away(self, fault: Fault, said: str) -> None:
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.begin(mover, nova={'timeout': 1})
        scene.measure()
        before = migrator.value('tick_errors_total')
        scene.cloud.http.faults['compute'] = fault
        for _ in range(3):
            migrator.tick(measure=False)
        scene.cloud.http.lift()
        self.assertEqual(before + 3, migrator.value('tick_errors_total'))
        self.assertIn(said, self.log_text())
        self.assertEqual(['drain'], self.script.done(mover))
        scene.finish_migration(mover)
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assert_back(mover)

    def test_error(self) -> None:
        self._away(Fault.ERROR, 'the next one comes: Nova failed: ')

    def test_hang(self) -> None:
        self._away(Fault.HANG, 'the next one comes: Nova does not answer: ')

    def test_down(self) -> None:
        self._away(
            Fault.UNREACHABLE, 'the next one comes: Nova does not answer: '
        )

    def test_identity(self) -> None:
        """A new migrator cannot log in: it waits, and begins then."""
        mover = self.boot_contended()
        migrator = self.loop()
        scene.cloud.http.faults['identity'] = Fault.ERROR
        migrator.tick()
        self.assertEqual(1, migrator.value('tick_errors_total'))
        scene.cloud.http.lift()
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())


class TestBreaker(FailureTestCase):
    def test_opens(self) -> None:
        """After two failures in a row nothing starts, and it says why."""
        mover = self.boot_contended(metadata={'demo:fail': 'run'})
        migrator = self.loop(limits={'breaker_failures': 2, 'cooldown': 0})
        migrator.until(lambda: migrator.refused('breaker'), 'the breaker')
        for _ in range(3):
            migrator.tick()
        self.assertEqual(2, len(scene.migrations(mover)))
        self.assertEqual({'failed': 2}, migrator.outcomes())
        self.assertIn('reason=breaker: the last 2 migrations', self.log_text())
        self.assert_back(mover)
