import dataclasses
import random

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision import detector
from steal_scheduler.decision.bursts import Bursts, bad_seconds
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.planner import Plan, plan
from steal_scheduler.decision.rankings import Ranks
from steal_scheduler.decision.targets import Targets
from steal_scheduler.model.cloud import ServerSignal, Signals
from steal_scheduler.model.finding import Leaver
from steal_scheduler.model.host_view import (
    NO_VIEW,
    HostView,
    Lately,
    Tier,
    View,
)
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import Reason
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import (
    NOW,
    finding,
    fleet,
    move,
    rules,
    server,
    signal,
    signals,
    snapshot,
)

RULES = rules(bad_seconds_threshold=10, polls_contended=3, polls_window=5)
SHARES = st.none() | st.floats(0, 1)


def host(bad: float | None, **other: float) -> HostView:
    return HostView(Tier.COLD, cores=16.0, bad_seconds=lately(bad), **other)


def lately(bad: float | None) -> Lately | None:
    return None if bad is None else Lately(bad, 30)


def view(**shares: float | None) -> View:
    return View(NOW, {n: host(bad) for n, bad in shares.items()}, {}, {})


def spikes(
    server_id: str, bad: float | None, host: str = 'a', **other: float
) -> ServerSignal:
    """Calm in the mean."""
    values = {'used': 1.5, 'waited': 0.03} | other
    return signal(server_id, host=host, bad_seconds=bad, **values)


class TestBadSeconds(base.BaseTestCase):
    def test_by_what_servers_ask_for(self) -> None:
        some = [
            spikes('x', 0.2, used=3.0, waited=0.0),
            spikes('y', 0.4, used=1.0, waited=0.0),
            spikes('z', 0.9, used=0.0, waited=0.0),
        ]
        for before, share, readings in (
            (None, 0.25, 1),
            (Lately(0.15, 1), 0.2, 2),
            (Lately(0.15, 30), 0.16, 31),
        ):
            last = HostView(Tier.COLD, bad_seconds=before)
            found = bad_seconds(some, last)
            self.assertAlmostEqual(share, found.share)
            self.assertEqual(readings, found.readings)
        self.assertEqual(bad_seconds(some, None), Lately(0.25, 1))

    def test_where_nobody_counts_them(self) -> None:
        before = host(0.15)
        for some in ([], [spikes('x', None)], [spikes('x', 0.5, used=0.0)]):
            some = [dataclasses.replace(s, waited=0.0) for s in some]
            self.assertIsNone(bad_seconds(some, before))

    def test_what_a_quota_makes_bad_is_not_its_hosts(self) -> None:
        some = [
            spikes('x', 0.9, waited=1.0, throttled=0.9),
            spikes('y', 0.1),
        ]
        self.assertAlmostEqual(0.1, bad_seconds(some, None).share)

    @given(
        st.lists(st.tuples(st.floats(0.1, 4), SHARES)),
        st.none() | st.floats(0, 1),
    )
    def test_a_share(
        self, told: list[tuple[float, float | None]], last: float | None
    ) -> None:
        some = [spikes('x', bad, used=used) for used, bad in told]
        found = bad_seconds(some, host(last))
        known = [bad for _, bad in told if bad is not None]
        self.assertEqual(bool(known), found is not None)
        if found is not None:
            known += [last] if last is not None else []
            self.assertTrue(
                min(known) - 1e-9 <= found.share <= max(known) + 1e-9
            )


class TestInTheView(base.BaseTestCase):
    def test_a_reading_counts_once(self) -> None:
        def seen(bad: float, at: float, before: View | None) -> View:
            measured = signals(spikes('s', bad), taken_at=at)
            known = snapshot(fleet(server()), measured=measured)
            return build_view(known, before)

        first = seen(0.1, 1.0, None)
        self.assertAlmostEqual(0.1, first.hosts['a'].bad_seconds.share)
        self.assertIsNone(first.hosts['b'].bad_seconds)
        again = seen(0.6, 1.0, first)
        self.assertEqual(first.hosts, again.hosts)
        third = seen(0.6, 2.0, again)
        self.assertAlmostEqual(0.35, third.hosts['a'].bad_seconds.share)


