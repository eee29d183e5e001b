import collections
import dataclasses
import random

from oslotest import base

from steal_scheduler.decision.room import Ledger, needs, nos, unplaced
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.targets import Targets
from steal_scheduler.model.cloud import Fleet, Host, Server
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import SCARCE, Reason
from steal_scheduler.model.room import (
    AFFINITY,
    ANTI_AFFINITY,
    UNTOLD,
    Free,
    Group,
    HostRoom,
    Room,
)
from tests.unit.make import NOW, fleet, migration, move, server, snapshot

PLENTY = {'VCPU': 64, 'PCPU': 64, 'MEMORY_MB': 65536, 'DISK_GB': 1000}
#: Random clouds; each asks for several servers in turn.
CLOUDS = 4000


def host(*traits: str, **values: object) -> HostRoom:
    """With plenty of everything, but for these resource classes."""
    left = {k: v for k, v in values.items() if k.isupper()}
    more = {k: v for k, v in values.items() if not k.isupper()}
    free = Free(PLENTY | left, frozenset(traits))  # type: ignore[operator]
    return HostRoom(free, **more)  # type: ignore[arg-type]


class TestLacks(base.BaseTestCase):
    def lacks(self, there: HostRoom | None, **of_server: object) -> set[str]:
        """What b lacks for a server of a."""
        room = Room({'a': host(kind='QEMU', version=8)})
        if there:
            room = dataclasses.replace(room, hosts={**room.hosts, 'b': there})
        one = server(**of_server)
        ledger = Ledger(snapshot(fleet(one), room=room))
        found = ledger.lacks(one, 'b')
        self.assertEqual(not found, ledger.fits(one, 'b'))
        return {str(reason) for reason in found}

    def test_resources(self) -> None:
        self.assertEqual(set(), self.lacks(host()))
        self.assertEqual(set(), self.lacks(host(MEMORY_MB=4096)))
        self.assertEqual({'ram'}, self.lacks(host(MEMORY_MB=4095)))
        self.assertEqual({'disk'}, self.lacks(host(DISK_GB=9)))
        self.assertEqual(
            {'ram', 'vcpus'}, self.lacks(host(MEMORY_MB=-1, VCPU=3))
        )

    def test_pinned_ones_need_others(self) -> None:
        only_shared = host(PCPU=0)
        self.assertEqual(set(), self.lacks(only_shared))
        self.assertEqual({'pcpus'}, self.lacks(only_shared, dedicated=4))
        self.assertEqual({'pcpus'}, self.lacks(host(PCPU=1), dedicated=2))

    def test_a_host_that_placement_does_not_list_is_full(self) -> None:
        full = HostRoom(Free({}))
        self.assertEqual({'ram', 'vcpus', 'disk'}, self.lacks(full))

    def test_what_is_not_known_is_there(self) -> None:
        self.assertEqual(set(), self.lacks(None))
        self.assertEqual(set(), self.lacks(HostRoom(None)))
        ledger = Ledger(snapshot(fleet(server()), room=UNTOLD))
        self.assertTrue(ledger.fits(server(), 'b'))

    def test_traits(self) -> None:
        avx = {'HW_CPU_X86_AVX2': 'required'}
        self.assertEqual({'traits'}, self.lacks(host(), traits=avx))
        there = host('HW_CPU_X86_AVX2')
        self.assertEqual(set(), self.lacks(there, traits=avx))
        no_avx = {'HW_CPU_X86_AVX2': 'forbidden'}
        self.assertEqual({'traits'}, self.lacks(there, traits=no_avx))
        self.assertEqual(set(), self.lacks(host(), traits=no_avx))

    def test_the_hypervisor(self) -> None:
        for kind, version, expected in (
            ('QEMU', 8, set()),
            ('QEMU', 9, set()),
            ('QEMU', None, set()),
            ('', 8, set()),
            ('QEMU', 7, {'hypervisor'}),
            ('LXC', 8, {'hypervisor'}),
        ):
            there = host(kind=kind, version=version)
            self.assertEqual(expected, self.lacks(there), (kind, version))

    def test_a_host_that_is_kept_for_projects(self) -> None:
        there = host(projects=frozenset({'p'}))
        self.assertEqual({'isolation'}, self.lacks(there, project_id='q'))
        self.assertEqual(set(), self.lacks(there, project_id='p'))

    def test_more_vcpus_than_the_host_has(self) -> None:
        """Placement would overcommit them, but not those of one server."""
        one = server(vcpus=16)
        known = fleet(one)
        small = dataclasses.replace(known.hosts['b'], cpus=8)
        known = dataclasses.replace(known, hosts={**known.hosts, 'b': small})
        room = Room({'b': host()})
        ledger = Ledger(snapshot(known, room=room))
        self.assertEqual({Reason.VCPUS}, ledger.lacks(one, 'b'))


