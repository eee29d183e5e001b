import math

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision.demand_log import DemandLog
from steal_scheduler.decision.joint_past import LEAST, JointPast
from steal_scheduler.model.demand import STEP
from steal_scheduler.model.host_view import HostView, Tier, View
from tests.unit import (
    make,
    strategies,  # noqa: F401 (hypothesis' settings)
)
from tests.unit.make import NOW, move

_CORES = st.integers(0, 40).map(lambda n: n / 4)
_SAMPLES = st.lists(
    st.tuples(_CORES, _CORES, _CORES), min_size=LEAST, max_size=20
)


def past(
    samples: list[tuple[float, ...]], now: float = 1.0, credit: float = 0.0
) -> JointPast:
    """Of t0 and t1, which run on b now, and s, which runs on a.

    :param now: cores that b is asked for
    """
    log = DemandLog()
    for n, cores in enumerate(samples):
        names = ('s', 't0', 't1')
        log.add(NOW + n * STEP, dict(zip(names, cores, strict=True)))
    servers = (make.server(s, host='b') for s in ('t0', 't1'))
    measured = make.signals(
        *(make.signal(s, host='b', used=0.5, waited=0.0) for s in ('t0', 't1'))
    )
    seen = HostView(Tier.COLD, demand=now, cores=10.0, credit=credit)
    known = make.snapshot(
        make.fleet(*servers, make.server('s')),
        measured=measured,
        view=View(NOW, {'b': seen}, {}, {}),
        past=log,
    )
    return JointPast(known)


class TestJointPast(base.BaseTestCase):
    def test_half_an_hour_is_needed(self) -> None:
        for samples in (LEAST - 1, LEAST):
            found = past([(1.0, 1.0, 1.0)] * samples)
            self.assertEqual(samples == LEAST, found.known)

    def test_peaks_at_other_times_do_not_add_up(self) -> None:
        day, night = [(1.0, 4.0, 4.0)] * 5, [(4.0, 1.0, 0.0)] * 5
        self.assertEqual(0.0, past(day + night).room(move(), 'b'))
        both = [(4.0, 4.0, 4.0)] * 5 + [(1.0, 1.0, 0.0)] * 5
        self.assertEqual(-3.0, past(both).room(move(), 'b'))

    def test_what_is_seldom_does_not_count(self) -> None:
        calm, storm = [(1.0, 1.0, 1.0)], [(9.0, 9.0, 9.0)]
        self.assertEqual(6.0, past(calm * 9 + storm).room(move(), 'b'))
        self.assertLess(past(calm * 8 + storm * 2).room(move(), 'b'), 0)

    def test_what_is_on_its_way_was_there_all_the_time(self) -> None:
        samples = [(1.0, 1.0, 1.0)] * 9
        self.assertEqual(4.0, past(samples, credit=2.0).room(move(), 'b'))
        self.assertEqual(3.0, past(samples, now=4.0).room(move(), 'b'))

    @given(_SAMPLES)
    def test_any_samples(self, samples: list[tuple[float, ...]]) -> None:
        sums = sorted(map(sum, samples))
        most = sums[math.ceil(0.9 * len(sums)) - 1]
        self.assertEqual(9.0 - most, past(samples).room(move(), 'b'))

    @given(_SAMPLES)
    def test_what_is_planned_counts(
        self, samples: list[tuple[float, ...]]
    ) -> None:
        found = past(samples)
        found.add(move(), 'b')
        sums = sorted(2 * s + x + y for s, x, y in samples)
        most = sums[math.ceil(0.9 * len(sums)) - 1]
        self.assertEqual(9.0 - most, found.room(move(), 'b'))
