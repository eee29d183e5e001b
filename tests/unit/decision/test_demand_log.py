import math

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision.demand_log import MOST, TRIES, DemandLog
from steal_scheduler.model.demand import STEP
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import NOW

_SAMPLES = st.lists(
    st.dictionaries(
        st.sampled_from('abc'), st.integers(0, 64).map(lambda n: n / 4)
    ),
    max_size=6,
)


def log(*samples: dict[str, float]) -> DemandLog:
    made = DemandLog()
    for n, sample in enumerate(samples):
        made.add(NOW + n * STEP, sample)
    return made


class TestDemandLog(base.BaseTestCase):
    def test_when_it_is_time(self) -> None:
        made = DemandLog()
        self.assertTrue(made.is_due(NOW))
        made.add(NOW, {})
        for later, due in ((0, False), (240, False), (295, True), (-9, True)):
            self.assertEqual(due, made.is_due(NOW + later), later)

    def test_the_oldest_first(self) -> None:
        made = log({'a': 1.0}, {'a': 2.0})
        self.assertEqual([1.0, 2.0], made.of('a', 9.0))

    def test_what_was_not_measured_is_as_now(self) -> None:
        made = log({'a': 1.0}, {'b': 2.0}, {'a': 3.0, 'b': 4.0})
        self.assertEqual([1.0, 9.0, 3.0], made.of('a', 9.0))
        self.assertEqual([9.0, 2.0, 4.0], made.of('b', 9.0))
        self.assertEqual([9.0] * 3, made.of('c', 9.0))

    def test_only_the_last_hours(self) -> None:
        made = log(*({'a': float(n)} for n in range(MOST + 2)))
        self.assertEqual(MOST, made.samples)
        self.assertEqual([2.0, 3.0], made.of('a', 0.0)[:2])

    def test_who_is_gone_is_forgotten(self) -> None:
        made = log({'a': 1.0}, *[{'b': 1.0}] * MOST)
        self.assertEqual([9.0] * MOST, made.of('a', 9.0))
        self.assertEqual([1.0] * MOST, made.of('b', 9.0))

    def test_what_is_missing_before(self) -> None:
        made = DemandLog()
        self.assertEqual(NOW - STEP, made.lacks(NOW))
        made.add_before(NOW - STEP, {'a': 1.0})
        self.assertTrue(made.is_due(NOW))
        made.add(NOW, {'a': 2.0})
        self.assertEqual(NOW - 2 * STEP, made.lacks(NOW + 60))
        self.assertEqual([1.0, 2.0], made.of('a', 9.0))

    def test_nothing_is_missing_where_it_goes_back_for_hours(self) -> None:
        made = log(*[{'a': 1.0}] * (MOST - 1))
        self.assertIsNotNone(made.lacks(NOW + MOST * STEP))
        made.add_before(NOW - STEP, {'a': 2.0})
        self.assertIsNone(made.lacks(NOW + MOST * STEP))
        self.assertEqual([2.0, 1.0], made.of('a', 9.0)[:2])
        made.add(NOW + MOST * STEP, {'a': 3.0})
        self.assertEqual([1.0] * (MOST - 1) + [3.0], made.of('a', 9.0))

    def test_nobody_can_tell(self) -> None:
        made = log({'a': 1.0})
        for n in range(1, TRIES + 1):
            self.assertIsNotNone(made.lacks(NOW + STEP))
            self.assertEqual(n == TRIES, made.untold())
        self.assertIsNone(made.lacks(NOW + STEP))

    def test_who_tells_again_is_asked_again(self) -> None:
        made = DemandLog()
        for _ in range(2 * TRIES):
            made.untold()
            then = made.lacks(NOW)
            assert then is not None
            made.add_before(then, {'a': 1.0})
        self.assertEqual([1.0] * 2 * TRIES, made.of('a', 9.0))

    def test_a_clock_that_was_set_back(self) -> None:
        made = log({'a': 1.0})
        self.assertEqual(NOW - 3600 - STEP, made.lacks(NOW - 3600))

    @given(_SAMPLES, _SAMPLES)
    def test_any_samples_before(
        self, before: list[dict[str, float]], after: list[dict[str, float]]
    ) -> None:
        """It is the same whether it was there or heard of it."""
        made, told = log(*before, *after), log(*after)
        for sample in reversed(before):
            then = told.lacks(NOW)
            assert then is not None
            told.add_before(then, sample)
        self.assertEqual(made.samples, told.samples)
        for server_id in 'abc':
            self.assertEqual(made.of(server_id, 9.0), told.of(server_id, 9.0))

    @given(_SAMPLES)
    def test_any_samples(self, samples: list[dict[str, float]]) -> None:
        made = log(*samples)
        for server_id in 'abc':
            found = made.of(server_id, 0.125)
            self.assertEqual(
                [sample.get(server_id, 0.125) for sample in samples], found
            )
            self.assertFalse(any(map(math.isnan, found)))