class TestNeeds(base.BaseTestCase):
    def test_what_placement_has_allocated_counts(self) -> None:
        """The flavor does not tell that an image pins it."""
        one = server(vcpus=4, dedicated=1, ram_mb=4096, disk_gb=0)
        by_flavor = {'VCPU': 3, 'PCPU': 1, 'MEMORY_MB': 4096}
        self.assertEqual(by_flavor, needs(one, UNTOLD))
        room = Room(allocated={'s': {'PCPU': 4, 'MEMORY_MB': 4096}})
        self.assertEqual(room.allocated['s'], needs(one, room))


class TestGroups(base.BaseTestCase):
    """x is on a, y on b, and both are of the group."""

    def fits(self, group: Group, *in_flight: Move, to: str = 'b') -> bool:
        known = fleet(server('x'), server('y', host='b'), server('o'))
        members = dict.fromkeys(group.members, (group,))
        some = snapshot(known, *in_flight, room=Room(groups=members))
        return Ledger(some).fits(known.servers['x'], to)

    def group(self, policy: str, *members: str, most: int = 1) -> Group:
        return Group('g', policy, frozenset(members or ('x', 'y')), most)

    def test_anti_affinity(self) -> None:
        apart = self.group(ANTI_AFFINITY)
        self.assertFalse(self.fits(apart))
        self.assertTrue(self.fits(apart, to='c'))
        two = self.group(ANTI_AFFINITY, most=2)
        self.assertTrue(self.fits(two))

    def test_one_on_its_way_is_on_both_hosts(self) -> None:
        apart = self.group(ANTI_AFFINITY)
        on_its_way = move('y', source='b', target='c', stage=Stage.MIGRATE)
        for to in 'bc':
            self.assertFalse(self.fits(apart, on_its_way, to=to))

    def test_one_that_somebody_else_has_migrated(self) -> None:
        known = fleet(
            server('x'),
            server('y', host='b'),
            migrations=(migration('y', status='running', target='c'),),
        )
        groups = dict.fromkeys('xy', (self.group(ANTI_AFFINITY),))
        ledger = Ledger(snapshot(known, room=Room(groups=groups)))
        self.assertFalse(ledger.fits(known.servers['x'], 'c'))

    def test_affinity(self) -> None:
        together = self.group(AFFINITY)
        self.assertTrue(self.fits(together))
        self.assertFalse(self.fits(together, to='c'))

    def test_the_only_member_cannot_leave(self) -> None:
        for members in (('x',), ('x', 'o')):
            alone = self.group(AFFINITY, *members)
            for to in 'bc':
                self.assertFalse(self.fits(alone, to=to))

    def test_what_is_planned_counts(self) -> None:
        known = fleet(server('x'), server('y', host='a'))
        groups = dict.fromkeys('xy', (self.group(ANTI_AFFINITY),))
        ledger = Ledger(snapshot(known, room=Room(groups=groups)))
        self.assertTrue(ledger.fits(known.servers['x'], 'b'))
        ledger.add(known.servers['y'], 'b')
        self.assertFalse(ledger.fits(known.servers['x'], 'b'))
        self.assertTrue(ledger.fits(known.servers['x'], 'c'))


