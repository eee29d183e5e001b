import dataclasses
import itertools
import random

from oslotest import base

from steal_scheduler.decision.rankings import Ranks
from steal_scheduler.decision.room import Ledger
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import Stage
from steal_scheduler.model.refusal import Reason
from steal_scheduler.model.room import Free, HostRoom, Room
from tests.unit.decision.test_exchanges import Cloud, One, drawn
from tests.unit.make import NOW, fleet, move, rules, server, snapshot

KEPT = rules(keep_room_for_host_failure=True)


@dataclasses.dataclass
class Zone:
    """What each host has left of memory and vCPUs, and where servers are."""

    left: dict[str, tuple[int, int]]
    #: Host, memory and vCPUs.
    servers: dict[str, tuple[str, int, int]]
    closed: set[str] = dataclasses.field(default_factory=set)

    def go(self, server_id: str, to: str) -> 'Zone':
        host, ram, vcpus = self.servers[server_id]
        left = dict(self.left)
        left[host] = left[host][0] + ram, left[host][1] + vcpus
        left[to] = left[to][0] - ram, left[to][1] - vcpus
        servers = self.servers | {server_id: (to, ram, vcpus)}
        return Zone(left, servers, self.closed)

    def fits(self, server_id: str, to: str) -> bool:
        host, ram, vcpus = self.servers[server_id]
        return (
            host != to
            and self.left[to][0] >= ram
            and self.left[to][1] >= vcpus
        )

    @property
    def survives(self) -> bool:
        """Whether all of the largest host find a place, by trying all ways."""
        memory = dict.fromkeys(self.left, 0)
        for host, ram, _ in self.servers.values():
            memory[host] += ram
        largest = max(memory, key=lambda host: memory[host])
        there = [s for s in self.servers.values() if s[0] == largest]
        others = [h for h in self.left if h not in (largest, *self.closed)]
        return fit({h: self.left[h] for h in others}, there)

    def snapshot(self) -> Snapshot:
        known = fleet(
            *(
                server(s, host=host, ram_mb=ram, vcpus=vcpus, disk_gb=0)
                for s, (host, ram, vcpus) in self.servers.items()
            ),
            hosts=dict.fromkeys(self.left, 'az1'),
        )
        hosts = {
            name: dataclasses.replace(host, enabled=name not in self.closed)
            for name, host in known.hosts.items()
        }
        return snapshot(
            dataclasses.replace(known, hosts=hosts),
            rules=KEPT,
            view=View(
                NOW,
                {
                    n: HostView(Tier.COLD, demand=1.0, cores=64.0)
                    for n in self.left
                },
                {},
                {},
            ),
            room=Room(
                {
                    n: HostRoom(Free({'MEMORY_MB': ram, 'VCPU': vcpus}))
                    for n, (ram, vcpus) in self.left.items()
                }
            ),
        )

    def of(self, server_id: str) -> Server:
        return self.snapshot().fleet.servers[server_id]


def fit(
    left: dict[str, tuple[int, int]], servers: list[tuple[str, int, int]]
) -> bool:
    """Whether there is a way to place all of them, by trying all ways."""
    if not servers:
        return True
    _, ram, vcpus = servers[0]
    return any(
        fit(left | {host: (has[0] - ram, has[1] - vcpus)}, servers[1:])
        for host, has in left.items()
        if has[0] >= ram and has[1] >= vcpus
    )


def spread() -> Zone:
    """Three of 16 on a, and as many places: y may not take one."""
    return Zone(
        {'a': (0, 0), 'b': (16, 8), 'c': (16, 8), 'd': (16, 8)},
        {
            'x1': ('a', 16, 1),
            'x2': ('a', 16, 1),
            'x3': ('a', 16, 1),
            'y': ('b', 8, 1),
        },
    )


def drawn_zone(number: int) -> Zone:
    draw = random.Random(number)
    left, servers = {}, {}
    for n in range(draw.randint(3, 5)):
        host = f'h{n}'
        left[host] = draw.randint(0, 12), draw.randint(0, 12)
        for i in range(draw.randint(1, 4)):
            ram, vcpus = draw.choice((1, 2, 4, 8)), draw.choice((1, 2, 4))
            servers[f'{host}-{i}'] = host, ram, vcpus
    closed = {h for h in left if draw.random() < 0.1}
    return Zone(left, servers, closed)


