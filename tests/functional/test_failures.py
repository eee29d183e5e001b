"""Whatever goes wrong with a move, the server is back at work at its end."""

from tests.functional import loop  # isort: skip (before Nova's)

import time
from collections.abc import Callable

from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.http import Fault
from tests.functional.scene import Guest, Scene

ZONES = {'az1': ['a1', 'a2', 'a3']}
ENDLESS = {'demo:seconds': 'never'}

# One migration at a time, so that a second one has to queue.
scene = Scene(ZONES, concurrent_migrations=1)
setUpModule, tearDownModule = scene.start, scene.stop


class FailureTestCase(loop.LoopTestCase):
    scene = scene

    def assert_undone(
        self,
        migrator: loop.Loop,
        mover: str,
        detail: str,
        outcome: str = 'failed',
    ) -> None:
        """It stays where it was, and it is back in its orchestrator."""
        (ended,) = migrator.until_ended(mover)
        self.assertIn(detail, ended.move.failure)
        self.assertEqual({outcome: 1}, migrator.outcomes())
        self.assertIn(f'is over: {outcome}', self.log_text())
        self.assertEqual('a1', scene.host(mover))
        self.assertEqual('ACTIVE', scene.cloud.servers.server(mover)['status'])
        self.assert_back(mover)

    def begin(self, mover: str, **sections: dict[str, object]) -> loop.Loop:
        """A migrator that has the server migrated just now."""
        migrator = self.loop(**sections)
        migrator.until(
            lambda: scene.stage(mover) == 'migrate', 'the migration'
        )
        return migrator


class TestMigration(FailureTestCase):
    """Nova's migration ends badly."""

    def _fails(self, where: str) -> None:
        mover = self.boot_sufferer(metadata={'demo:fail': where})
        self.assert_undone(
            self.loop(), mover, 'the migration ended as: '
        )
        self.assertEqual(1, len(scene.migrations(mover)))

    def test_precheck(self) -> None:
        self._fails('precheck')

    def test_pre(self) -> None:
        self._fails('pre')

    def test_run(self) -> None:
        self._fails('run')

    def test_post(self) -> None:
        """The guest has moved, but the target cannot finish."""
        mover = self.boot_sufferer(metadata={'demo:fail': 'post'})
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
        mover = self.boot_sufferer(**large)
        self.assert_undone(self.loop(), mover, 'ended as: error')

    def test_aborted(self) -> None:
        """By an operator."""
        mover = self.boot_sufferer(metadata=ENDLESS)
        migrator = self.begin(mover)
        scene.cloud.servers.abort(mover)
        self.assert_undone(migrator, mover, 'ended as: cancelled')

    def test_never_ends(self) -> None:
        mover = self.boot_sufferer(metadata=ENDLESS)
        migrator = self.begin(mover, stages={'migration_timeout': 1})
        self.assert_undone(migrator, mover, 'aborted: not done in 1 s')
        self.assertEqual(['cancelled'], scene.migrations(mover))

    def _queue(self, **stages: float) -> tuple[str, str, loop.Loop]:
        blocker = scene.boot(Guest('blocker', 'a3', 0.1, metadata=ENDLESS))[0]
        scene.cloud.servers.migrate(blocker)
        scene.cloud.servers.wait_migrated(blocker, 'running')
        mover = self.boot_sufferer(metadata=ENDLESS)
        migrator = self.loop(stages={'settle_time': 0, **stages})
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
        _, mover, migrator = self._queue(queue_timeout=1)
        self.assert_undone(migrator, mover, 'aborted: not done in 1 s')
        self.assertEqual(['cancelled'], scene.migrations(mover))


class TestApi(FailureTestCase):
    """nova-api fails for a while, and the move goes on."""

    def _away(self, fault: Fault, said: str) -> None:
        mover = self.boot_sufferer(metadata=ENDLESS)
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
        self._away(Fault.ERROR, 'No tick: Nova failed: ')

    def test_hang(self) -> None:
        self._away(Fault.HANG, 'No tick: Nova does not answer: ')

    def test_down(self) -> None:
        self._away(Fault.UNREACHABLE, 'No tick: Nova does not answer: ')

    def test_identity(self) -> None:
        """A new migrator cannot log in: it waits, and begins then."""
        mover = self.boot_sufferer()
        migrator = self.loop()
        scene.cloud.http.faults['identity'] = Fault.ERROR
        migrator.tick()
        self.assertEqual(1, migrator.value('tick_errors_total'))
        scene.cloud.http.lift()
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())