class TestNos(base.BaseTestCase):
    def test_what_most_of_them_lack(self) -> None:
        room = Room(
            {
                'b': host(MEMORY_MB=0, DISK_GB=0),
                'c': host(MEMORY_MB=0),
            }
        )
        some = snapshot(fleet(server()), room=room)
        ((reason, detail),) = nos(move(), ['b', 'c'], some)
        self.assertIs(Reason.RAM, reason)
        self.assertIn('they lack 2 of them memory, 1 of them disk', detail)
        self.assertEqual([], [*nos(move(), ['b', 'd'], some)])


class TestUnplaced(base.BaseTestCase):
    def test_who_has_no_target_yet(self) -> None:
        moves = {
            'x': move('x', since=NOW),
            'y': move('y', stage=Stage.REQUEST, since=NOW - 1),
            'z': move('z', stage=Stage.MIGRATE, target='b'),
            'u': move('u', stage=Stage.UNDO),
        }
        self.assertEqual(['y', 'x'], [m.server_id for m in unplaced(moves)])


@dataclasses.dataclass
class Made:
    """A random cloud, and what it is when worked out by hand."""

    snapshot: Snapshot
    moves: list[Move]
    #: By host: cores and resources that are left, and who is there.
    cores: dict[str, float]
    left: dict[str, dict[str, int]]
    there: dict[str, set[str]]

    def lacks(self, one: Server, name: str) -> set[Reason]:
        """Each rule of Nova's, in the plainest words."""
        target = self.snapshot.room.hosts[name]
        source = self.snapshot.room.hosts[one.host or '']
        left = self.left[name]
        assert target.free is not None
        traits = target.free.traits
        kept = target.projects
        rules = {
            Reason.VCPUS: one.vcpus - one.dedicated <= left.get('VCPU', 0),
            Reason.PCPUS: one.dedicated <= left.get('PCPU', 0),
            Reason.RAM: one.ram_mb <= left.get('MEMORY_MB', 0),
            Reason.DISK: one.disk_gb <= left.get('DISK_GB', 0),
            Reason.TRAITS: all(
                (trait in traits) == (word == 'required')
                for trait, word in one.traits.items()
            ),
            Reason.HYPERVISOR: (target.version or 0) >= (source.version or 0),
            Reason.ISOLATION: not kept or one.project_id in kept,
            Reason.SERVER_GROUP: all(
                self.allows(group, one, name)
                for group in self.snapshot.room.groups.get(one.server_id, ())
            ),
        }
        return {reason for reason, kept in rules.items() if not kept}

    def allows(self, group: Group, one: Server, name: str) -> bool:
        others = set(group.members) - {one.server_id}
        if group.policy == AFFINITY:
            servers = self.snapshot.fleet.servers
            return name in {servers[other].host for other in others}
        return len(others & self.there[name]) < group.most

    def open(self, one: Move) -> list[str]:
        """Hosts of its zone that have the cores."""
        return [
            name
            for name, host in self.snapshot.fleet.hosts.items()
            if name != one.source
            and host.zone == one.server.zone
            and host.open
            and self.snapshot.view.hosts[name].tier is Tier.COLD
            and self.cores[name] >= one.demand.expected
        ]

    def put(self, one: Move, name: str) -> None:
        asked, left = one.server, self.left[name]
        self.cores[name] -= one.demand.expected
        for kind, amount in (
            ('VCPU', asked.vcpus - asked.dedicated),
            ('PCPU', asked.dedicated),
            ('MEMORY_MB', asked.ram_mb),
            ('DISK_GB', asked.disk_gb),
        ):
            left[kind] = left.get(kind, 0) - amount
        self.there[name].add(asked.server_id)


