import math

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision.host_load import FEW, HOT_QUANTILE, Thresholds
from steal_scheduler.model.host_view import HostView, Tier
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)

COLD, UNKNOWN, HOT = Tier.COLD, Tier.UNKNOWN, Tier.HOT


def host(steal: float = 0.0, pressure: float = 0.0) -> HostView:
    return HostView(UNKNOWN, steal=steal, cores=16.0, runnable=pressure)


def hot(
    *fleet: HostView,
    before: Tier | None = None,
    host_steal_threshold: float = 5,
) -> list[HostView]:
    """Those that are hot.

    :param before: what all of them were in the view before
    """
    lines = Thresholds(fleet, host_steal_threshold)
    return [h for h in fleet if lines.tier(h, before) is HOT]


class TestFixedThresholds(base.BaseTestCase):
    """Beside two hosts that are idle."""

    def hot(
        self,
        steal: float = 0.0,
        pressure: float = 0.0,
        before: Tier | None = None,
        **rules: float,
    ) -> bool:
        one = host(steal, pressure)
        return bool(hot(one, host(), host(), before=before, **rules))

    def test_steal(self) -> None:
        self.assertTrue(self.hot(0.05))
        self.assertFalse(self.hot(0.049))
        self.assertFalse(self.hot(0.05, host_steal_threshold=6))

    def test_pressure(self) -> None:
        self.assertTrue(self.hot(pressure=1.01))
        self.assertFalse(self.hot(pressure=1.0))

    def test_who_was_hot_has_to_be_below_by_a_band(self) -> None:
        for steal, pressure, stays in (
            (0.031, 0.0, True),
            (0.029, 0.0, False),
            (0.0, 0.99, True),
            (0.0, 0.98, False),
        ):
            self.assertEqual(stays, self.hot(steal, pressure, HOT))
            for before in (None, COLD, UNKNOWN):
                self.assertFalse(self.hot(steal, pressure, before))

    def test_a_threshold_as_low_as_a_band_is_wide(self) -> None:
        """Whoever was hot once has to become cold some day."""
        for threshold in (1, 2, 3):
            self.assertFalse(
                self.hot(0.0049, 0.0, HOT, host_steal_threshold=threshold)
            )


class TestFleetThresholds(base.BaseTestCase):
    def test_all_of_them_wait(self) -> None:
        """The worst two of ten: 0.84 of the way lies at the eighth."""
        hosts = [host(steal=(10 + n) / 100) for n in range(10)]
        self.assertEqual(hosts[8:], hot(*reversed(hosts))[::-1])

    def test_all_of_them_queue(self) -> None:
        hosts = [host(pressure=2 + n / 10) for n in range(10)]
        self.assertEqual(hosts[8:], hot(*hosts))

    def test_equals_are_not_worse_than_each_other(self) -> None:
        self.assertEqual([], hot(*[host(0.5, 3.0)] * 10))

    def test_no_hosts(self) -> None:
        self.assertIs(COLD, Thresholds([], 5).tier(host(), None))
        self.assertIs(HOT, Thresholds([], 5).tier(host(0.05), None))


THRESHOLDS = st.floats(1, 100)
FLEETS = st.lists(
    st.builds(host, st.floats(0, 1), st.floats(0, 4)), max_size=30
)


class TestAnyFleet(base.BaseTestCase):
    @given(THRESHOLDS, FLEETS, st.sampled_from((None, HOT)))
    def test_few_are_hot_and_nobody_without_reason(
        self, threshold: float, fleet: list[HostView], before: Tier | None
    ) -> None:
        """By each of both measures, at most the share beyond the quantile.

        Noise does not lift one after the other over the line, to stay there.
        """
        lines = Thresholds(fleet, threshold)
        found = [h for h in fleet if lines.tier(h, before) is HOT]
        waiting = [h for h in found if h.steal > lines.fleet_steal]
        queueing = [h for h in found if h.pressure > lines.fleet_pressure]
        least = 0.999 if before is None else 0.499
        for one in found:
            self.assertTrue(
                one.steal * 100 >= threshold * least or one.pressure > least
            )
            self.assertTrue(one in waiting or one in queueing)
        if len(fleet) < FEW:
            return
        most = math.ceil((1 - HOT_QUANTILE) * len(fleet))
        self.assertLessEqual(max(len(waiting), len(queueing)), most)

    @given(THRESHOLDS, FLEETS)
    def test_nobody_is_cold_who_is_worse_than_one_that_is_hot(
        self, threshold: float, fleet: list[HostView]
    ) -> None:
        lines = Thresholds(fleet, threshold)
        for one in fleet:
            for other in fleet:
                if (
                    lines.tier(one, None) is HOT
                    and other.steal >= one.steal
                    and other.pressure >= one.pressure
                ):
                    self.assertIs(HOT, lines.tier(other, None))

    @given(THRESHOLDS, FLEETS)
    def test_who_was_hot_is_hot_where_others_are(
        self, threshold: float, fleet: list[HostView]
    ) -> None:
        lines = Thresholds(fleet, threshold)
        for one in fleet:
            if lines.tier(one, None) is HOT:
                self.assertIs(HOT, lines.tier(one, HOT))
