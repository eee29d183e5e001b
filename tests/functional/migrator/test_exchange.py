"""Room is made first where no host has any, on a real Nova and Placement."""

from tests.functional import loop, one  # isort: skip (before Nova's)

from steal_scheduler.demo.settings import Settings
from tests.functional.scene import Guest

scene = one.scene
setUpModule = one.set_up()

#: MiB: a tenth of what a host has.
TENTH = Settings.host_ram_mb // 10


class TestExchange(loop.LoopTestCase):
    scene = scene

    def test_room_is_made_first(self) -> None:
        """a2 gives a server to a3, and then has room for one of a1."""
        ids = scene.boot(
            *(Guest(f'large-{n}', 'a1', ram_mb=3 * TENTH) for n in range(2))
        )
        _, giver, _ = scene.boot(
            Guest('filler-2', 'a2', 0.1, ram_mb=6 * TENTH),
            Guest('giver', 'a2', 0.1, ram_mb=2 * TENTH),
            Guest('filler-3', 'a3', 0.1, ram_mb=15 * TENTH // 2),
        )
        migrator = self.loop()
        migrator.until(
            lambda: scene.host(giver) == 'a3', 'room to be made on a2'
        )
        # Nobody was drained for whom there was no room yet.
        for id_ in ids:
            self.assertEqual([], self.script.asked(id_))

        def gone() -> list[str]:
            return [id_ for id_ in ids if scene.host(id_) == 'a2']

        migrator.until(gone, 'one to take its place')
        (mover,) = gone()
        migrator.until_ended(mover)
        migrator.until_ended(giver)
        self.assertEqual({'helped': 1, 'unmeasured': 1}, migrator.outcomes())
        for id_ in (giver, mover):
            self.assertEqual(['completed'], scene.migrations(id_))

    def test_it_goes_where_the_other_one_comes_from(self) -> None:
        """No third host has room: Nova places it on the contended one."""
        ids = scene.boot(
            *(Guest(f'large-{n}', 'a1', ram_mb=3 * TENTH) for n in range(2))
        )
        _, giver, _ = scene.boot(
            Guest('filler-2', 'a2', 0.1, ram_mb=6 * TENTH),
            Guest('giver', 'a2', 0.1, ram_mb=2 * TENTH),
            Guest('filler-3', 'a3', 0.1, ram_mb=9 * TENTH),
        )
        migrator = self.loop()
        migrator.until(
            lambda: 'a2' in [scene.host(id_) for id_ in ids],
            'one to take its place',
        )
        self.assertEqual('a1', scene.host(giver))
        migrator.until_ended(giver)
        for id_ in scene.ids():
            self.assertNotIn('error', scene.migrations(id_))
