import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision.rankings import Ranks, rankings
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.targets import Targets
from steal_scheduler.model.cloud import Fleet, Host
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.host_view import HostView, Mover, Tier, View
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.rankings import MOST_RANKED, Ranking
from steal_scheduler.model.room import ANTI_AFFINITY, Free, Group, HostRoom
from steal_scheduler.model.room import Room as NovasRoom
from tests.unit import strategies
from tests.unit.make import NOW, ended, move, snapshot


def cold(demand: float = 0.0, **other: Any) -> HostView:
    return HostView(Tier.COLD, demand=demand, cores=16.0, **other)


def world(
    *in_flight: Move,
    roles: dict[str, dict[str, int]] | None = None,
    room: NovasRoom | None = None,
    now: float = NOW,
    **hosts: HostView,
) -> Snapshot:
    """Hosts of az1, of which z is in another zone and y is closed."""
    zones = {name: 'az2' if name == 'z' else 'az1' for name in hosts}
    known = {n: Host(n, zones[n], n != 'y') for n in zones}
    movers = {
        m.server_id: Mover(None, m.source, m.demand.expected)
        for m in in_flight
        if m.stage in (Stage.DRAIN, Stage.REQUEST)
    }
    return snapshot(
        Fleet({m.server_id: m.server for m in in_flight}, known, {}),
        *in_flight,
        now=now,
        view=View(NOW, hosts, roles or {}, movers),
        room=room or NovasRoom(),
    )


class TestRanks(base.BaseTestCase):
    def ranking(self, mover: Move, **of_world: Any) -> Ranking:
        return Ranks(world(mover, **of_world)).of(mover, NOW)

    def best(self, mover: Move, **of_world: Any) -> list[str]:
        """Those that lie equally as one word."""
        found = self.ranking(mover, **of_world)
        names = [name for alike in found.best for name in alike]
        self.assertEqual(found.feasible, {*names})
        return [''.join(alike) for alike in found.best]

    def test_only_who_stays_cold(self) -> None:
        found = self.best(
            move(),
            a=cold(),
            b=cold(4),
            c=cold(10.5),
            d=cold(arrivals=1),
            e=cold(steal=0.06),
            f=HostView(Tier.HOT, cores=16.0),
            g=HostView(Tier.UNKNOWN, cores=16.0),
            h=cold(10.4),
            y=cold(),
            z=cold(),
        )
        self.assertEqual(['b', 'h'], found)

    def test_in_the_general_order(self) -> None:
        found = self.best(
            move(role='web', project_id='p'),
            roles={'p/web': {'b': 1}, 'q/web': {'c': 1}},
            b=cold(0),
            c=cold(8),
            d=cold(4),
            e=cold(4),
            f=cold(0, steal=0.03),
        )
        self.assertEqual(['de', 'c', 'b', 'f'], found)

    def test_who_could_take_all_that_it_may_ask_for_first(self) -> None:
        """As the planner has it: before steal and role."""
        found = self.best(
            move(demand=Demand(1.0, 2.0, 6.0), role='web', project_id='p'),
            roles={'p/web': {'d': 3}},
            b=cold(10),
            c=cold(8, steal=0.03),
            d=cold(2, steal=0.03),
        )
        self.assertEqual(['c', 'd', 'b'], found)

    def test_only_where_there_is_room(self) -> None:
        free = {'VCPU': 8, 'MEMORY_MB': 8192, 'DISK_GB': 100}
        hosts = {
            name: HostRoom(Free(left))
            for name, left in (
                ('a', {}),
                ('b', free | {'MEMORY_MB': 4095}),
                ('c', free),
                ('d', free),
            )
        }
        apart = Group('apart', ANTI_AFFINITY, frozenset({'s', 't'}))
        room = NovasRoom(hosts, groups={'t': [apart]})
        found = self.best(move('s'), room=room, b=cold(), c=cold(), d=cold(4))
        self.assertEqual(['c', 'd'], found)
        there = move('s', stage=Stage.MIGRATE, target='c')
        snap = world(
            there, move('t'), room=room, b=cold(), c=cold(), d=cold(4)
        )
        self.assertEqual((('d',),), Ranks(snap).of(snap.moves['t'], NOW).best)

    def test_not_what_nova_refused(self) -> None:
        failed = [
            ended(n, move=move(n), offered=frozenset({'b'})) for n in '12'
        ]
        snap = dataclasses.replace(
            world(move('3'), b=cold(), c=cold(4)),
            ended={e.move.server_id: e for e in failed},
        )
        self.assertEqual((('c',),), Ranks(snap).of(snap.moves['3'], NOW).best)

    def test_nowhere(self) -> None:
        found = self.ranking(move(), b=cold(16))
        self.assertEqual(((), frozenset()), (found.best, found.feasible))

    def test_the_best_of_many(self) -> None:
        """Beyond them all feasible ones are told, and not in what order."""
        hosts = {f'h{n}': cold(n / 100) for n in range(400)}
        found = self.ranking(move(), **hosts)
        self.assertEqual(hosts.keys(), found.feasible)
        ranked = [name for alike in found.best for name in alike]
        self.assertLessEqual(len(ranked), MOST_RANKED)
        self.assertEqual({*[*hosts][: len(ranked)]}, {*ranked})
        self.assertGreater(len(ranked), MOST_RANKED - 10)

    @given(
        st.dictionaries(
            st.sampled_from(strategies.NAMES),
            strategies.host_views(st.just(Tier.COLD)),
        ),
        st.floats(0, 50),
        st.floats(0, 50),
    )
    def test_the_planners_choice_is_among_the_best(
        self, hosts: dict[str, HostView], cores: float, more: float
    ) -> None:
        demand = Demand(0.0, cores, cores + more)
        mover = move(demand=demand, role='web', project_id='p')
        snap = world(mover, roles={'p/web': {'host0': 1, 'host1': 2}}, **hosts)
        planned = Targets(snap).take(mover)
        found = Ranks(snap).of(mover, NOW)
        best = found.best[0] if found.best else (None,)
        self.assertIn(planned, best)


