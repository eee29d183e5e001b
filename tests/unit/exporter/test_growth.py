from oslotest import base

from steal_scheduler.exporter.growth import Growth

SECOND = 1_000_000_000


class TestGrowth(base.BaseTestCase):
    def test_deltas(self) -> None:
        growth = Growth(100, at=0.0)
        self.assertEqual(5, growth.add(105, at=1.0))
        self.assertEqual(0, growth.add(105, at=2.0))
        self.assertEqual(SECOND, growth.add(105 + SECOND, at=3.0))

    def test_back_is_no_delta_and_a_new_beginning(self) -> None:
        growth = Growth(100, at=0.0)
        self.assertIsNone(growth.add(40, at=1.0))
        self.assertEqual(2, growth.add(42, at=2.0))

    def test_huge(self) -> None:
        growth = Growth(0, at=0.0)
        self.assertIsNone(growth.add(2 * SECOND + 1, at=1.0))
        self.assertEqual(7, growth.add(2 * SECOND + 8, at=2.0))

    def test_a_long_wait_comes_at_once(self) -> None:
        growth = Growth(0, at=0.0)
        for at in range(1, 9):
            self.assertEqual(0, growth.add(0, float(at)))
        self.assertEqual(9 * SECOND, growth.add(9 * SECOND, at=9.0))
        # It cannot do so again.
        self.assertIsNone(growth.add(18 * SECOND, at=10.0))
