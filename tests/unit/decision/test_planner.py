import dataclasses
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision.planner import (
    Plan,
    plan,
)
from steal_scheduler.decision.rules import Rules
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.finding import Finding, Leaver
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import Reason
from tests.unit import make
from tests.unit.clouds import Cloud, clouds, quarters
from tests.unit.decision.test_lightest_cure import smallest
from tests.unit.make import NOW, finding, fleet, move, rules, server, snapshot

RULES = rules()
ZONES = {'a': 'az1', 'b': 'az1', 'c': 'az1', 'z': 'az2'}


def host(demand: float = 0.0, **other: float | Tier) -> HostView:
    values = {'tier': Tier.COLD, 'steal': 0.0, 'cores': 16.0}
    return HostView(demand=demand, **(values | other))


def hot(demand: float) -> HostView:
    return host(demand, tier=Tier.HOT, steal=max(0.0, 1 - 16 / demand))


def planned(
    found: dict[str, Finding],
    hosts: dict[str, HostView],
    moves: dict[str, Move] | None = None,
    rules: Rules = RULES,
    **of_servers: dict[str, object],
) -> Plan:
    servers = [
        server(s, host=f.host, zone=ZONES[f.host], **of_servers.get(s, {}))
        for s, f in found.items()
    ]
    servers += [
        server(s, host=m.source)
        for s, m in (moves or {}).items()
        if s not in found
    ]
    known = snapshot(
        fleet(*servers, hosts=ZONES),
        view=View(NOW, hosts, {}, {}),
        moves=moves or {},
        rules=rules,
    )
    return plan([*map(Leaver.of, found.values())], known)


def found(**demands: float) -> dict[str, Finding]:
    """Findings on host a, by server id."""
    return {s: finding(s, demand=d) for s, d in demands.items()}


def reasons(plan: Plan) -> dict[str | None, str]:
    return {r.server_id: str(r.reason) for r in plan.refusals}


def ids(plan: Plan) -> list[str]:
    return [m.server_id for m in plan.moves]


class TestPlan(base.BaseTestCase):
    def test_the_excess_leaves_and_no_more(self) -> None:
        made = planned(found(x=4, y=2, z=1), {'a': hot(19), 'b': host()})
        self.assertEqual(['x'], ids(made))
        self.assertEqual({'y': 'not_needed', 'z': 'not_needed'}, reasons(made))
        self.assertEqual((), made.saturations)

    def test_the_move(self) -> None:
        one = found(x=4)
        made = planned(
            one, {'a': hot(19), 'b': host()}, x={'role': 'web', 'disk_gb': 1}
        )
        expected = move(
            'x',
            server=server('x', role='web', disk_gb=1),
            steal_before=0.25,
            drained_at=NOW,
            copy_mb=4096 + 1024,
        )
        self.assertEqual(
            [expected],
            [
                dataclasses.replace(m, reason='', own_reason='')
                for m in made.moves
            ],
        )
        self.assertEqual(made.moves[0].reason, made.moves[0].own_reason)
        self.assertEqual(
            'waits 25% of its time at load 1.00 per vCPU, in 3 of 5 polls',
            made.moves[0].reason,
        )

    def test_what_hurts_may_be_bad_seconds(self) -> None:
        one = {'x': finding('x', steal=0.02, bad_seconds=0.4)}
        (made,) = planned(one, {'a': hot(19), 'b': host()}).moves
        self.assertIn('per vCPU and in 40% of its seconds, in', made.reason)

    def test_the_worst_host_first(self) -> None:
        both = found(x=2) | {'y': finding('y', host='c', demand=2.0)}
        for on_a, on_c, first in ((18, 17, 'x'), (17, 18, 'y')):
            made = planned(both, {'a': hot(on_a), 'b': host(), 'c': hot(on_c)})
            self.assertEqual(first, ids(made)[0])

    def test_the_lighter_of_two(self) -> None:
        made = planned(
            found(x=4, y=4),
            {'a': hot(19), 'b': host()},
            x={'disk_gb': 500},
        )
        self.assertEqual(['y'], ids(made))
        made = planned(
            found(x=4, y=4),
            {'a': hot(19), 'b': host()},
            rules=rules(shared_storage=True),
            x={'disk_gb': 500, 'ram_mb': 1024},
        )
        self.assertEqual(['x'], ids(made))

    def test_one_that_fits_nowhere_gives_way(self) -> None:
        made = planned(found(x=8, y=4, z=1), {'a': hot(20), 'b': host(10)})
        self.assertEqual(['y'], ids(made))
        self.assertEqual({'x': 'not_needed', 'z': 'not_needed'}, reasons(made))
        self.assertEqual((), made.saturations)

    def test_what_is_leaving_already_counts(self) -> None:
        leaving = {'m': move('m', demand=2.0)}
        made = planned(found(x=1, y=2), {'a': hot(17.5), 'b': host()}, leaving)
        self.assertEqual([], ids(made))
        self.assertEqual({'x': 'not_needed', 'y': 'not_needed'}, reasons(made))
        # The one that is drained has the place on b or c, and y the other.
        cold = {'b': host(), 'c': host()}
        made = planned(found(x=1, y=2), {'a': hot(19), **cold}, leaving)
        self.assertEqual(['x'], ids(made))

    def test_what_is_undone_does_not_leave(self) -> None:
        undone = {'m': move('m', demand=2.0, stage=Stage.UNDO)}
        made = planned(found(x=2), {'a': hot(18), 'b': host()}, undone)
        self.assertEqual(['x'], ids(made))