def made(seed: int) -> Made:
    chance = random.Random(seed)
    names = [f'h{n}' for n in range(chance.randint(2, 6))]
    zones = {name: chance.choice(('az1', 'az1', 'az2')) for name in names}
    hosts = {
        name: HostRoom(
            Free(
                {
                    kind: chance.choice(few)
                    for kind, few in (
                        ('VCPU', (0, 4, 16)),
                        ('PCPU', (0, 0, 4)),
                        ('MEMORY_MB', (0, 2048, 4096, 8192)),
                        ('DISK_GB', (0, 10, 100)),
                    )
                    if chance.random() < 0.9
                },
                frozenset(t for t in 'AB' if chance.random() < 0.6),
            ),
            'QEMU',
            chance.choice((8, 8, 9)),
            frozenset(chance.choice(((), (), (), ('p',), ('q', 'p')))),
        )
        for name in names
    }
    servers = [
        server(
            f's{n}',
            host=(name := chance.choice(names)),
            zone=zones[name],
            vcpus=chance.choice((1, 2, 4)),
            dedicated=chance.choice((0, 0, 0, 1)),
            ram_mb=chance.choice((1024, 2048, 4096)),
            disk_gb=chance.choice((0, 5, 20)),
            project_id=chance.choice('pq'),
            traits=chance.choice(
                ({}, {}, {'A': 'required'}, {'B': 'forbidden'})
            ),
        )
        for n in range(6)
    ]
    groups: dict[str, tuple[Group, ...]] = {}
    ids = [s.server_id for s in servers]
    chance.shuffle(ids)
    for members in (ids[:2], ids[2:4]):
        policy = chance.choice((AFFINITY, ANTI_AFFINITY, ANTI_AFFINITY, ''))
        group = Group('g', policy, frozenset(members), chance.choice((1, 2)))
        if policy:
            groups |= dict.fromkeys(members, (group,))
    view = View(
        NOW,
        {
            name: HostView(
                chance.choice((Tier.COLD, Tier.COLD, Tier.COLD, *Tier)),
                demand=float(chance.choice((0, 4, 12))),
                cores=16.0,
            )
            for name in names
        },
        {},
        {},
        target_demand=100.0,
    )
    known = Fleet(
        {s.server_id: s for s in servers},
        {n: Host(n, zones[n], chance.random() < 0.9) for n in names},
        {},
    )
    there = collections.defaultdict[str, set[str]](set)
    for one in servers:
        there[one.host or ''].add(one.server_id)
    return Made(
        snapshot(known, view=view, room=Room(hosts, groups=groups)),
        [
            move(
                one.server_id,
                server=one,
                source=one.host,
                demand=float(chance.randint(1, 6)),
            )
            for one in servers
        ],
        {n: h.cores - h.demand for n, h in view.hosts.items()},
        {n: dict(h.free.left) for n, h in hosts.items() if h.free},
        there,
    )


class TestBruteForce(base.BaseTestCase):
    """Feasible or not, and what is scarce, as each rule by itself says."""

    def test_random_clouds(self) -> None:
        seen = collections.Counter[str]()
        for seed in range(CLOUDS):
            cloud = made(seed)
            targets = Targets(cloud.snapshot)
            for one in cloud.moves:
                seen[self.take(one, cloud, targets, f'seed {seed}')] += 1
        # Each answer has come, and often enough to mean something.
        wanted = ('taken', 'no cores', *SCARCE)
        rare = {str(w) for w in wanted if seen[w] < 50} - {'resources'}
        self.assertEqual(set(), rare, seen)

    def take(
        self, one: Move, cloud: Made, targets: Targets, which: str
    ) -> str:
        there = cloud.open(one)
        lacking = {name: cloud.lacks(one.server, name) for name in there}
        possible = {name for name, lack in lacking.items() if not lack}
        target = targets.take(one)
        if target is not None:
            self.assertIn(target, possible, which)
            cloud.put(one, target)
            return 'taken'
        self.assertEqual(set(), possible, which)
        expected = collections.Counter(
            reason for lack in lacking.values() for reason in lack
        )
        self.assertEqual(expected, targets.lacking(one), which)
        if not expected:
            return 'no cores'
        most = max(expected.values())
        return next(r for r in SCARCE if expected[r] == most)
