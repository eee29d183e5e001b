from oslotest import base

from steal_scheduler.migrator.rate import INTERVAL, MOST, Rate


class TestRate(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.rate = Rate()

    def asks(self, who: str, now: float, times: int) -> int:
        """How many are let through."""
        return sum(self.rate.allows(who, now) for _ in range(times))

    def test_some_at_once_then_one_at_a_time(self) -> None:
        self.assertEqual(MOST, self.asks('p', 1000.0, 3 * MOST))
        for n in range(1, 5):
            now = 1000.0 + n * INTERVAL
            self.assertEqual(0, self.asks('p', now - 0.1, 3), n)
            self.assertEqual(1, self.asks('p', now, 3), n)

    def test_whoever_rests_may_ask_again(self) -> None:
        self.asks('p', 1000.0, MOST)
        later = 1000.0 + 10 * MOST * INTERVAL
        self.assertEqual(MOST, self.asks('p', later, 3 * MOST))

    def test_each_for_itself(self) -> None:
        self.asks('p', 1000.0, 3 * MOST)
        self.assertEqual(MOST, self.asks('q', 1000.0, MOST))

    def test_nobody_is_remembered_for_long(self) -> None:
        for n in range(1000):
            self.rate.allows(f'p{n}', 1000.0 + n * INTERVAL)
        self.assertEqual(1, self.rate.known)