def with_neighbours(*waiting: str, **demands: float) -> list[Leaver]:
    """Servers of host a, of which some wait, and the others could leave."""
    first = finding(waiting[0], demand=demands[waiting[0]])
    return [
        Leaver.of(finding(s, demand=cores))
        if s in waiting
        else Leaver(s, 'a', 0.0, make.demand(cores), relieves=first)
        for s, cores in demands.items()
    ]


def relieved(leavers: list[Leaver], demand: float, **of_servers: Any) -> Plan:
    """What is planned where host a is asked for so much, and b is idle."""
    ids = {one.server_id for one in leavers}
    ids |= {one.relieves.server_id for one in leavers}
    servers = [
        server(s, host='a', name=f'web-{s}', **of_servers.get(s, {}))
        for s in sorted(ids)
    ]
    hosts = {'a': hot(demand), 'b': host()}
    view = View(NOW, hosts, {}, {}, max_arrivals=9)
    known = snapshot(fleet(*servers, hosts=ZONES), view=view, rules=RULES)
    return plan(leavers, known)


class TestNeighbours(base.BaseTestCase):
    def test_who_cures_best_leaves_for_one_that_waits(self) -> None:
        """x asks for less than what is too much, and z is lighter than y."""
        some = with_neighbours('x', x=1, y=4, z=3)
        made = relieved(some, 18.5, z={'ram_mb': 1024})
        self.assertEqual(['z'], ids(made))
        self.assertEqual({'x': 'not_needed'}, reasons(made))
        self.assertEqual(
            'relieves web-x (x), which waits 25% of its time at load 1.00 '
            'per vCPU, in 3 of 5 polls',
            made.moves[0].reason,
        )

    def test_of_equals_the_one_that_asks_for_less(self) -> None:
        some = with_neighbours('x', x=1, y=4, z=3)
        self.assertEqual(['z'], ids(relieved(some, 18.5)))

    def test_one_that_may_not_leave_is_relieved(self) -> None:
        locked = finding('x', demand=4.0)
        other = Leaver('z', 'a', 0.0, make.demand(3.0), relieves=locked)
        made = relieved([other], 18.5)
        self.assertEqual((['z'], {}), (ids(made), reasons(made)))

    def test_a_neighbour_brings_as_much_as_one_that_waits(self) -> None:
        """By the mean nothing is too much: it waits in single seconds."""
        some = with_neighbours('x', x=2, y=1, z=3)
        made = relieved(some, 12, x={'ram_mb': 9999}, y={'ram_mb': 64})
        self.assertEqual(['z'], ids(made))

    def test_idle_ones_stay(self) -> None:
        """They could not cure it, whoever else leaves."""
        some = with_neighbours('x', x=2, y=0.1, z=0.2)
        self.assertEqual(['x'], ids(relieved(some, 20)))

    def test_one_of_each_host_is_placed_before_a_second_one(self) -> None:
        on_a = found(x=2, y=2)
        on_c = {'z': finding('z', host='c', demand=2.0)}
        hosts = {'a': hot(20), 'c': hot(18), 'b': host(), 'd': host(10)}
        zones = dict.fromkeys('abcd', 'az1')
        servers = [server(s, host=f.host) for s, f in (on_a | on_c).items()]
        view = View(NOW, hosts, {}, {}, max_arrivals=1)
        known = snapshot(fleet(*servers, hosts=zones), view=view)
        made = plan([*map(Leaver.of, [*on_a.values(), *on_c.values()])], known)
        self.assertEqual(['x', 'z'], ids(made))
        self.assertEqual({'y': 'slot_target'}, reasons(made))

    @given(
        st.lists(
            st.tuples(quarters(2, 8), st.integers(1, 9)),
            min_size=1,
            max_size=6,
        ),
        quarters(1, 12),
        st.integers(0, 5),
    )
    def test_any_host(
        self, sizes: list[tuple[float, int]], excess: float, waits: int
    ) -> None:
        """As few as by trying every set; and alone, the lightest."""
        names = [f's{n}' for n in range(len(sizes))]
        demands = {
            s: cores for s, (cores, _) in zip(names, sizes, strict=True)
        }
        of = {
            s: {'ram_mb': gib * 1024, 'disk_gb': 0}
            for s, (_, gib) in zip(names, sizes, strict=True)
        }
        waiting = names[waits % len(names)]
        made = relieved(with_neighbours(waiting, **demands), 16 + excess, **of)
        pool = [move(s, demand=d) for s, d in demands.items()]
        needed = smallest(pool, excess)
        placed = sum(m.demand.expected for m in made.moves)
        if needed is not None and sum(demands.values()) <= 14.4:
            self.assertEqual(needed, len(made.moves))
            self.assertGreaterEqual(placed, excess)
            alone = [of[s]['ram_mb'] for s in names if demands[s] >= excess]
            if alone:
                self.assertEqual([min(alone)], [m.copy_mb for m in made.moves])
        answered = {*ids(made), *reasons(made)}
        self.assertIn(waiting, answered)
        self.assertLessEqual(reasons(made).keys(), {waiting})