class TestRankings(base.BaseTestCase):
    hosts: dict[str, Any] = {'a': cold(16), 'b': cold(), 'c': cold(4)}  # noqa: RUF012

    def told(
        self, *in_flight: Move, now: float, before: View | None = None
    ) -> View:
        snap = world(*in_flight, now=now, **self.hosts)
        return dataclasses.replace(snap.view, rankings=rankings(snap, before))

    def test_of_those_that_are_about_to_move(self) -> None:
        view = self.told(
            move('1'),
            move('2', stage=Stage.REQUEST),
            move('3', stage=Stage.MIGRATE, target='b'),
            move('4', stage=Stage.UNDO),
            now=NOW,
        )
        self.assertEqual({'1', '2'}, view.rankings.of.keys())
        self.assertEqual(NOW, view.rankings.at)

    def test_since_when_it_is_told(self) -> None:
        """Who knows of an earlier view must know all targets as well."""
        one, two = move('1'), move('2')
        first = self.told(one, now=NOW)
        self.assertEqual(NOW, first.rankings.of['1'].since)
        second = self.told(one, two, now=NOW + 3, before=first)
        found = {s: r.since for s, r in second.rankings.of.items()}
        self.assertEqual({'1': NOW, '2': NOW + 3}, found)
        # Nova has chosen a host for the first one.
        chosen = dataclasses.replace(one, stage=Stage.MIGRATE, target='b')
        third = self.told(chosen, two, now=NOW + 6, before=second)
        self.assertEqual(NOW + 6, third.rankings.of['2'].since)
        fourth = self.told(chosen, two, now=NOW + 9, before=third)
        self.assertEqual(NOW + 6, fourth.rankings.of['2'].since)
        # It is over: that is no reason to wait.
        last = self.told(two, now=NOW + 12, before=fourth)
        self.assertEqual(NOW + 6, last.rankings.of['2'].since)

    def test_a_clock_that_was_set_back(self) -> None:
        first = self.told(move('1'), now=NOW)
        again = self.told(move('1'), now=NOW - 3600, before=first)
        self.assertEqual(NOW - 3600, again.rankings.of['1'].since)

    def test_twice_in_one_tick(self) -> None:
        """Who has acknowledged the first has not the second."""
        first = self.told(move('1'), now=NOW)
        second = self.told(move('1'), move('2'), now=NOW, before=first)
        self.assertEqual(NOW, second.rankings.of['1'].since)
        self.assertLess(NOW, second.rankings.of['2'].since)
        self.assertEqual(second.rankings.at, second.rankings.of['2'].since)

    def test_nobody_moves(self) -> None:
        self.assertEqual({}, self.told(now=NOW).rankings.of)
