"""A move that somebody stands in the way of, and that is taken back."""

from tests.functional import loop  # isort: skip (before Nova's)

from collections.abc import Callable
from typing import Any

from nova import context, objects

from steal_scheduler.demo import image
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.model.move import Stage
from tests.functional.scene import Scene

ZONES = {'az1': ['a1', 'a2']}
ENDLESS = {'demo:seconds': 'never'}

scene = Scene(ZONES)
setUpModule, tearDownModule = scene.start, scene.stop


def set_state(id_: str, **fields: str | None) -> None:
    """In Nova's database, as if it had just done it, or were about to."""
    admin = context.get_admin_context()
    found = objects.InstanceMapping.get_by_instance_uuid(admin, id_)
    with context.target_cell(admin, found.cell_mapping) as cell:
        instance = objects.Instance.get_by_uuid(cell, id_)
        instance.update(fields)
        instance.save()


class UndoTestCase(loop.LoopTestCase):
    scene = scene


class TestTenant(UndoTestCase):
    """Somebody else does something to the server in the middle of it."""

    def _while_drained(
        self, act: Callable[[str], None]
    ) -> tuple[str, loop.Loop]:
        mover = self.boot_contended()
        self.script.let('drain', 'waits')
        migrator = self.loop()
        migrator.until(lambda: self.script.asked(mover), 'the drain')
        act(mover)
        migrator.tick()
        self.script.release()
        return mover, migrator

    def test_tag_removed(self) -> None:
        mover = self.boot_contended(metadata=ENDLESS)
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
        mover = self.boot_contended(metadata={'demo:seconds': '2'})
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
        self.assert_undone(migrator, mover, 'it is locked', 'not_started')
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


class TestUnfit(UndoTestCase):
    """What is drained is put back, and not moved, once it cannot be."""

    def _unfit(
        self,
        act: str,
        body: Any,
        status: str,
        undo: tuple[str, Any],
        said: str = '',
    ) -> None:
        """Somebody asks Nova for something, and later to take it back."""
        mover = self.boot_contended()
        self.script.let('drain', 'waits')
        migrator = self.loop()
        migrator.until(lambda: self.script.asked(mover), 'the drain')
        scene.action(mover, act, body)
        scene.wait_status(mover, status)
        self.script.release()
        migrator.until(
            lambda: 'reattach' in self.script.done(mover), 'it to be back'
        )
        # Of some of these Nova lets nobody take the tag off.
        scene.action(mover, *undo)
        scene.wait_status(mover, 'ACTIVE')
        (ended,) = migrator.until_ended(mover)
        self.assertIn(said or f'it is {status}', ended.move.failure)
        self.assertEqual([], self._ours(mover))
        self.assert_back(mover)

    @staticmethod
    def _ours(id_: str) -> list[str]:
        return [
            m['status']
            for m in scene.cloud.servers.migrations(id_)
            if m['migration_type'] == 'live-migration'
        ]

    def test_paused(self) -> None:
        self._unfit('pause', None, 'PAUSED', ('unpause', None))

    def test_suspended(self) -> None:
        self._unfit('suspend', None, 'SUSPENDED', ('resume', None))

    def test_shelved(self) -> None:
        """No Glance is here that would keep its image."""
        mover, migrator = self._drained()
        set_state(mover, vm_state='shelved_offloaded', host=None)
        self.script.release()
        migrator.until(
            lambda: 'reattach' in self.script.done(mover), 'it to be back'
        )
        set_state(mover, vm_state='active', host='a1')
        (ended,) = migrator.until_ended(mover)
        self.assertIn('it is SHELVED_OFFLOADED', ended.move.failure)
        self.assertEqual([], scene.migrations(mover))
        self.assert_back(mover)

    def test_resized(self) -> None:
        self._unfit(
            'resize',
            {'flavorRef': scene.flavor(ram_mb=600)},
            'VERIFY_RESIZE',
            ('confirmResize', None),
        )

    def test_failed(self) -> None:
        self._unfit(
            'os-resetState',
            {'state': 'error'},
            'ERROR',
            ('os-resetState', {'state': 'active'}),
        )

    def _drained(self) -> tuple[str, loop.Loop]:
        mover = self.boot_contended()
        self.script.let('drain', 'waits')
        migrator = self.loop()
        migrator.until(lambda: self.script.asked(mover), 'the drain')
        return mover, migrator

    def test_moved_by_somebody(self) -> None:
        mover, migrator = self._drained()
        scene.cloud.servers.migrate(mover)
        scene.cloud.servers.wait_migrated(mover)
        self.script.release()
        (ended,) = migrator.until_ended(mover)
        self.assertIn('somebody moved it to a2', ended.move.failure)
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assert_back(mover)

    def test_being_moved_by_somebody(self) -> None:
        mover = self.boot_contended(metadata=ENDLESS)
        self.script.let('drain', 'waits')
        migrator = self.loop()
        migrator.until(lambda: self.script.asked(mover), 'the drain')
        scene.cloud.servers.migrate(mover)
        scene.cloud.servers.wait_migrated(mover, 'running')
        self.script.release()
        (ended,) = migrator.until_ended(mover)
        self.assertIn('it is MIGRATING', ended.move.failure)
        # And theirs is left alone.
        self.assertEqual(['running'], scene.migrations(mover))
        self.assert_back(mover)

    def test_moved_by_somebody_in_vain(self) -> None:
        """It is where it was: it is not migrated once more for that."""
        mover, migrator = self._drained()
        scene.set_metadata(mover, {'demo:fail': 'run'})
        scene.cloud.servers.migrate(mover)
        scene.cloud.servers.wait_migrated(mover, 'failed')
        scene.wait_status(mover, 'ACTIVE')
        self.script.release()
        (ended,) = migrator.until_ended(mover)
        self.assertIn('somebody else had it migrated', ended.move.failure)
        self.assertEqual(['failed'], scene.migrations(mover))
        self.assert_back(mover)

    def test_rebuilt(self) -> None:
        """Once it is ACTIVE again it is as fit as before."""
        mover, migrator = self._drained()
        scene.action(mover, 'rebuild', {'imageRef': image.IMAGE_ID})
        scene.wait_status(mover, 'ACTIVE')
        self.script.release()
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assert_back(mover)

    def test_a_snapshot_is_taken(self) -> None:
        """Nova would refuse: it stays ACTIVE, and is busy all the same."""
        mover, migrator = self._drained()
        set_state(mover, task_state='image_snapshot')
        self.script.release()
        (ended,) = migrator.until_ended(mover)
        self.assertIn('busy with it: image_snapshot', ended.move.failure)
        self.assertEqual([], scene.migrations(mover))
        self.assert_back(mover)

    def test_a_snapshot_is_taken_before(self) -> None:
        mover = self.boot_contended()
        set_state(mover, task_state='image_snapshot')
        migrator = self.loop()
        migrator.until(lambda: migrator.refused('not_active'), 'the refusal')
        self.assertEqual([], scene.tags(mover))
        set_state(mover, task_state=None)
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())