class TestSaturation(base.BaseTestCase):
    def saturated(self, **others: HostView) -> Plan:
        made = planned(found(x=4), {'a': hot(18), **others})
        self.assertEqual([], ids(made))
        return made

    def test_nobody_stays_cold(self) -> None:
        made = self.saturated(b=host(10.5), c=hot(17))
        self.assertEqual({'x': 'saturated'}, reasons(made))
        (short,) = made.saturations
        self.assertEqual(('az1', 2.0), (short.zone, short.cores_short))

    def test_another_zone_does_not_help(self) -> None:
        self.assertEqual({'x': 'saturated'}, reasons(self.saturated(z=host())))

    def test_an_unknown_host_does_not_help(self) -> None:
        """Nor can anybody say that more cores are needed."""
        made = self.saturated(b=host(tier=Tier.UNKNOWN), c=hot(17))
        self.assertEqual({'x': 'targets_unknown'}, reasons(made))
        self.assertIn('; b: without reliable', made.refusals[0].detail)
        self.assertEqual((), made.saturations)

    def test_one_that_is_closed_and_full_is_no_excuse(self) -> None:
        full = host(10.5, tier=Tier.UNKNOWN)
        self.assertEqual({'x': 'saturated'}, reasons(self.saturated(b=full)))
        bare = host(0.0, cores=0.0, tier=Tier.UNKNOWN)
        made = self.saturated(b=full, c=bare)
        self.assertIn('; c: without reliable', made.refusals[0].detail)

    def test_a_cold_host_that_waits_does_not_help(self) -> None:
        made = self.saturated(b=host(steal=0.05))
        self.assertEqual({'x': 'saturated'}, reasons(made))

    def test_credit_counts(self) -> None:
        self.assertEqual(
            {'x': 'saturated'}, reasons(self.saturated(b=host(8, credit=3.0)))
        )

    def test_a_host_that_is_receiving_is_waited_for(self) -> None:
        made = self.saturated(b=host(arrivals=1))
        self.assertEqual({'x': 'slot_target'}, reasons(made))
        self.assertEqual((), made.saturations)

    def test_the_source_is_no_target(self) -> None:
        made = planned(found(x=1), {'a': host(2), 'b': hot(18)})
        self.assertEqual({'x': 'saturated'}, reasons(made))

    def test_zones_add_up(self) -> None:
        both = found(x=4) | {'y': finding('y', host='b', demand=4.0)}
        made = planned(both, {'a': hot(18), 'b': hot(19)})
        self.assertEqual([5.0], [s.cores_short for s in made.saturations])


def room(cloud: Cloud, name: str) -> float:
    view = cloud.view.hosts[name]
    limit = view.cores * cloud.view.target_demand / 100
    return limit - view.demand - view.credit


def targets(cloud: Cloud, of: Move | Finding, busy: bool = True) -> list[str]:
    """Cold hosts of its zone that could take it if it were alone."""
    source = of.source if isinstance(of, Move) else of.host
    zone = cloud.fleet.servers[of.server_id].zone
    return [
        name
        for name, host in cloud.fleet.hosts.items()
        if host.up
        and host.zone == zone
        and name != source
        and cloud.view.fit(cloud.view.hosts[name])
        and (busy or not cloud.view.hosts[name].arrivals)
        and room(cloud, name) >= of.demand.expected
    ]


