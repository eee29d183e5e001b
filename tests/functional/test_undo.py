"""A move that somebody stands in the way of, and that is taken back."""

from tests.functional import loop  # isort: skip (before Nova's)

from collections.abc import Callable

from steal_scheduler.demo.deadline import wait_for
from tests.functional.scene import Scene

ZONES = {'az1': ['a1', 'a2']}
ENDLESS = {'demo:seconds': 'never'}

scene = Scene(ZONES)
setUpModule, tearDownModule = scene.start, scene.stop


class UndoTestCase(loop.LoopTestCase):
    scene = scene


class TestTenant(UndoTestCase):
    """Somebody else does something to the server in the middle of it."""

    def _while_drained(
        self, act: Callable[[str], None]
    ) -> tuple[str, loop.Loop]:
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


class TestOrchestrator(UndoTestCase):
    def test_refuses(self) -> None:
        mover = self.boot_sufferer()
        self.script.let('drain', 'refuses')
        migrator = self.loop()
        self.assert_undone(
            migrator,
            mover,
            'drain refused: command: status 3: as the test says',
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
