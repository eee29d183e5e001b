"""Whether moving can help at all: as trying all ways says.

Made-up zones of a few contended hosts and a few with room, in cores and in
memory, some of the servers in a hard group. A zone is saturated if no set of
servers that may leave a contended host brings it under its line: 90 % of its
cores by what is used, on hosts of which what is used counts; or all its cores
by what is expected.
"""

import collections
import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping, Sequence

from steal_scheduler.decision.planner import plan
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Fleet, Host, Server
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.finding import Finding, Leaver
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.room import (
    AFFINITY,
    ANTI_AFFINITY,
    Free,
    Group,
    HostRoom,
    Room,
)
from tests.fuzz import driver
from tests.unit.make import NOW, server, snapshot

CORES = 16.0
#: Of its cores, up to which a host may be used by an arrival, and down to
#: which it is relieved; by what is expected it is all of them.
LINE = 0.9
#: Of each case, and how many verdicts may be wrong: far more than one in a
#: hundred, which comes by chance.
CLOUDS, WRONG = 100, 4

#: Which of its three values counts.
_Cores = Callable[[Demand], float]


@dataclasses.dataclass(frozen=True)
class Case:
    """So many clouds, each by its number."""

    events: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Made:
    snapshot: Snapshot
    #: Servers that may leave.
    findings: tuple[Finding, ...]


def drawn(seed: int) -> Case:
    return Case(tuple(range(seed * CLOUDS, (seed + 1) * CLOUDS)))


def play(case: Case) -> driver.Ended:
    counts = collections.Counter[str]()
    wrong = []
    for number in case.events:
        cloud = made(number)
        leavers = [*map(Leaver.of, cloud.findings)]
        said = bool(plan(leavers, cloud.snapshot).saturations)
        counts['saturated' if said else 'not saturated'] += 1
        if said == curable(cloud):
            counts['wrong'] += 1
            wrong.append(number)
    return driver.Ended(
        f'too many verdicts are wrong\n{wrong}' if len(wrong) > WRONG else '',
        counts,
    )


def made(number: int) -> Made:
    draw = random.Random(number)
    views: dict[str, HostView] = {}
    servers: list[Server] = []
    findings: list[Finding] = []
    for n in range(draw.randint(1, 3)):
        name = f'hot{n}'
        demands = _demands(draw)
        views[name] = _host(
            Tier.HOT,
            Demand(
                sum(d.low for d in demands),
                sum(d.expected for d in demands),
                sum(d.high for d in demands),
            ),
        )
        for i, demand in enumerate(demands):
            one = server(
                f'{name}-{i}',
                host=name,
                ram_mb=draw.choice((1024, 2048, 4096, 8192)),
                disk_gb=0,
            )
            servers.append(one)
            if not i or draw.random() < 0.9:
                findings.append(
                    Finding(one.server_id, name, 0.3, 2.0, demand, '1 of 1')
                )
    for n in range(draw.randint(0, 4)):
        name = f'cold{n}'
        left = draw.choice((0, 1, 2, 3, 4, 5, 6, 8)) * draw.uniform(0.5, 1)
        low = LINE * CORES - left
        expected = low * draw.choice((1, 1, 1.05, 1.1))
        views[name] = _host(Tier.COLD, Demand(low, expected, 1.2 * expected))
        servers.append(server(f'{name}-0', host=name))
    groups: Mapping[str, Sequence[Group]] = {}
    if draw.random() < 0.5:
        ids = [s.server_id for s in servers]
        members = draw.sample(ids, min(len(ids), draw.randint(2, 4)))
        policy = draw.choice((AFFINITY, ANTI_AFFINITY, ANTI_AFFINITY))
        group = Group('g', policy, frozenset(members))
        groups = dict.fromkeys(members, (group,))
    memory = (0, 1024, 2048, 4096, 4096, 8192, 8192)
    rooms = {
        name: HostRoom(
            Free({'VCPU': 99, 'DISK_GB': 9, 'MEMORY_MB': draw.choice(memory)})
        )
        for name in views
    }
    fleet = Fleet(
        {s.server_id: s for s in servers},
        {name: Host(name, 'az1') for name in views},
        {},
    )
    view = View(NOW, views, {}, {}, target_demand=100 * LINE)
    return Made(
        snapshot(fleet, view=view, room=Room(rooms, groups=groups)),
        tuple(findings),
    )


