import numpy as np
from oslotest import base

from steal_scheduler.model.demand import SPAN, STEP
from steal_scheduler.replay.calm import CalmHours

BOTH = np.arange(2)


class TestCalmHours(base.BaseTestCase):
    def of(self, calm: CalmHours) -> list[tuple[float, ...]]:
        return [history.cores for history in calm.of(BOTH)]

    def test_nothing_is_known_at_first(self) -> None:
        self.assertEqual([(), ()], self.of(CalmHours()))

    def test_who_waited_used_less_than_it_asked_for(self) -> None:
        calm = CalmHours()
        calm.add(np.array([1.0, 2.0]), np.array([0.02, 0.2]))
        calm.add(np.array([1.5, 2.5]), np.array([0.0, 0.0]))
        self.assertEqual([(1.0, 1.5), (2.5,)], self.of(calm))

    def test_who_was_not_there(self) -> None:
        calm = CalmHours()
        calm.add(np.array([1.0, np.nan]), np.array([0.0, np.nan]))
        self.assertEqual([(1.0,), ()], self.of(calm))

    def test_what_was_long_ago_says_little_of_now(self) -> None:
        """However few hours since then were calm."""
        for step in (float(STEP), 900.0):
            calm = CalmHours(step)
            calm.add(np.array([1.0, 1.0]), np.zeros(2))
            for _ in range(int(SPAN / step) - 1):
                calm.add(np.array([2.0, 2.0]), np.array([0.0, 9.0]))
            self.assertEqual((1.0,), self.of(calm)[1])
            calm.add(np.array([2.0, 2.0]), np.array([0.0, 9.0]))
            self.assertEqual((), self.of(calm)[1])
