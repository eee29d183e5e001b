"""What one zone cannot do holds up no other, on a real Nova."""

from tests.functional import loop, one  # isort: skip (before Nova's)

from steal_scheduler.demo.settings import Settings
from tests.functional.scene import Guest

scene = one.scene
setUpModule = one.set_up()

#: MiB: three servers fit on a host, and one beside what fills another.
LARGE = Settings.host_ram_mb * 3 // 10
FILLER = Settings.host_ram_mb * 8 // 10


class TestFullZone(loop.LoopTestCase):
    scene = scene

    def test_az2_is_cured_as_if_az1_had_memory(self) -> None:
        """There nobody is drained: Placement tells what is missing."""
        scene.boot(
            *(Guest(f'full-{h}', h, 0.1, ram_mb=FILLER) for h in ('a2', 'a3'))
        )
        stuck = scene.boot(
            *(Guest(f'stuck-{n}', 'a1', 1.5, ram_mb=LARGE) for n in range(3))
        )
        migrator = self.loop(limits={'breaker_failures': 2})
        migrator.until(
            lambda: migrator.refused('ram') == len(stuck), 'all to stay'
        )
        for id_ in stuck:
            self.assertEqual([], scene.migrations(id_))
            self.assertEqual([], self.script.asked(id_))
        mover = self.boot_contended('b1')
        migrator.tick()
        # At the very first poll that sees it.
        self.assertEqual('drain', scene.stage(mover))
        migrator.until_ended(mover)
        self.assertEqual(1, migrator.outcomes()['helped'])
        self.assertEqual('b2', scene.host(mover))
        self.assert_back(mover)
