"""Coverage: how much of what could be moved is seen, zone by zone.

A move stays in its zone, so that a zone of which too little is known holds
nobody up elsewhere. And what could never be moved need not be measured:
machines of ironic, and servers that are pinned, locked or opted out.
"""

import collections
import dataclasses
from collections.abc import Collection, Sequence

from steal_scheduler.decision import census
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.edge.text import several
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.refusal import Nos, Reason


@dataclasses.dataclass(frozen=True, slots=True)
class Coverage:
    """Of one zone."""

    zone: str
    #: Those that could be moved, and of them those without a usable signal.
    servers: Sequence[Server]
    unseen: Sequence[Server]

    @property
    def percent(self) -> float:
        return percent([self])

    def detail(
        self, floor: float, cause: str = 'look at the exporters'
    ) -> str:
        """What is seen, what is wanted, and which hosts lack it.

        ``... hosts a (2 of 3), b (1 of 9) lack it: look at the exporters``

        :param floor: percent
        :param cause: of all of it, where that is known
        """
        there = collections.Counter(s.host for s in self.servers)
        lacking = collections.Counter(s.host for s in self.unseen)
        hosts = several(
            [f'{h} ({n} of {there[h]})' for h, n in lacking.most_common()]
        )
        seen = len(self.servers) - len(self.unseen)
        return (
            f'{seen} of the {len(self.servers)} running servers of zone '
            f'{self.zone} that could be moved have a fresh signal '
            f'({self.percent:.0f}%); hosts {hosts} lack it, and [limits] '
            f'coverage_floor wants {floor:g}%: {cause}'
        )


def percent(zones: Sequence[Coverage]) -> float:
    """Of all of these; 100 where nothing could be moved."""
    there = sum(len(zone.servers) for zone in zones)
    unseen = sum(len(zone.unseen) for zone in zones)
    return 100.0 * (there - unseen) / there if there else 100.0


def of_zones(
    snapshot: Snapshot, moving: Collection[str] = ()
) -> Sequence[Coverage]:
    """The zones in which servers could be moved.

    :param moving: ids of servers that do not count, for one that has just
        arrived has no signal yet
    """
    seen, fleet = snapshot.signals.servers, snapshot.fleet
    # None leaves a host that is down. What runs elsewhere is not measured,
    # unless a source of somebody's own tells of it.
    closed: set[str | None] = {
        name
        for name, host in fleet.hosts.items()
        if not host.up
        or (not host.measurable and name not in snapshot.signals.hosts)
    }
    # And some are on no host.
    closed |= {'', None}
    found = []
    for zone, fit in sorted(census.of(fleet).fit.items()):
        servers = [
            s
            for s in fit
            if s.host not in closed and s.server_id not in moving
        ]
        unseen = [s for s in servers if s.server_id not in seen]
        if servers:
            found.append(Coverage(zone, servers, unseen))
    return found


def low(zones: Sequence[Coverage], snapshot: Snapshot) -> Sequence[Coverage]:
    """Those of which too little is seen to move anything there."""
    floor = snapshot.rules.limits.coverage_floor
    return [zone for zone in zones if zone.percent < floor]


def of_server(
    server: Server, zones: Sequence[Coverage], snapshot: Snapshot
) -> Nos:
    """Why it may not move: too little is seen of its zone.

    :param zones: those of which too little is seen
    """
    for zone in zones:
        if zone.zone == (server.zone or ''):
            floor = snapshot.rules.limits.coverage_floor
            yield Reason.COVERAGE, zone.detail(floor)
