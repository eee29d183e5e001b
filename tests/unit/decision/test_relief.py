import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision.relief import (
    cores_saved,
    follow,
    unmeasured,
    verdict,
    with_harm,
    with_loads,
)
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import Ended, Move, Outcome, Stage
from steal_scheduler.model.relief import Load, Relief
from tests.unit.make import (
    NOW,
    ended,
    fleet,
    move,
    server,
    signal,
    signals,
    snapshot,
)

CORES = 16.0


def at(steal: float, cores: float = CORES) -> Snapshot:
    """Servers of host b wait so much of their time."""
    seen = HostView(Tier.COLD, steal=steal, cores=cores)
    return snapshot(view=View(NOW, {'b': seen}, {}, {}))


def over(steal: float, host: str = 'b', cores: float = CORES) -> Ended:
    """A move to b, where servers waited 1 % before."""
    before = move(stage=Stage.MIGRATE, target='b')
    made = with_loads(before, at(0.01))
    made = dataclasses.replace(made, server=server(host=host))
    return with_harm(ended(move=made), at(steal, cores))


def fluid(asked: float, cores: float = CORES) -> HostView:
    """One that does what it can, and what is over its cores waits."""
    used = min(asked, cores)
    waited = asked - used
    return HostView(
        Tier.COLD,
        steal=waited / asked if asked else 0.0,
        demand=asked,
        cores=cores,
        bounds=Demand(used, asked, asked),
    )


def hosts(a: HostView, b: HostView, now: float = NOW) -> Snapshot:
    """Server s was on a, and is on b."""
    return snapshot(
        fleet(server(host='b')),
        measured=signals(signal(host='b', used=4.0, waited=0.0)),
        view=View(NOW, {'a': a, 'b': b}, {}, {}),
        now=now,
    )


def moved(**other: object) -> Move:
    here = server(host='b')
    values = {'target': 'b', 'stage': Stage.VERIFY, **other}
    return move(server=here, **values)


def saved(made: Move, a: HostView, b: HostView) -> float | None:
    known = hosts(a, b)
    return cores_saved(made, known.signals.servers['s'], known)


class TestHarm(base.BaseTestCase):
    def test_it_hurt_its_target(self) -> None:
        self.assertIn(
            ' Its target was hurt: servers of host b wait 7% of their time '
            'now, 1% before.',
            over(0.07).told,
        )

    def test_it_did_not(self) -> None:
        for steal in (0.0, 0.04):
            self.assertIn(
                f'. Servers of host b wait {steal:.0%} of their time now, 1% '
                'before.',
                over(steal).told,
            )

    def test_what_is_before_is_of_before(self) -> None:
        made = move(stage=Stage.REQUEST, target='b')
        made = with_loads(made, at(0.01))
        again = with_loads(made, at(0.3)).target_load
        assert again is not None
        self.assertEqual(0.01, again.steal)

    def test_the_source_is_seen_before_the_drain(self) -> None:
        known = hosts(fluid(20.0), fluid(4.0))
        made = with_loads(move(stage=Stage.DRAIN), known)
        self.assertEqual(Load(CORES, 20.0, 4.0, 0.2), made.source_load)
        self.assertIsNone(made.target_load)
        self.assertEqual(made, with_loads(made, hosts(fluid(1), fluid(1))))

    def test_nothing_is_known(self) -> None:
        for one in (over(0.07, host='a'), over(0.07, cores=0.0)):
            self.assertIsNone(one.harm)
        for made in (
            move(stage=Stage.REQUEST),
            move(stage=Stage.VERIFY, target='b'),
        ):
            self.assertIsNone(with_loads(made, at(0.01)).target_load)


class TestCoresSaved(base.BaseTestCase):
    @given(
        left=st.floats(0.0, 40.0),
        other=st.floats(0.0, 40.0),
        before=st.floats(0.0, 40.0),
    )
    def test_what_is_over_waits(
        self, left: float, other: float, before: float
    ) -> None:
        """Its 4 cores on top of what its source is asked for, not of b."""
        twin = max(left + 4.0 - CORES, 0) + max(other - CORES, 0)
        now = max(left - CORES, 0) + max(other + 4.0 - CORES, 0)
        made = moved(
            source_load=Load(CORES, before, max(before - CORES, 0), 0.1),
            # As the filter has it: nobody waits where it goes.
            target_load=Load(CORES, 8.0, 0.0, 0.0),
        )
        found = saved(made, fluid(left), fluid(other + 4.0))
        # Of a source that waits still, what waited before is the least.
        if left <= CORES or before <= left + 4.0:
            self.assertAlmostEqual(twin - now, found)

    def test_servers_wait_for_each_other_long_before(self) -> None:
        """32 cores with queues: 0.95 in use, and at 0.9 once one has left."""
        before = Load(32.0, 32.6, 78.0, 0.7)
        left = HostView(
            Tier.HOT, demand=28.8, cores=32.0, bounds=Demand(28.8, 28.8, 33.8)
        )
        made = moved(source_load=before)
        found = saved(made, left, fluid(4.0))
        assert found is not None
        self.assertAlmostEqual(78.0 - 5.0 + 0.2, found, delta=0.5)

    def test_what_nobody_measures_takes_the_cores(self) -> None:
        """Of 16 it left 2: one of 4 waited for 2, and another one would."""
        made = moved(source_load=Load(CORES, 2.0, 2.0, 0.5))
        self.assertEqual(2.0, saved(made, fluid(0.0), fluid(8.0)))

    def test_nobody_else_wants_its_source_any_more(self) -> None:
        made = moved(source_load=Load(CORES, 20.0, 4.0, 0.2))
        self.assertEqual(0.0, saved(made, fluid(3.0), fluid(8.0)))

    def test_others_wait_instead(self) -> None:
        calm = Load(CORES, 8.0, 0.0, 0.0)
        found = saved(moved(target_load=calm), fluid(3.0), fluid(20.0))
        self.assertEqual(-4.0, found)

    def test_a_host_is_not_measured(self) -> None:
        gone = HostView(Tier.UNKNOWN)
        self.assertIsNone(saved(moved(), gone, fluid(8.0)))
        self.assertIsNone(saved(moved(), fluid(8.0), gone))