class TestTenant(FailureTestCase):
    """Somebody else does something to the server in the middle of it."""

    def _while_drained(self, act: Callable[[str], None]) -> tuple[
        str, loop.Loop
    ]:
        mover = self.boot_sufferer()
        self.script.let('drain', 'waits')
        migrator = self.loop()
        migrator.until(lambda: self.script.asked(mover), 'the drain')
        act(mover)
        migrator.tick()
        self.script.release()
        return mover, migrator

    def test_tag_removed(self) -> None:
        mover = self.boot_sufferer(metadata=ENDLESS)
        migrator = self.begin(mover)
        (tag,) = scene.tags(mover)
        scene.call('DELETE', f'/servers/{mover}/tags')
        migrator.until(lambda: scene.tags(mover), 'the tag to be back')
        self.assertEqual([tag], scene.tags(mover))
        scene.finish_migration(mover)
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assert_back(mover)

    def test_deleted_drained(self) -> None:
        mover, migrator = self._while_drained(self._delete)
        migrator.until_ended(mover)
        self.assertEqual({'gone': 1}, migrator.outcomes())
        self.assertEqual('reattach', self.script.done(mover)[-1])

    def test_deleted_migrating(self) -> None:
        mover = self.boot_sufferer(metadata={'demo:seconds': '2'})
        migrator = self.begin(mover)
        self._delete(mover)
        migrator.until_ended(mover)
        self.assertEqual({'gone': 1}, migrator.outcomes())
        self.assertEqual('reattach', self.script.done(mover)[-1])

    @staticmethod
    def _delete(id_: str) -> None:
        scene.call('DELETE', f'/servers/{id_}')
        wait_for(lambda: not scene.exists(id_), 30.0, 'it to be deleted')

    def test_locked(self) -> None:
        mover, migrator = self._while_drained(
            lambda id_: scene.action(id_, 'lock')
        )
        self.assert_undone(migrator, mover, 'it was locked', 'not_started')
        self.assertEqual([], scene.migrations(mover))

    def test_opted_out(self) -> None:
        mover, migrator = self._while_drained(
            lambda id_: scene.set_metadata(id_, {'steal:migrate': 'never'})
        )
        self.assert_undone(
            migrator,
            mover,
            'steal:migrate in its metadata says never',
            'not_started',
        )
        self.assertEqual([], scene.migrations(mover))

    def test_stopped(self) -> None:
        def stop(id_: str) -> None:
            scene.action(id_, 'os-stop')
            scene.wait_status(id_, 'SHUTOFF')

        mover, migrator = self._while_drained(stop)
        (ended,) = migrator.until_ended(mover)
        self.assertEqual('it is SHUTOFF', ended.move.failure)
        self.assertEqual([], scene.migrations(mover))
        self.assert_back(mover)


class TestOrchestrator(FailureTestCase):
    def test_refuses(self) -> None:
        mover = self.boot_sufferer()
        self.script.let('drain', 'refuses')
        migrator = self.loop()
        self.assert_undone(
            migrator,
            mover,
            'drain refused: status 3: as the test says',
            'not_started',
        )
        self.assertEqual([], scene.migrations(mover))

    def test_drain_never_ends(self) -> None:
        mover = self.boot_sufferer()
        self.script.let('drain', 'waits')
        migrator = self.loop(stages={'drain_timeout': 1})
        self.assert_undone(migrator, mover, '(drain_timeout)', 'not_started')

    def test_hangs(self) -> None:
        """It is killed and asked again; then it is undone."""
        mover = self.boot_sufferer()
        self.script.let('drain', 'hangs')
        migrator = self.loop(
            command={'timeout': 0.5}, stages={'drain_timeout': 3}
        )
        self.assert_undone(migrator, mover, '(drain_timeout)', 'not_started')
        self.assertGreater(self.script.asked(mover).count('drain'), 1)
        self.assertEqual([], self.script.processes())

    def test_reattach_refused(self) -> None:
        """It is asked again until it is back; its tag stays until then."""
        mover = self.boot_sufferer()
        self.script.let('reattach', 'refuses')
        migrator = self.loop()
        migrator.until(
            lambda: self.script.asked(mover).count('reattach') > 2,
            'it to be asked again',
        )
        self.assertEqual('reattach', scene.stage(mover))
        self.assertIn('can not be put back', self.log_text())
        self.script.release()
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assert_back(mover)


class TestBreaker(FailureTestCase):
    def test_opens(self) -> None:
        """After two failures in a row nothing starts, and it says why."""
        mover = self.boot_sufferer(metadata={'demo:fail': 'run'})
        migrator = self.loop(limits={'breaker_failures': 2, 'cooldown': 0})
        migrator.until(lambda: migrator.refused('breaker'), 'the breaker')
        for _ in range(3):
            migrator.tick()
        self.assertEqual(2, len(scene.migrations(mover)))
        self.assertEqual({'failed': 2}, migrator.outcomes())
        self.assertIn('No (breaker): the last 2 migrations', self.log_text())
        self.assert_back(mover)