class TestTags(UndoTestCase):
    """A tenant removes or forges them in each stage."""

    def _meddle(self, meddle: Callable[[str], None]) -> None:
        mover = self.boot_contended(metadata={'demo:seconds': '1'})
        migrator = self.loop()
        met: list[str] = []

        def over() -> bool:
            stage = scene.stage(mover)
            if stage and (not met or met[-1] != stage):
                met.append(stage)
                meddle(mover)
            return bool(migrator.journal.all_ended)

        migrator.until(over, 'the end', seconds=90)
        self.assertLessEqual({'drain', 'request', 'migrate'}, {*met})
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assert_back(mover)

    def test_removed(self) -> None:
        self._meddle(lambda id_: scene.call('DELETE', f'/servers/{id_}/tags'))

    def test_forged(self) -> None:
        def forge(id_: str) -> None:
            for stage in Stage:
                tag = f'steal:{stage}:9999999999'
                scene.call('PUT', f'/servers/{id_}/tags/{tag}')

        self._meddle(forge)

    def test_forged_over_a_restart(self) -> None:
        """That it is back: it is asked for all the same."""
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.begin(mover)
        migrator.parts.close()
        tag = 'steal:verify:9999999999'
        scene.call('PUT', f'/servers/{mover}/tags/{tag}')
        scene.finish_migration(mover)
        migrator = self.loop()
        migrator.until_ended(mover)
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assert_back(mover)


class TestOrchestrator(UndoTestCase):
    def test_refuses(self) -> None:
        mover = self.boot_contended()
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
        mover = self.boot_contended()
        self.script.let('drain', 'waits')
        migrator = self.loop(stages={'drain_timeout': 1})
        self.assert_undone(migrator, mover, '(drain_timeout)', 'not_started')

    def test_hangs(self) -> None:
        """It is killed and asked again; then it is undone."""
        mover = self.boot_contended()
        self.script.let('drain', 'hangs')
        migrator = self.loop(
            command={'timeout': 0.5}, stages={'drain_timeout': 3}
        )
        self.assert_undone(migrator, mover, '(drain_timeout)', 'not_started')
        self.assertGreater(self.script.asked(mover).count('drain'), 1)
        self.assertEqual([], self.script.processes())

    def test_reattach_refused(self) -> None:
        """It is asked again until it is back; its tag stays until then."""
        mover = self.boot_contended()
        self.script.let('reattach', 'refuses')
        migrator = self.loop()
        migrator.until(
            lambda: self.script.asked(mover).count('reattach') > 2,
            'it to be asked again',
        )
        self.assertEqual('reattach', scene.stage(mover))
        self.assertIn('cannot be reattached', self.log_text())
        self.script.release()
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assert_back(mover)
