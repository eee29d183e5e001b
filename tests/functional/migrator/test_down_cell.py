"""A cell of Nova's is down for a while."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import time

from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.model.cloud import Fleet
from tests.functional import cell
from tests.functional.scene import Guest
from tests.shared import PATIENCE

ENDLESS = {'demo:seconds': 'never'}

scene = one.scene
setUpModule = one.set_up()


class TestDownCell(loop.LoopTestCase):
    scene = scene

    def test_a_move_waits_and_comes_to_its_end(self) -> None:
        """Its server may be migrated meanwhile, so it is not reattached."""
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.begin(mover)
        with cell.down():
            for _ in range(6):
                migrator.tick(measure=False)
            self.assertEqual(
                ['migrate'],
                [str(m.stage) for m in migrator.migrator.moves.values()],
            )
            self.assertEqual(0, migrator.value('tick_errors_total'))
            self.assertNotIn('reattach', self.script.asked(mover))
            said = self.log_text().count('Nova does not tell of 1 server')
            self.assertEqual(1, said)
        scene.finish_migration(mover)
        wait_for(lambda: scene.is_active(mover), PATIENCE, 'its arrival')
        (ended,) = migrator.until_ended(mover)
        self.assertEqual(scene.host(mover), ended.move.target)
        self.assertNotEqual('a1', scene.host(mover))
        self.assert_back(mover)

    def test_a_drain_ends_without_its_cell(self) -> None:
        """Nova was not asked to migrate it, and takes no tag of it now."""
        mover = self.boot_contended()
        self.script.let('drain', 'waits')
        migrator = self.loop()
        migrator.until(lambda: self.script.asked(mover), 'the drain')
        with cell.down():
            migrator.tick(measure=False)
            self.assertNotIn('reattach', self.script.asked(mover))
            later = time.time() + 700
            for n in range(3):
                migrator.migrator.guarded_tick(later + n)
            self.assertEqual(['reattach'], self.script.done(mover))
            (move,) = migrator.migrator.moves.values()
            self.assertTrue(move.back)
            self.assertEqual(0, migrator.value('tick_errors_total'))
        self.script.release()
        migrator.until_ended(mover)
        self.assertEqual({'not_started': 1}, migrator.outcomes())
        self.assert_back(mover)

    def test_a_page_after_one_of_its_servers(self) -> None:
        """Nobody is forgotten, and nobody is told of as if seen now."""
        ids = {*scene.boot(*(Guest(f's{n}', 'a1', 0.1) for n in range(2)))}
        cache, now = self.loop().parts.nova_cache, 1000.0

        def refresh() -> Fleet:
            nonlocal now
            now += 1
            return cache.refresh(now)

        refresh()
        # It reads the one page there is, after which the next one begins.
        refresh()
        with cell.down():
            for _ in range(3):
                fleet = refresh()
                self.assertEqual({}, fleet.unread)
                self.assertEqual(ids, fleet.servers.keys())
            self.assertEqual(ids, fleet.unread_servers)
        for _ in range(2):
            fleet = refresh()
        self.assertEqual(ids, fleet.servers.keys())
        self.assertEqual(frozenset(), fleet.unread_servers)
