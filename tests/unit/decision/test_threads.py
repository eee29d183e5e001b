import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision import detector, host_load, planner, threads
from steal_scheduler.decision.demand import demand
from steal_scheduler.model.cloud import ServerSignal
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.finding import Leaver
from steal_scheduler.model.move import Outcome
from steal_scheduler.model.refusal import Reason
from steal_scheduler.model.threads import Spent, Threads
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import (
    fleet,
    rules,
    server,
    signal,
    signals,
    snapshot,
)

ONE = rules(
    polls_contended=1,
    polls_window=1,
    steal_threshold=10,
    load_threshold=0.7,
)
#: Of 4 vCPUs one is busy, and waits half of its time.
BUSY = {'used': 0.52, 'waited': 0.5}
CORES = st.floats(0, 1.1)


def hidden(
    worst: tuple[float, float] = (0.0, 0.0),
    others: tuple[float, float] = (0.0, 0.0),
    **values: float,
) -> ServerSignal:
    """A server whose sums tell nothing, if nothing else is given."""
    return signal(
        **({'used': 0.5, 'waited': 0.0} | values),
        threads=Threads(Spent(*worst), Spent(*others)),
    )


def found(one: ServerSignal) -> detector.Detection:
    known = snapshot(fleet(server()), measured=signals(one), rules=ONE)
    return detector.detect(known, {})


class TestWorstVcpu(base.BaseTestCase):
    def test_one_busy_thread(self) -> None:
        self.assertEqual((), found(hidden(**BUSY)).findings)
        (one,) = found(hidden((0.5, 0.5), **BUSY)).findings
        self.assertEqual(
            ('its worst vCPU waits 50% of its time',), one.threads
        )

    def test_both_thresholds(self) -> None:
        for worst, times in (
            ((0.9, 0.1), 1),
            ((0.91, 0.09), 0),
            ((0.35, 0.35), 1),
            ((0.35, 0.34), 0),
            ((0.9, 0.0), 0),
        ):
            made = found(hidden(worst, **BUSY))
            self.assertEqual(times, len(made.findings), worst)

    def test_what_its_own_quota_holds_back_may_all_be_of_it(self) -> None:
        values = {'used': 0.6, 'waited': 0.9}
        for throttled, times in ((0.3, 1), (0.41, 0)):
            one = hidden((0.6, 0.5), throttled=throttled, **values)
            self.assertEqual(times, len(found(one).findings), throttled)

    def test_its_own_quota(self) -> None:
        one = hidden((0.5, 0.5), throttled=0.25, **BUSY)
        # It is to blame for half of all that it waits for.
        made = found(one)
        self.assertEqual(((), {}), (made.findings, made.watches))


class TestOthers(base.BaseTestCase):
    def test_they_wait_though_its_vcpus_do_not(self) -> None:
        (one,) = found(hidden(others=(0.1, 0.3))).findings
        self.assertEqual(0.0, one.steal)
        self.assertEqual(
            ('its threads that are no vCPUs wait 75% of their time',),
            one.threads,
        )

    def test_the_threshold_of_steal_holds_for_them(self) -> None:
        for others, times in (((0.9, 0.1), 1), ((0.91, 0.09), 0)):
            made = found(hidden(others=others))
            self.assertEqual(times, len(made.findings), others)

    def test_those_of_an_idle_guest_do_not_matter(self) -> None:
        for others, times in (((0.01, 0.08), 0), ((0.02, 0.08), 1)):
            made = found(hidden(others=others))
            self.assertEqual(times, len(made.findings), others)

    def test_its_own_quota(self) -> None:
        quota = {'used': 1.0, 'waited': 1.0, 'throttled': 0.9}
        made = found(hidden(others=(0.1, 0.3), **quota))
        self.assertEqual((), made.findings)
        self.assertEqual([Reason.QUOTA], [r.reason for r in made.refusals])

    def test_a_move_takes_their_cores_along(self) -> None:
        one = hidden(others=(0.2, 0.3), used=1.0, waited=0.5)
        self.assertEqual(Demand(1.2, 1.2, 2.0), demand(one, None, 0.0))
        # As its host has them.
        known = snapshot(
            fleet(server()), measured=signals(one, hosts={'a': 16.0})
        )
        host = host_load.build_view(known).hosts['a']
        self.assertEqual(Demand(1.2, 1.2, 2.0), host.asked)
        self.assertAlmostEqual(0.8 / 2.0, host.steal)

    def test_what_the_move_says(self) -> None:
        measured = signals(hidden(others=(0.1, 0.3)), hosts={'a': 16, 'b': 16})
        known = snapshot(fleet(server()), measured=measured, rules=ONE)
        known = dataclasses.replace(known, view=host_load.build_view(known))
        (one,) = detector.detect(known, {}).findings
        (move,) = planner.plan([Leaver.of(one)], known).moves
        self.assertIn('no vCPUs wait 75% of their time, in 1', move.reason)
        self.assertAlmostEqual(0.9, move.demand.high)


class TestHelped(base.BaseTestCase):
    def test_who_would_be_found_again_was_not_helped(self) -> None:
        for one, said in (
            (hidden((0.5, 0.5)), 'its worst vCPU waits 50% of its time'),
            (hidden(others=(0.1, 0.3)), 'no vCPUs wait 75% of their time'),
        ):
            outcome, told = detector.measured(one, ONE.detection)
            self.assertIs(Outcome.NOT_HELPED, outcome)
            self.assertIn(said, told)

    def test_helped(self) -> None:
        one = hidden((0.9, 0.05), (0.1, 0.01))
        self.assertEqual(
            (Outcome.HELPED, 'it waits 0% of its time now'),
            detector.measured(one, ONE.detection),
        )

    def test_what_its_own_quota_holds_back_is_no_wait(self) -> None:
        one = hidden((0.1, 0.9), used=0.1, waited=0.9, throttled=0.9)
        outcome, _ = detector.measured(one, ONE.detection)
        self.assertIs(Outcome.HELPED, outcome)


class TestAny(base.BaseTestCase):
    @given(CORES, CORES, CORES, CORES, st.floats(0, 0.1))
    def test_who_waits_less_is_not_contended_instead(
        self, a: float, b: float, c: float, d: float, less: float
    ) -> None:
        rule = ONE.detection
        before = threads.waits(hidden((a, b), (c, d)), rule)
        after = hidden(
            (a + min(less, b), max(b - less, 0.0)),
            (c + min(less, d), max(d - less, 0.0)),
        )
        if threads.waits(after, rule):
            self.assertTrue(before)

    @given(CORES, CORES, CORES, CORES)
    def test_who_is_contended_is_found_and_was_not_helped(
        self, a: float, b: float, c: float, d: float
    ) -> None:
        one = hidden((a, b), (c, d))
        waits = threads.waits(one, ONE.detection)
        self.assertEqual(waits, bool(found(one).findings))
        outcome, _ = detector.measured(one, ONE.detection)
        self.assertEqual(waits, outcome is Outcome.NOT_HELPED)
