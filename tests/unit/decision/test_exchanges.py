import dataclasses
import math
import random
from collections.abc import Iterator

from oslotest import base

from steal_scheduler.decision import givers
from steal_scheduler.decision.exchange_targets import ExchangeTargets
from steal_scheduler.decision.exchanges import Exchanges
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.planner import Also, Plan, plan
from steal_scheduler.decision.rankings import Ranks
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model import policy
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.cloud import Migration
from steal_scheduler.model.finding import Finding, Leaver
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.pause import Pause, Scope
from steal_scheduler.model.refusal import Reason
from steal_scheduler.model.room import Free, HostRoom, Room
from tests.unit import make
from tests.unit.make import NOW, fleet, server, signal, signals, snapshot

CORES = 16.0
LINE = 0.9 * CORES


@dataclasses.dataclass(frozen=True)
class One:
    """A server: where it is, the cores that it asks for, and its GiB."""

    host: str
    cores: float
    ram: int
    opted_out: str = ''


@dataclasses.dataclass
class Cloud:
    """Hosts of 16 cores, and GiB that each has left."""

    left: dict[str, int]
    servers: dict[str, One]
    moves: dict[str, Move] = dataclasses.field(default_factory=dict)
    records: list[Migration] = dataclasses.field(default_factory=list)
    #: Hosts where Nova places nobody, and those that an operator empties.
    disabled: set[str] = dataclasses.field(default_factory=set)
    emptied: set[str] = dataclasses.field(default_factory=set)
    #: Of options.
    rules: dict[str, object] = dataclasses.field(default_factory=dict)

    def demand(self, host: str) -> float:
        return sum(s.cores for s in self.servers.values() if s.host == host)

    def cold(self, host: str) -> bool:
        return self.demand(host) < LINE

    def bears(self, cores: float, host: str) -> bool:
        """Whether a server of 4 vCPUs would not be contended there."""
        steal = max(0.0, 1 - CORES / max(self.demand(host), 1e-9))
        return cores < 0.3 * 4 * max(0.5, 1 - steal)

    def snapshot(self) -> Snapshot:
        known = fleet(
            *(
                server(
                    s, host=one.host, ram_mb=one.ram * 1024, disk_gb=0, vcpus=4
                )
                for s, one in self.servers.items()
            ),
            hosts=dict.fromkeys(self.left, 'az1'),
            migrations=tuple(self.records),
        )
        hosts = {
            name: dataclasses.replace(host, enabled=name not in self.disabled)
            for name, host in known.hosts.items()
        }
        return snapshot(
            dataclasses.replace(known, hosts=hosts),
            *self.moves.values(),
            rules=make.rules(**self.rules),
            measured=signals(
                *(
                    signal(s, host=one.host, used=one.cores, waited=0.0)
                    for s, one in self.servers.items()
                )
            ),
            view=View(
                NOW,
                {n: self._view(n) for n in self.left},
                {},
                {},
                emptied=frozenset(self.emptied),
            ),
            room=Room(
                {
                    n: HostRoom(Free({'MEMORY_MB': left * 1024}))
                    for n, left in self.left.items()
                },
                allocated={
                    s: {'MEMORY_MB': one.ram * 1024}
                    for s, one in self.servers.items()
                },
            ),
        )

    def _view(self, host: str) -> HostView:
        demand = self.demand(host)
        tier, steal = Tier.COLD, 0.0
        if demand > CORES:
            tier, steal = Tier.HOT, 1 - CORES / demand
        elif any(
            m.makes_room_for is not None and m.source == host
            for m in self.moves.values()
        ):
            tier = Tier.UNKNOWN
        return HostView(tier, steal, demand=demand, cores=CORES)

    def may(self, server_id: str) -> bool:
        return server_id not in {m.server_id for m in self.records}

    def leavers(self) -> list[Leaver]:
        found: list[Leaver] = []
        for s, one in self.servers.items():
            if self.demand(one.host) > CORES and self.may(s):
                finding: Finding = make.finding(
                    s, host=one.host, demand=one.cores
                )
                found.append(Leaver.of(finding))
        return found

    def plan(self) -> Plan:
        return plan(self.leavers(), self.snapshot(), also=Also(may=self.may))

    def go(self, server_id: str, to: str) -> None:
        one = self.servers[server_id]
        self.left[one.host] += one.ram
        self.left[to] -= one.ram
        at = NOW - 100 + len(self.records)
        self.records.append(
            make.migration(
                server_id,
                migration_id=len(self.records) + 1,
                source=one.host,
                target=to,
                created_at=at,
            )
        )
        self.servers[server_id] = dataclasses.replace(one, host=to)


