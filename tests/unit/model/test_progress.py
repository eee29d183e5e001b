import math
from collections.abc import Callable

from oslotest import base

from steal_scheduler.model.progress import (
    PASSES,
    STANDSTILL,
    Copied,
    Progress,
    progress,
)
from tests.unit.make import NOW

#: Seconds between two words of Nova.
INTERVAL = 5.0


def watch(
    total_mb: float, rate: float, rewritten: Callable[[int], float]
) -> tuple[bool, float]:
    """Follow a copy to its end, or until it is hopeless.

    :param rate: MiB per second
    :param rewritten: MiB that are written anew while a pass goes on, by the
        number of that pass
    :returns: whether it is hopeless, and how many MiB were copied
    """
    seen, now = None, NOW
    done, begun, number, size = 0.0, 0.0, 0, total_mb
    while size > rate * 0.3:
        now += INTERVAL
        done += rate * INTERVAL
        while size > rate * 0.3 and done >= begun + size:
            begun += size
            size = min(rewritten(number), total_mb)
            number += 1
        left = max(begun + size - done, 0.0)
        seen = progress(seen, Copied(done, left), now)
        if seen.hopeless:
            return True, done
    return False, done


class TestProgress(base.BaseTestCase):
    def test_one_that_gets_on_is_never_hopeless(self) -> None:
        for share in (0.1, 0.5, 0.8):
            hopeless, _ = watch(
                400_000, 1000, lambda n, s=share: 400_000 * s ** (n + 1)
            )
            self.assertFalse(hopeless, share)

    def test_nor_is_one_that_auto_converge_slows_down(self) -> None:
        """20 % after two passes, and 10 % more with each further one."""

        def rewritten(number: int) -> float:
            nonlocal size
            throttle = 0.2 + 0.1 * (number - 2) if number >= 2 else 0.0
            size = min(size * 1.2 * (1 - throttle), total)
            return size

        for total, rate in ((400_000, 1000), (400_000, 110), (64_000, 1000)):
            size = float(total)
            self.assertEqual(False, watch(total, rate, rewritten)[0])

    def test_the_whole_is_written_all_the_time(self) -> None:
        """It is known after five copies of the whole, and not of all day."""
        for rate in (110, 1000, 2500):
            hopeless, done = watch(400_000, rate, lambda n: 400_000)
            self.assertTrue(hopeless)
            self.assertLess(done, (PASSES + 1.2) * 400_000)

    def test_a_part_is_written_all_the_time(self) -> None:
        """After the first pass a few of the small ones suffice."""
        hopeless, done = watch(400_000, 1000, lambda n: 40_000)
        self.assertTrue(hopeless)
        self.assertLess(done, 650_000 + 30_000 * PASSES)

    def test_a_small_server_is_watched_for_some_minutes(self) -> None:
        hopeless, done = watch(4096, 1000, lambda n: 4096)
        self.assertTrue(hopeless)
        self.assertGreaterEqual(done, 1000 * 30 * (PASSES + 1))
        self.assertLess(done, 1000 * 1800)

    def test_nothing_is_copied_any_more(self) -> None:
        seen = progress(None, Copied(100.0, 900.0), NOW)
        seen = progress(seen, Copied(200.0, 800.0), NOW + 10)
        for later, hopeless in ((STANDSTILL, False), (STANDSTILL + 1, True)):
            now = NOW + 10 + later
            seen = progress(seen, Copied(200.0, 800.0), now)
            self.assertEqual(hopeless, bool(seen.hopeless))
        # Nobody looked meanwhile.
        seen = progress(seen, Copied(201.0, 799.0), now + 900)
        self.assertEqual('', seen.hopeless)

    def test_another_copy_begins(self) -> None:
        before = Progress(900.0, NOW, NOW, NOW, 0.0, 900.0, 500.0, PASSES)
        after = progress(before, Copied(10.0, 990.0), NOW + 5)
        self.assertEqual(
            (0, math.inf, 10.0),
            (after.flat, after.lowest_mb, after.processed_mb),
        )