class TestKept(base.BaseTestCase):
    def test_what_is_left_is_not_split(self) -> None:
        zone = spread()
        ledger = Ledger(zone.snapshot())
        y = zone.of('y')
        self.assertFalse(ledger.fits(y, 'c'))
        self.assertEqual({Reason.KEPT_ROOM}, ledger.lacks(y, 'c'))
        # What it takes at another place it gives back here.
        zone.left['e'] = 16, 8
        self.assertTrue(Ledger(zone.snapshot()).fits(y, 'c'))

    def test_off_by_default(self) -> None:
        known = dataclasses.replace(spread().snapshot(), rules=rules())
        self.assertTrue(Ledger(known).fits(spread().of('y'), 'c'))

    def test_another_host_would_be_the_largest(self) -> None:
        """For whose servers there is less."""
        zone = Zone(
            {'a': (0, 0), 'b': (40, 8), 'c': (24, 8), 'd': (24, 8)},
            {
                'x': ('a', 24, 1),
                'x2': ('a', 24, 1),
                'y': ('b', 40, 1),
                'z': ('c', 12, 1),
            },
        )
        ledger = Ledger(zone.snapshot())
        z = zone.of('z')
        self.assertTrue(zone.survives)
        self.assertFalse(zone.go('z', 'b').survives)
        self.assertFalse(ledger.fits(z, 'b'))
        self.assertTrue(ledger.fits(z, 'd'))

    def test_what_is_planned_counts(self) -> None:
        zone = spread()
        zone.left['e'] = 16, 8
        ledger = Ledger(zone.snapshot())
        y = zone.of('y')
        ledger.add(y, 'c')
        other = dataclasses.replace(y, server_id='y2', host='a')
        self.assertFalse(ledger.fits(other, 'd'))

    def test_who_is_on_the_way_is_where_it_will_be(self) -> None:
        zone = spread()
        # Placement has taken it off c, and not yet given it back on b.
        zone.left |= {'c': (8, 7), 'e': (16, 8)}
        going = move(
            'y',
            server=zone.of('y'),
            source='b',
            stage=Stage.MIGRATE,
            target='c',
        )
        known = zone.snapshot()
        self.assertTrue(Ledger(known).fits(zone.of('x1'), 'e'))
        other = dataclasses.replace(zone.of('y'), server_id='y2', host='c')
        known = dataclasses.replace(known, moves={'y': going})
        self.assertTrue(Ledger(known).fits(other, 'c'))
        self.assertFalse(Ledger(known).fits(other, 'd'))

    def test_where_none_is_left_moves_leave_no_less(self) -> None:
        zone = spread()
        zone.left['d'] = 8, 8
        self.assertFalse(zone.survives)
        ledger = Ledger(zone.snapshot())
        y = zone.of('y')
        self.assertTrue(ledger.fits(y, 'd'))
        self.assertFalse(ledger.fits(y, 'a'))

    def test_nobody_tells(self) -> None:
        """Then nothing can be kept, and nothing stands still for that."""
        zone = spread()
        known = dataclasses.replace(zone.snapshot(), room=Room())
        self.assertTrue(Ledger(known).fits(zone.of('y'), 'c'))

    def test_traits(self) -> None:
        zone = spread()
        zone.left['e'] = 16, 8
        known = zone.snapshot()
        servers = {
            s: dataclasses.replace(one, traits={'CUSTOM_A': 'required'})
            if s.startswith('x')
            else one
            for s, one in known.fleet.servers.items()
        }
        hosts = {
            name: HostRoom(
                dataclasses.replace(
                    room.free, traits=frozenset({'CUSTOM_A'} - {name})
                )
            )
            for name, room in known.room.hosts.items()
            if room.free is not None
        }
        del hosts['e']
        hosts['e'] = known.room.hosts['e']
        known = dataclasses.replace(
            known,
            fleet=dataclasses.replace(known.fleet, servers=servers),
            room=Room(hosts),
        )
        # e has as much, and not what they ask for.
        self.assertFalse(Ledger(known).fits(zone.of('y'), 'c'))
        self.assertTrue(Ledger(known).fits(zone.of('y'), 'e'))

    def test_traits_where_no_other_host_is_left(self) -> None:
        """All that there are, there are for the first way already."""
        zone = Zone({'a': (0, 0), 'b': (16, 8)}, {'x': ('a', 16, 1)})
        known = zone.snapshot()
        x = dataclasses.replace(zone.of('x'), traits={'A': 'forbidden'})
        known = dataclasses.replace(
            known, fleet=dataclasses.replace(known.fleet, servers={'x': x})
        )
        self.assertEqual(set(), Ledger(known).spoiled_by(x))

    def test_against_all_ways(self) -> None:
        counts = {True: 0, False: 0}
        for number in range(200):
            zone = drawn_zone(number)
            ledger, survives = Ledger(zone.snapshot()), zone.survives
            for server_id, host in itertools.product(zone.servers, zone.left):
                if not zone.fits(server_id, host):
                    continue
                then = zone.go(server_id, host).survives
                found = ledger.fits(zone.of(server_id), host)
                said = number, server_id, host
                if survives:
                    self.assertEqual(then, found, said)
                    counts[found] += 1
                elif then:
                    self.assertTrue(found, said)
        self.assertGreater(min(counts.values()), 30, counts)

    def test_many_hosts(self) -> None:
        """Of which not all are looked at first."""
        left = {f'h{n:03}': (8, 8) for n in range(300)}
        servers = {f's{n}': (f'h{n:03}', 4, 1) for n in range(1, 300)}
        servers |= {f'l{n}': ('h000', 8, 8) for n in range(298)}
        zone = Zone(left, servers)
        self.assertTrue(Ledger(zone.snapshot()).fits(zone.of('s1'), 'h002'))
        # Now there is one for each of the others.
        servers['l298'] = 'h000', 8, 8
        self.assertFalse(Ledger(zone.snapshot()).fits(zone.of('s1'), 'h002'))


