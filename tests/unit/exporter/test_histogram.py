from oslotest import base

from steal_scheduler.exporter.histogram import Histogram


class TestHistogram(base.BaseTestCase):
    def test_it(self) -> None:
        histogram = Histogram((0.1, 1.0))
        for value, times in ((0.0, 1), (0.1, 2), (0.5, 3), (2.0, 4)):
            histogram.observe(value, times)
        self.assertEqual(
            [('0.1', 3.0), ('1.0', 6.0), ('+Inf', 10.0)], histogram.buckets()
        )
        self.assertAlmostEqual(0.2 + 1.5 + 8.0, histogram.sum)