def full(**more: One) -> Cloud:
    """Only c has room, for y: then x has some on b."""
    return Cloud(
        {'a': 0, 'b': 12, 'c': 4},
        {
            'x': One('a', 4, 16),
            'rest': One('a', 14, 64),
            'y': One('b', 2, 4),
            'old': One('b', 2, 64),
            'z': One('c', 6, 64),
            **more,
        },
    )


class TestExchange(base.BaseTestCase):
    def ids(self, made: Plan) -> list[str]:
        return [move.server_id for move in made.moves]

    def test_room_is_made_first(self) -> None:
        made = full().plan()
        (first,) = made.moves
        self.assertEqual(('y', 'b'), (first.server_id, first.source))
        self.assertEqual(
            'makes room on host b for server name of x (x) of host a',
            first.reason,
        )
        self.assertIsNone(first.steal_before)
        self.assertEqual(4096, first.copy_mb)
        assert first.makes_room_for is not None
        self.assertEqual('x', first.makes_room_for.server_id)
        self.assertEqual((), made.saturations)
        said = {r.server_id: r for r in made.refusals}
        self.assertEqual(Reason.ROOM_PENDING, said['x'].reason)
        self.assertEqual(
            'it moves to b when name of y (y) has made room for it there',
            said['x'].detail,
        )
        self.assertEqual(
            'name of x (x), which relieves its host, moves to b when name of '
            'y (y) has made room for it there',
            said['rest'].detail,
        )

    def test_then_the_other_one_follows(self) -> None:
        cloud = full()
        cloud.go('y', 'c')
        made = cloud.plan()
        self.assertEqual(['x'], self.ids(made))
        self.assertIsNotNone(made.moves[0].steal_before)
        ranking = Ranks(cloud.snapshot()).of(made.moves[0], NOW)
        self.assertEqual((('b',),), ranking.best)

    def test_no_second_one_makes_room_meanwhile(self) -> None:
        cloud = full(y2=One('b', 1, 4))
        (first,) = cloud.plan().moves
        cloud.moves['y'] = dataclasses.replace(
            first, stage=Stage.MIGRATE, target='c'
        )
        made = cloud.plan()
        self.assertEqual([], self.ids(made))
        self.assertIn(
            (Reason.ROOM_PENDING, 'x'),
            [(r.reason, r.server_id) for r in made.refusals],
        )

    def test_nor_where_it_was_made_in_vain(self) -> None:
        cloud = full(y2=One('b', 1, 4), p=One('c', 0.1, 4))
        cloud.go('y', 'c')
        # Somebody else has taken it.
        cloud.left |= {'b': 12, 'c': 4}
        self.assertEqual([], self.ids(cloud.plan()))
        # In the end one has come there.
        cloud.go('p', 'b')
        cloud.left |= {'b': 12, 'c': 4}
        self.assertEqual(['y2'], self.ids(cloud.plan()))

    def test_who_may_not_move_makes_no_room(self) -> None:
        cloud = full()
        also = Also(may=lambda s: s != 'y')
        made = plan(cloud.leavers(), cloud.snapshot(), also=also)
        self.assertEqual((), made.moves)
        said = {r.server_id: r.reason for r in made.refusals}
        self.assertEqual(Reason.RAM, said['x'])

    def test_where_there_is_room_nobody_makes_any(self) -> None:
        cloud = full()
        cloud.left['b'] = 16
        self.assertEqual(['x'], self.ids(cloud.plan()))

    def test_nobody_makes_room_where_only_cores_lack(self) -> None:
        cloud = full(busy=One('b', 8, 4), z=One('c', 12, 64))
        cloud.left |= {'b': 16, 'c': 16}
        self.assertEqual([], self.ids(cloud.plan()))

    def test_next_to_nothing_is_not_worth_it(self) -> None:
        cloud = full(x=One('a', 0.2, 16))
        cloud.servers['rest'] = One('a', 16.1, 999)
        self.assertEqual([], self.ids(cloud.plan()))

    def test_where_somebody_is_asked_or_it_is_only_said(self) -> None:
        for hosts, key, value, begun in (
            ('a', 'approval', 'true', []),
            ('b', 'approval', 'true', []),
            ('b', 'notice', '60s', []),
            ('a', 'dry_run', 'true', []),
            ('b', 'dry_run', 'true', []),
            ('ab', 'dry_run', 'true', ['y']),
            ('c', 'dry_run', 'true', ['y']),
        ):
            cloud = full()
            said = Aggregate(1, 'x', tuple(hosts), {f'steal:{key}': value})
            policies = policy.read_all([said])
            self.assertEqual((), policies.ignored, key)
            some = cloud.snapshot()
            known = dataclasses.replace(some.fleet, policies=policies)
            live = dataclasses.replace(some.rules, dry_run=False)
            some = dataclasses.replace(some, fleet=known, rules=live)
            made = plan(cloud.leavers(), some, also=Also(may=cloud.may))
            self.assertEqual(begun, self.ids(made), (hosts, key))

    def test_nobody_else_goes_where_room_is_made(self) -> None:
        known = fleet(server('y', host='b'))
        measured = signals(
            signal('y', host='b', used=1.0, waited=0.0),
            hosts=dict.fromkeys('abc', 16.0),
        )
        y = make.move('y', server=known.servers['y'], source='b')
        for second, tier in (
            (None, Tier.COLD),
            (make.move('x'), Tier.UNKNOWN),
        ):
            going = dataclasses.replace(y, makes_room_for=second)
            some = snapshot(known, going, measured=measured)
            self.assertIs(tier, build_view(some).hosts['b'].tier)

    def test_the_lightest(self) -> None:
        cloud = full(light=One('b', 1, 4), heavy=One('b', 1, 8))
        cloud.left['c'] = 8
        cloud.servers['y'] = One('b', 2, 6)
        self.assertEqual(['light'], self.ids(cloud.plan()))

    def test_it_goes_where_the_other_one_leaves(self) -> None:
        """No third host has room; on the contended one it would not wait."""
        cloud = full()
        cloud.left |= {'a': 4, 'c': 0}
        cloud.servers['y'] = One('b', 0.2, 4)
        (first,) = cloud.plan().moves
        self.assertEqual(('y', 'a'), (first.server_id, first.only_to))
        some = cloud.snapshot()
        self.assertEqual((('a',),), Ranks(some).of(first, NOW).best)
        # Its place is its own, and it takes no other.
        cloud.moves['y'] = first
        self.assertEqual([], self.ids(cloud.plan()))
        cloud.left['a'] = 3
        some = cloud.snapshot()
        self.assertEqual((), Ranks(some).of(first, NOW).best)

    def test_nobody_goes_where_nobody_can_be_placed(self) -> None:
        """It would be drained in vain."""
        for closed in ('disabled', 'emptied'):
            cloud = full()
            cloud.left |= {'a': 4, 'c': 0}
            cloud.servers['y'] = One('b', 0.2, 4)
            (first,) = cloud.plan().moves
            setattr(cloud, closed, {'a'})
            self.assertEqual([], self.ids(cloud.plan()), closed)
            # Nor if that comes while it is being drained.
            cloud.moves['y'] = first
            found = Ranks(cloud.snapshot()).of(first, NOW)
            self.assertEqual((), found.best, closed)

    def test_nobody_goes_there_who_would_wait(self) -> None:
        """As long as the others there do: each of 4 vCPUs is busy to 0.3."""
        cloud = full()
        cloud.left |= {'a': 4, 'c': 0}
        self.assertEqual([], self.ids(cloud.plan()))
        # The steal of a is 0.11, and so 1.07 cores are the line.
        cloud.servers['y'] = One('b', 1.1, 4)
        self.assertEqual([], self.ids(cloud.plan()))
        cloud.servers['y'] = One('b', 1.05, 4)
        self.assertEqual(['y'], self.ids(cloud.plan()))

    def test_where_each_load_is_over_the_threshold(self) -> None:
        """By ``load_threshold = 0`` nobody is calm, wherever he is."""
        cloud = full()
        cloud.left |= {'a': 4, 'c': 0}
        cloud.servers['y'] = One('b', 0.2, 4)
        cloud.rules['load_threshold'] = 0.0
        self.assertEqual([], self.ids(cloud.plan()))

    def test_it_goes_to_another_one_that_is_contended(self) -> None:
        """Where neither a third host nor the one that is relieved has room."""
        cloud = full(d=One('d', 17, 64))
        cloud.left |= {'c': 0, 'd': 4}
        cloud.servers['y'] = One('b', 0.2, 4)
        (first,) = cloud.plan().moves
        self.assertEqual(('y', 'd'), (first.server_id, first.only_to))
        self.assertEqual(
            (('d',),), Ranks(cloud.snapshot()).of(first, NOW).best
        )
        cloud.go('y', 'd')
        self.assertEqual(['x'], self.ids(cloud.plan()))

    def test_the_one_that_is_relieved_comes_first(self) -> None:
        cloud = full(d=One('d', 17, 64))
        cloud.left |= {'a': 4, 'c': 0, 'd': 4}
        cloud.servers['y'] = One('b', 0.2, 4)
        (first,) = cloud.plan().moves
        self.assertEqual('a', first.only_to)

    def test_nobody_goes_to_another_one_that_is_closed(self) -> None:
        cloud = full(d=One('d', 17, 64))
        cloud.left |= {'c': 0, 'd': 4}
        cloud.servers['y'] = One('b', 0.2, 4)
        (first,) = cloud.plan().moves
        some = cloud.snapshot()
        pause = Pause(Scope.HOST, 'd', math.inf)
        some = dataclasses.replace(
            some, fleet=dataclasses.replace(some.fleet, pauses=(pause,))
        )
        made = plan(cloud.leavers(), some, also=Also(may=cloud.may))
        self.assertEqual([], self.ids(made))
        self.assertEqual((), Ranks(some).of(first, NOW).best)
        for closed in ('disabled', 'emptied'):
            setattr(cloud, closed, {'d'})
            self.assertEqual([], self.ids(cloud.plan()), closed)