class TestVerdict(base.BaseTestCase):
    """Its source has idle cores: nobody waits less since it has left."""

    def end(self, **other: object) -> Ended:
        made = moved(
            steal_before=0.0, source_load=Load(CORES, 1.0, 0.0, 0.0), **other
        )
        known = hosts(fluid(1.0), fluid(8.0))
        return verdict(made, known.signals.servers['s'], known)

    def test_who_was_to_be_cured_is_not(self) -> None:
        self.assertEqual(Outcome.NOT_HELPED, self.end().outcome)

    def test_who_did_not_wait_was_to_arrive(self) -> None:
        """An operator wanted no more than that; nor of an emptied host."""
        for wanted in ({'calm': True}, {'emptied': True}):
            found = self.end(**wanted)
            self.assertEqual(Outcome.ARRIVED, found.outcome)
            self.assertIsNone(found.relief)
            self.assertIn('it waits 0% of its time now', found.detail)
            found = unmeasured(moved(**wanted), NOW)
            self.assertEqual(Outcome.ARRIVED, found.outcome)
        self.assertEqual(Outcome.UNMEASURED, unmeasured(moved(), NOW).outcome)


class TestFollow(base.BaseTestCase):
    """Its source would have to do 4 cores more than it can."""

    def setUp(self) -> None:
        super().setUp()
        self.ended = Ended(
            moved(since=NOW),
            Outcome.HELPED,
            NOW + 60,
            'it helped',
            relief=Relief(NOW),
        )

    def follow(self, known: Snapshot) -> Ended:
        self.ended = follow({'s': self.ended}, known)['s']
        return self.ended

    def look(self, seconds: float, left: float = CORES) -> Ended:
        return self.follow(hosts(fluid(left), fluid(8.0), NOW + seconds))

    def test_for_a_quarter_of_an_hour(self) -> None:
        for minute in range(1, 16):
            self.assertFalse(self.look(minute * 60).followed)
        self.assertAlmostEqual(4.0 * 900, self.ended.core_seconds)
        last = self.look(960)
        self.assertTrue(last.followed)
        self.assertAlmostEqual(4.0 * 900, last.core_seconds)
        self.assertEqual(Outcome.HELPED, last.outcome)
        self.assertIs(last, self.look(1020))

    def test_the_peak_passes_by_itself(self) -> None:
        for seconds in (60, 120, 180, 901):
            self.look(seconds, left=3.0)
        self.assertEqual(0.0, self.ended.core_seconds)
        self.assertEqual(Outcome.NOT_HELPED, self.ended.outcome)

    def test_it_moves_again(self) -> None:
        self.look(60)
        known = hosts(fluid(CORES), fluid(8.0), NOW + 120)
        again = {'s': moved(stage=Stage.DRAIN)}
        self.follow(dataclasses.replace(known, moves=again))
        self.assertTrue(self.ended.followed)
        self.assertAlmostEqual(240.0, self.ended.core_seconds)

    def test_it_is_deleted(self) -> None:
        self.look(60)
        self.follow(snapshot(fleet(), now=NOW + 120))
        self.assertTrue(self.ended.followed)
        self.assertAlmostEqual(240.0, self.ended.core_seconds)

    def test_nothing_was_measured_for_long(self) -> None:
        """Nothing is said of the time between."""
        self.look(60)
        self.look(600)
        assert self.ended.relief is not None
        self.assertEqual(60.0, self.ended.relief.seconds)

    def test_the_clock_is_set_back(self) -> None:
        self.look(60)
        self.look(-600)
        self.look(-540)
        assert self.ended.relief is not None
        self.assertAlmostEqual(480.0, self.ended.core_seconds)

    def test_it_never_arrived(self) -> None:
        failed = ended(outcome=Outcome.FAILED)
        known = hosts(fluid(CORES), fluid(8.0))
        self.assertIs(failed, follow({'s': failed}, known)['s'])