def _demands(draw: random.Random) -> list[Demand]:
    """Of the servers of a full host."""
    weights = [draw.uniform(0.2, 1) ** 2 for _ in range(draw.randint(2, 6))]
    full = draw.uniform(0.9, 1.0) * CORES / sum(weights)
    found = []
    for weight in weights:
        low = full * weight
        expected = low * draw.choice((1, 1.1, 1.3, draw.uniform(1, 2)))
        found.append(Demand(low, expected, expected * draw.uniform(1, 3)))
    return found


def _host(tier: Tier, asked: Demand) -> HostView:
    return HostView(
        tier,
        steal=0.3 if tier is Tier.HOT else 0.01,
        demand=asked.expected,
        cores=CORES,
        bounds=asked,
    )


def curable(cloud: Made) -> bool:
    """Whether any contended host can be brought under its line."""
    views = cloud.snapshot.view.hosts
    pools = collections.defaultdict[str, list[Finding]](list)
    for finding in cloud.findings:
        pools[finding.host].append(finding)
    return any(
        _Ways(cloud.snapshot, cores).lead(pool, cores(host.asked) - line)
        for name, pool in pools.items()
        for host in [views[name]]
        for cores, line in (
            (lambda d: d.low, LINE * CORES),
            (lambda d: d.expected, CORES),
        )
    )


class _Ways:
    """All of them, one after the other."""

    def __init__(self, snapshot: Snapshot, cores: _Cores) -> None:
        self._snapshot = snapshot
        self._cores = cores
        self._servers = snapshot.fleet.servers
        cold = {
            name: host
            for name, host in snapshot.view.hosts.items()
            if host.tier is Tier.COLD
        }
        #: Cores and MiB that are left.
        self._left = {
            n: LINE * CORES - cores(h.asked) for n, h in cold.items()
        }
        self._ram = {
            name: free.left['MEMORY_MB']
            for name in cold
            if (free := snapshot.room.hosts[name].free)
        }
        #: Where those go that leave.
        self._going: dict[str, str] = {}

    def lead(self, pool: Sequence[Finding], needed: float) -> bool:
        """Whether one of them places so many cores, and a server at least."""
        if self._going and needed <= 0:
            return True
        if not pool:
            return False
        first, *rest = pool
        if self.lead(rest, needed):
            return True
        cores = self._cores(first.demand)
        one = self._servers[first.server_id]
        for name in self._open_to(one, cores):
            self._left[name] -= cores
            self._ram[name] -= one.ram_mb
            self._going[one.server_id] = name
            if self.lead(rest, needed - cores):
                return True
            del self._going[one.server_id]
            self._ram[name] += one.ram_mb
            self._left[name] += cores
        return False

    def _open_to(self, one: Server, cores: float) -> Iterator[str]:
        for name, left in self._left.items():
            if left >= cores and self._ram[name] >= one.ram_mb:
                groups = self._snapshot.room.groups.get(one.server_id, ())
                if all(self._allows(g, one.server_id, name) for g in groups):
                    yield name

    def _allows(self, group: Group, server_id: str, name: str) -> bool:
        others = group.members - {server_id}
        here = {m for m in others if self._servers[m].host == name}
        coming = {m for m in others if self._going.get(m) == name}
        if group.policy == AFFINITY:
            return bool(here)
        return not here and not coming


KIND = driver.Kind('Saturation', drawn, play)
