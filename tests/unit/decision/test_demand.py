from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision.demand import demand
from steal_scheduler.model.demand import Demand, History
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import signal

#: It uses 1 core and waits for 2, on a full host.
ONE = signal(used=1.0, waited=2.0)


def expected(*cores: float, busy: float = 1.0) -> float:
    """What it is expected to ask for, by means that it used once."""
    return demand(ONE, History(cores), busy).expected


class TestDemand(base.BaseTestCase):
    def test_what_is_used_is_asked_for_where_something_is_idle(self) -> None:
        found = demand(ONE, None, 0.8)
        self.assertEqual(Demand(1.0, 1.0, 3.0), found)
        # Whatever it once was.
        self.assertEqual(1.0, expected(*[3.0] * 9, busy=0.5))

    def test_a_margin_where_the_host_is_full(self) -> None:
        self.assertEqual(Demand(1.0, 1.3, 3.0), demand(ONE, None, 1.0))
        self.assertAlmostEqual(1.15, expected(busy=0.875))

    def test_what_it_used_when_it_did_not_wait(self) -> None:
        self.assertEqual(2.0, expected(2.0, 2.0, 2.0))
        # One that could run all the time.
        self.assertEqual(3.0, expected(4.0, 4.0))
        # Requests, that are all done.
        self.assertEqual(1.0, expected(0.9, 1.0, 0.95))

    def test_what_it_used_when_it_had_less_to_do_says_nothing(self) -> None:
        night = [0.2] * 40
        self.assertEqual(1.3, expected(*night))
        self.assertEqual(2.5, expected(*night, 2.0, 2.5, 3.0))

    def test_the_half_hour_that_tells_of_now(self) -> None:
        """For the rest of two hours it had less to do, if not much less."""
        self.assertEqual(2.0, expected(*[2.0] * 6, *[0.5] * 9, *[1.2] * 9))

    def test_one_mean_is_no_history(self) -> None:
        self.assertEqual(1.3, expected(2.0))

    def test_what_its_quota_holds_back_is_no_wait(self) -> None:
        for throttled, high in ((2.0, 1.0), (9.0, 1.0), (0.5, 2.5)):
            one = signal(used=1.0, waited=2.0, throttled=throttled)
            found = demand(one, History((4.0, 4.0)), 1.0)
            self.assertEqual(Demand(1.0, high, high), found)

    @given(
        st.floats(0, 64),
        st.floats(0, 64),
        st.lists(st.floats(0, 64)),
        st.floats(0, 2),
    )
    def test_in_order(
        self, used: float, waited: float, cores: list[float], busy: float
    ) -> None:
        one = signal(used=used, waited=waited)
        found = demand(one, History(tuple(cores)), busy)
        self.assertLessEqual(found.low, found.expected)
        self.assertLessEqual(found.expected, found.high)
