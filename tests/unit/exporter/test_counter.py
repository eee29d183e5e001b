from oslotest import base

from steal_scheduler.exporter.counter import Histogram, KernelCounter

SECOND = 1_000_000_000


class TestKernelCounter(base.BaseTestCase):
    def test_deltas(self) -> None:
        counter = KernelCounter(100, at=0.0)
        self.assertEqual(5, counter.add(105, at=1.0))
        self.assertEqual(0, counter.add(105, at=2.0))
        self.assertEqual(SECOND, counter.add(105 + SECOND, at=3.0))

    def test_back_is_no_delta_and_a_new_beginning(self) -> None:
        counter = KernelCounter(100, at=0.0)
        self.assertIsNone(counter.add(40, at=1.0))
        self.assertEqual(2, counter.add(42, at=2.0))

    def test_huge(self) -> None:
        counter = KernelCounter(0, at=0.0)
        self.assertIsNone(counter.add(2 * SECOND + 1, at=1.0))
        self.assertEqual(7, counter.add(2 * SECOND + 8, at=2.0))

    def test_a_long_wait_comes_at_once(self) -> None:
        counter = KernelCounter(0, at=0.0)
        for at in range(1, 9):
            self.assertEqual(0, counter.add(0, float(at)))
        self.assertEqual(9 * SECOND, counter.add(9 * SECOND, at=9.0))
        # It cannot do so again.
        self.assertIsNone(counter.add(18 * SECOND, at=10.0))


class TestHistogram(base.BaseTestCase):
    def test_it(self) -> None:
        histogram = Histogram((0.1, 1.0))
        for value, times in ((0.0, 1), (0.1, 2), (0.5, 3), (2.0, 4)):
            histogram.observe(value, times)
        self.assertEqual(
            [('0.1', 3.0), ('1.0', 6.0), ('+Inf', 10.0)], histogram.buckets()
        )
        self.assertAlmostEqual(0.2 + 1.5 + 8.0, histogram.sum)
