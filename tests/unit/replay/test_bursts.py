import numpy as np
from oslotest import base

from steal_scheduler.replay.bursts import Bursts, seconds_of
from tests.unit.replay.recordings import host, recording, server


class TestBursts(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        # None of them comes near its vCPUs.
        wants = {
            server(f's{n}', 'a', vcpus=64): [1.0, 2.0] for n in range(2000)
        }
        self.recording = recording([host('a')], {**wants}, minutes=10)

    def test_the_means_are_kept(self) -> None:
        for row, mean in ((0, 1.0), (1, 2.0)):
            found = seconds_of(self.recording, row, seed=1)
            self.assertEqual((300, 2000), found.shape)
            self.assertGreaterEqual(found.min(), 0)
            self.assertTrue(np.allclose(found.mean(axis=0), mean))

    def test_the_greatest_seconds(self) -> None:
        """1.93 times the mean at the median, 4.08 at the 90th percentile."""
        greatest = seconds_of(self.recording, 0, seed=1).max(axis=0)
        middle, high = np.quantile(greatest, [0.5, 0.9])
        self.assertAlmostEqual(1.93, middle, delta=0.1)
        self.assertAlmostEqual(4.08, high, delta=0.4)

    def test_never_over_the_vcpus(self) -> None:
        made = recording([host('a')], {server('s', 'a', vcpus=1): 0.9})
        for seed in range(20):
            self.assertLessEqual(seconds_of(made, 0, seed).max(), 1.0)

    def test_a_minute_at_a_time(self) -> None:
        bursts = Bursts(self.recording, 1)
        minutes = [bursts.minute(60.0 * n) for n in range(10)]
        whole = [seconds_of(self.recording, row, 1) for row in (0, 1)]
        self.assertTrue(
            (np.concatenate(minutes) == np.concatenate(whole)).all()
        )

    def test_another_seed(self) -> None:
        one, other = (seconds_of(self.recording, 0, seed) for seed in (1, 2))
        self.assertFalse((one == other).all())