class TestBursts(base.BaseTestCase):
    def test_half_as_many_or_hardly_any(self) -> None:
        some = Bursts(view(a=0.3, b=0.16, c=0.14, d=0.04), RULES.detection)
        for source, cures in (('a', 'cd'), ('b', 'd'), ('c', 'd'), ('d', 'd')):
            found = [name for name in 'abcd' if some.cures(source, name)]
            self.assertEqual([*cures], found, source)

    def test_where_nobody_counts_them(self) -> None:
        some = Bursts(view(a=None, b=0.9, c=None), RULES.detection)
        self.assertTrue(some.cures('a', 'b'))
        self.assertTrue(some.cures('b', 'c'))
        self.assertTrue(some.cures('gone', 'b'))
        self.assertTrue(some.cures('b', 'gone'))

    @given(st.lists(SHARES, min_size=2, max_size=6))
    def test_no_circle(self, shares: list[float | None]) -> None:
        names = [f'h{n}' for n in range(len(shares))]
        some = Bursts(
            view(**dict(zip(names, shares, strict=True))), RULES.detection
        )
        for a, bad in zip(names, shares, strict=True):
            cures = [b for b in names if some.cures(a, b)]
            # Nobody goes back and forth for bad seconds of his own.
            if bad is not None and bad >= 0.1:
                for b, there in zip(names, shares, strict=True):
                    if b in cures and there is not None and there >= 0.1:
                        self.assertFalse(some.cures(b, a))


class TestPlan(base.BaseTestCase):
    def planned(self, **shares: float | None) -> Plan:
        """Of a server of a."""
        known = snapshot(
            fleet(server(), hosts=dict.fromkeys(shares, 'az1')),
            view=view(**shares),
            rules=RULES,
        )
        return plan([Leaver.of(finding('s', host='a', demand=2.0))], known)

    def test_a_host_with_as_many_is_no_cure(self) -> None:
        made = self.planned(a=0.3, b=0.2, c=0.3)
        self.assertEqual(((), ()), (made.moves, made.saturations))
        (no,) = made.refusals
        self.assertIs(Reason.BAD_SECONDS, no.reason)
        self.assertIn('b, c could take its 2.0 cores', no.detail)

    def test_a_host_with_fewer_is(self) -> None:
        for shares in ({'b': 0.3, 'c': 0.1}, {'b': 0.3, 'c': None}):
            made = self.planned(a=0.3, **shares)
            self.assertEqual(1, len(made.moves), shares)

    def test_one_in_vain_is_not_in_vain_for_another_host(self) -> None:
        known = snapshot(
            fleet(
                server('s'),
                server('t', host='b'),
                hosts=dict.fromkeys('abc', 'az1'),
            ),
            view=view(a=0.2, b=0.8, c=0.3),
            rules=RULES,
        )
        targets = Targets(known)
        self.assertIsNone(targets.take(move('s', source='a', demand=2.0)))
        found = targets.take(move('t', source='b', demand=2.0))
        self.assertIn(found, ('a', 'c'))

    def test_one_that_is_drained_may_go_there_at_last(self) -> None:
        one = move('s', source='a', demand=2.0)
        known = snapshot(
            fleet(server(), hosts=dict.fromkeys('abcd', 'az1')),
            one,
            view=View(
                NOW,
                {
                    'a': host(0.3),
                    'b': host(0.3),
                    'c': host(0.1, demand=8.0),
                    'd': host(None, demand=4.0),
                },
                {},
                {},
            ),
            rules=RULES,
        )
        best = Ranks(known).of(one, NOW).best
        self.assertEqual((('d',), ('c',), ('b',)), best)


class TestEverywhere(base.BaseTestCase):
    """A cloud of 20 hosts, of which each has 4 servers, for four hours."""

    def moves(self, calm: int) -> list[Move]:
        """All that would be planned.

        :param calm: so many hosts have 1 % of bad seconds, and the rest 15 %
        """
        names = [f'h{n:02}' for n in range(20)]
        known = fleet(
            *(server(f'{h}-{n}', host=h) for h in names for n in range(4)),
            hosts=dict.fromkeys(names, 'az1'),
        )
        chance = random.Random(1)
        last: View | None = None
        watches: detector.Watches = {}
        made: list[Move] = []
        for poll in range(240):
            told = []
            for n, name in enumerate(names):
                share = 0.01 if n < calm else 0.15
                bad = sum(chance.random() < share for _ in range(60)) / 60
                at = NOW + 60 * poll
                told += [
                    spikes(f'{name}-{i}', bad, name, at=at) for i in range(4)
                ]
            measured: Signals = signals(
                *told, hosts=dict.fromkeys(names, 16.0), taken_at=at
            )
            now = snapshot(known, measured=measured, rules=RULES, view=NO_VIEW)
            last = build_view(now, last)
            now = dataclasses.replace(now, view=last)
            found = detector.detect(now, watches)
            watches = found.watches
            made += plan([*map(Leaver.of, found.findings)], now).moves
        return made

    def test_equal_bursts_everywhere(self) -> None:
        """By steal alone some 4,000 would be planned, from anywhere."""
        self.assertLess(len(self.moves(calm=0)), 4)

    def test_where_some_are_calm(self) -> None:
        made = self.moves(calm=3)
        self.assertLess(100, len(made))
        self.assertFalse({'h00', 'h01', 'h02'} & {m.source for m in made})