def zone_of(cloud: Cloud) -> Zone:
    return Zone(
        {host: (left, 99) for host, left in cloud.left.items()},
        {s: (one.host, one.ram, 1) for s, one in cloud.servers.items()},
    )


class TestPlayed(base.BaseTestCase):
    def play(self, number: int, *, kept: bool) -> int:
        """Make what is planned; how often that took the last places."""
        cloud, lost = drawn(number), 0
        cloud.rules = {'keep_room_for_host_failure': kept}
        cloud.left = {host: left + 8 for host, left in cloud.left.items()}
        for _ in range(len(cloud.servers)):
            made = cloud.plan().moves
            if not made:
                break
            before = zone_of(cloud).survives
            ranking = Ranks(cloud.snapshot()).of(made[0], NOW)
            self.assertTrue(ranking.best, number)
            cloud.go(made[0].server_id, ranking.best[0][0])
            lost += before and not zone_of(cloud).survives
        return lost

    def test_no_step_takes_the_last_places(self) -> None:
        for number in range(80):
            self.assertEqual(0, self.play(number, kept=True), number)

    def test_without_the_option_some_do(self) -> None:
        self.assertGreater(
            sum(self.play(number, kept=False) for number in range(40)), 2
        )

    def test_why_it_stays(self) -> None:
        """Nobody is drained, and the reason is named."""
        cloud = Cloud(
            {'a': 0, 'b': 16, 'c': 16},
            {
                'x': One('a', 9, 16),
                'x2': One('a', 9, 16),
                'y': One('b', 1, 24),
            },
            rules={'keep_room_for_host_failure': True},
        )
        made = cloud.plan()
        self.assertEqual([], [m.server_id for m in made.moves])
        said = {r.server_id: r for r in made.refusals}
        self.assertEqual(Reason.KEPT_ROOM, said['x'].reason)
        self.assertIn('keep_room_for_host_failure', said['x'].detail)
        self.assertEqual(['kept_room'], [s.scarce for s in made.saturations])
        cloud.rules = {}
        self.assertEqual(1, len(cloud.plan().moves))