def drawn(number: int) -> Cloud:
    """A few contended hosts, and a few with cores and little memory left."""
    draw = random.Random(number)
    left, servers = {}, {}
    for n in range(draw.randint(1, 2)):
        left[f'hot{n}'] = draw.choice((0, 0, 4, 8))
        for i in range(draw.randint(4, 6)):
            cores = draw.uniform(2.0, 6.0)
            servers[f'hot{n}-{i}'] = One(f'hot{n}', cores, draw.choice(SIZES))
    for n in range(draw.randint(2, 4)):
        left[f'cold{n}'] = draw.choice((0, 2, 4, 8, 12))
        for i in range(draw.randint(1, 4)):
            cores = draw.choice((0.1, 0.3, 1.0, 3.0)) * draw.uniform(0.9, 1.1)
            servers[f'cold{n}-{i}'] = One(
                f'cold{n}', cores, draw.choice(SIZES)
            )
    return Cloud(left, servers)


SIZES = (2, 4, 8, 16)


def all_pairs(
    cloud: Cloud, waiting: list[Move], cores: float
) -> Iterator[tuple[float, str, str]]:
    """What each pair is worth by which one of these can leave.

    As the module says, of one host after the other, with no arrays.
    """
    source = waiting[0].source
    for y, giver in cloud.servers.items():
        at = giver.host
        if cloud.demand(at) > CORES:
            continue
        third = any(
            cloud.left[h] >= giver.ram
            and cloud.demand(h) + giver.cores <= LINE
            for h in cloud.left
            if h != at
        )
        contended = [source, *(h for h in cloud.left if not cloud.cold(h))]
        calm = any(
            cloud.bears(giver.cores, h) and cloud.left[h] >= giver.ram
            for h in contended
        )
        if not third and not calm:
            continue
        for move in waiting:
            x = cloud.servers[move.server_id]
            lacks = cloud.left[at] < x.ram <= cloud.left[at] + giver.ram
            if lacks and cloud.demand(at) + x.cores - giver.cores <= LINE:
                brings = min(x.cores, cores) - (0 if third else giver.cores)
                if brings >= givers.LEAST:
                    copies = (x.ram + giver.ram + 8) * 1024
                    yield brings / copies, y, move.server_id
                # Whoever comes first has the room.
                break


