"""Whether Nova could place a server, and why not: as brute force says.

A cloud of a few hosts is made up: cores, memory, disks, vCPUs, traits, server
groups, hypervisors, hosts for some projects only. Each rule is written here a
second time, in the plainest words, and each host is looked at.
"""

import collections
import dataclasses
import random
from collections.abc import Sequence

from steal_scheduler.decision import planner
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.targets import Targets
from steal_scheduler.model.cloud import Fleet, Host, Server
from steal_scheduler.model.finding import Finding, Leaver
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import SCARCE, Reason
from steal_scheduler.model.room import (
    AFFINITY,
    ANTI_AFFINITY,
    Free,
    Group,
    HostRoom,
    Room,
)
from tests.fuzz import driver
from tests.unit.make import NOW, move, server, snapshot

#: Servers of a cloud.
SERVERS = 6


@dataclasses.dataclass(frozen=True)
class Case:
    """A cloud, and which of its servers are to be placed, in this order."""

    seed: int
    events: tuple[int, ...] = tuple(range(SERVERS))


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

    def open(self, one: Move, tier: Tier = Tier.COLD) -> list[str]:
        """Hosts of its zone that have the cores."""
        return [
            name
            for name, host in self.snapshot.fleet.hosts.items()
            if name != one.source
            and host.zone == one.server.zone
            and host.open
            and self.snapshot.view.hosts[name].tier is tier
            and self.cores[name] >= one.demand.expected
        ]

    def why_not(self, one: Move) -> Reason | None:
        """What is said of it if it cannot be placed; None if it can."""
        lacking = [self.lacks(one.server, name) for name in self.open(one)]
        if set() in lacking:
            return None
        unknown = self.open(one, Tier.UNKNOWN)
        if set() in [self.lacks(one.server, name) for name in unknown]:
            return Reason.TARGETS_UNKNOWN
        counts = collections.Counter(r for lack in lacking for r in lack)
        most = max(counts.values(), default=0)
        scarce = [r for r in SCARCE if most and counts[r] == most]
        return scarce[0] if scarce else Reason.SATURATED

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
        for n in range(SERVERS)
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
        max_arrivals=SERVERS,
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


def play(case: Case) -> driver.Ended:
    """Ask for each server alone, then for one after the other."""
    counts = collections.Counter[str]()
    cloud = made(case.seed)
    moves = [cloud.moves[n] for n in case.events]
    for one in moves:
        expected, said = cloud.why_not(one), _planned(one, cloud.snapshot)
        if said != expected:
            violation = f'{said} and not {expected} is said of {one.server_id}'
            return driver.Ended(violation, counts)
        counts[str(expected or 'placed')] += 1
    return driver.Ended(_in_turn(moves, cloud), counts)


def _planned(one: Move, snapshot: Snapshot) -> Reason | None:
    """Why the planner does not place it, if nothing else is to be placed."""
    finding = Finding(
        one.server_id,
        one.source,
        steal=0.3,
        load=2.0,
        demand=one.demand,
        polls='3 of 5 polls',
    )
    plan = planner.plan([Leaver.of(finding)], snapshot)
    return plan.refusals[0].reason if plan.refusals else None


def _in_turn(moves: Sequence[Move], cloud: Made) -> str:
    """What is wrong if each takes what it needs from those after it."""
    targets = Targets(cloud.snapshot)
    for one in moves:
        there = cloud.open(one)
        lacking = {name: cloud.lacks(one.server, name) for name in there}
        possible = {name for name, lack in lacking.items() if not lack}
        target = targets.take(one)
        if target is not None:
            if target not in possible:
                return f'{one.server_id} is planned for {target}'
            cloud.put(one, target)
            continue
        if possible:
            return f'{one.server_id} is not planned for {sorted(possible)}'
        expected = collections.Counter(
            reason for lack in lacking.values() for reason in lack
        )
        if expected != targets.lacking(one):
            return f'{one.server_id} lacks {targets.lacking(one)}'
    return ''


KIND = driver.Kind('Rooms', Case, play)