def fits(cloud: Cloud, moves: list[Move], taken: dict[str, float]) -> bool:
    """Whether there is a way to place all of them; by trying every one."""
    if not moves:
        return True
    for name in targets(cloud, moves[0], busy=False):
        after = taken.get(name, 0.0) + moves[0].demand.expected
        if after <= room(cloud, name) and fits(
            cloud, moves[1:], {**taken, name: after}
        ):
            return True
    return False


def cures(cloud: Cloud, one: Finding, name: str) -> bool:
    """Whether the bad seconds there are half as many, or hardly any."""
    here = cloud.view.hosts[one.host].bad_seconds
    there = cloud.view.hosts[name].bad_seconds
    if here is None or there is None:
        return True
    return there.share < max(here.share / 2, 0.05)


def snapshot_of(cloud: Cloud, **other: Any) -> Snapshot:
    values = {'moves': cloud.moves, 'rules': RULES, **other}
    return snapshot(cloud.fleet, view=cloud.view, **values)


def make_plan(cloud: Cloud) -> Plan:
    return plan([*map(Leaver.of, cloud.findings)], snapshot_of(cloud))


class TestAnyCloud(base.BaseTestCase):
    @given(clouds())
    def test_nobody_is_dropped(self, cloud: Cloud) -> None:
        made = make_plan(cloud)
        answered = ids(made) + [str(r.server_id) for r in made.refusals]
        self.assertEqual(
            sorted(f.server_id for f in cloud.findings), sorted(answered)
        )

    @given(clouds())
    def test_every_move_has_its_place(self, cloud: Cloud) -> None:
        """In its zone, on a cold host, together with all the others."""
        self.assertTrue(fits(cloud, list(make_plan(cloud).moves), {}))

    @given(clouds())
    def test_saturated_only_where_no_host_could(self, cloud: Cloud) -> None:
        made = make_plan(cloud)
        refused = {r.server_id: r.reason for r in made.refusals}
        planned = sum(m.demand.expected for m in made.moves)
        for one in cloud.findings:
            if refused.get(one.server_id) is Reason.SATURATED:
                # The best host would do only if nothing else went there.
                for name in targets(cloud, one):
                    self.assertGreater(
                        planned + one.demand.expected, room(cloud, name)
                    )
        if not made.moves:
            for one in cloud.findings:
                if refused[one.server_id] is Reason.SATURATED:
                    self.assertEqual([], targets(cloud, one))

    @given(clouds())
    def test_one_cold_host_with_room_is_chosen(self, cloud: Cloud) -> None:
        for one in cloud.findings:
            alone = plan([Leaver.of(one)], snapshot_of(cloud, moves={}))
            some = targets(cloud, one, busy=False)
            could = any(cures(cloud, one, name) for name in some)
            self.assertEqual([one.server_id] * could, ids(alone))

    @given(clouds(in_flight=False))
    def test_never_more_moves_than_needed(self, cloud: Cloud) -> None:
        made = make_plan(cloud)
        refused = {r.server_id: r.reason for r in made.refusals}
        for name, view in cloud.view.hosts.items():
            here = [f for f in cloud.findings if f.host == name]
            going = [m for m in made.moves if m.source == name]
            excess = view.demand - view.cores
            if excess <= 0:
                self.assertLessEqual(len(going), 1)
            if any(
                refused.get(f.server_id) is not Reason.NOT_NEEDED for f in here
            ):
                # Some fit nowhere: then more than the fewest may have to.
                continue
            pool = [move(f.server_id, demand=f.demand) for f in here]
            if len(going) == len(pool):
                continue
            self.assertLessEqual(len(going), smallest(pool, excess) or 0)

    @given(clouds(), st.randoms(use_true_random=False))
    def test_order_does_not_matter(
        self, cloud: Cloud, chance: random.Random
    ) -> None:
        def shuffled(values: dict) -> dict:
            names = list(values)
            chance.shuffle(names)
            return {name: values[name] for name in names}

        findings = list(cloud.findings)
        chance.shuffle(findings)
        other = Cloud(
            dataclasses.replace(
                cloud.fleet,
                servers=shuffled(cloud.fleet.servers),
                hosts=shuffled(cloud.fleet.hosts),
            ),
            dataclasses.replace(cloud.view, hosts=shuffled(cloud.view.hosts)),
            tuple(findings),
            shuffled(cloud.moves),
        )
        made, again = make_plan(cloud), make_plan(other)
        self.assertEqual(made.moves, again.moves)
        self.assertEqual(set(made.refusals), set(again.refusals))
        self.assertEqual(made.saturations, again.saturations)


class TestCopy(base.BaseTestCase):
    def test_memory_and_local_disk(self) -> None:
        one = server(ram_mb=1000, disk_gb=2)
        for shared, expected in ((False, 3048), (True, 1000)):
            known = snapshot(rules=make.rules(shared_storage=shared))
            self.assertEqual(expected, known.copy_mb(one))