class TestAllPairs(base.BaseTestCase):
    def test_the_best_of_all_pairs(self) -> None:
        found = 0
        for number in range(400):
            cloud = drawn(number)
            hot = [h for h in cloud.left if cloud.demand(h) > CORES]
            if not hot:
                continue
            waiting = [
                make.move(
                    s,
                    server=cloud.snapshot().fleet.servers[s],
                    source=hot[0],
                    demand=one.cores,
                    copy_mb=one.ram * 1024,
                )
                for s, one in cloud.servers.items()
                if one.host == hot[0]
            ]
            excess = cloud.demand(hot[0]) - CORES
            targets = ExchangeTargets(cloud.snapshot())
            made = Exchanges(cloud.snapshot(), targets, cloud.may).of(
                waiting, excess
            )
            pairs = sorted(all_pairs(cloud, waiting, excess))
            self.assertEqual(bool(pairs), made is not None, number)
            if made is not None:
                found += 1
                best = pairs[-1][0]
                of = {(y, x): worth for worth, y, x in pairs}
                worth = of[made.first.server_id, made.second.server_id]
                self.assertAlmostEqual(best, worth, msg=str(number))
        self.assertGreater(found, 100)


class TestPlayed(base.BaseTestCase):
    def test_each_step_can_be_made(self) -> None:
        """No host is over its line after any, and nobody moves twice."""
        exchanged, saved = 0, 0
        for number in range(300):
            cloud = drawn(number)
            begin = {h: cloud.demand(h) for h in cloud.left}
            before = sum(max(d - CORES, 0) for d in begin.values())
            for _ in range(len(cloud.servers)):
                made = cloud.plan().moves
                if not made:
                    break
                move = made[0]
                self.assertTrue(cloud.may(move.server_id), number)
                ranking = Ranks(cloud.snapshot()).of(move, NOW)
                to = ranking.best[0][0]
                exchanged += move.makes_room_for is not None
                if move.only_to is not None:
                    self.assertEqual(move.only_to, to)
                    calm = cloud.servers[move.server_id].cores
                    self.assertTrue(cloud.bears(calm, to), number)
                cloud.go(move.server_id, to)
                self.assertGreaterEqual(cloud.left[to], 0, number)
                if move.only_to is None:
                    self.assertLessEqual(cloud.demand(to), LINE, number)
            else:
                self.fail(f'{number}: it does not end')
            now = {h: cloud.demand(h) for h in cloud.left}
            after = sum(max(d - CORES, 0) for d in now.values())
            self.assertLessEqual(after, before + 0.6, number)
            saved += after < before
        self.assertGreater(exchanged, 30)
        self.assertGreater(saved, 50)
