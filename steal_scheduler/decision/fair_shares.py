"""Fair shares: what one project wants costs the others little.

A tenant makes his servers wait for CPU, or seem to, as he likes, and how long
they take to move. So projects take turns, and none of them holds more than
half of what all of them need. Nor do two of them hold more than three
quarters, or three more than seven eighths: they may be of one tenant.
"""

import collections
import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from steal_scheduler.decision import census
from steal_scheduler.decision.eligibility import HISTORY
from steal_scheduler.decision.records import (
    PROJECTS,
    tells_of_server,
)
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Migration, Server
from steal_scheduler.model.move import Move, Outcome

#: Seconds for which a turn counts.
PERIOD = 3600.0


@dataclasses.dataclass(frozen=True, slots=True)
class Turns:
    """How many servers of each project were moved lately, or not in the end.

    By project, and by source and project.
    """

    projects: Mapping[str, int]
    sources: Mapping[tuple[str, str], int]

    def of(self, host: str, project: str) -> int:
        """How many of a project have left a host lately.

        It waits all the same: so those of others are tried before it.
        """
        return self.sources.get((host, project), 0)

    def ordered(
        self, worst_first: Iterable[str], waiting: Mapping[str, Set[str]]
    ) -> list[str]:
        """Hosts in the order in which they have their turn.

        For example p waits on a, b and c, and q on d, where it is not as bad:
        a, d, b, c. If one of p moved within the hour: d, a, b, c.

        :param waiting: projects that wait on each host, at least one
        """
        nth = collections.Counter(self.projects)
        turn = {}
        for host in worst_first:
            turn[host] = min(nth[project] for project in waiting[host])
            nth.update(waiting[host])
        return sorted(turn, key=turn.__getitem__)


def turns(snapshot: Snapshot) -> Turns:
    """What Nova's records tell, and what goes on and has no record.

    What did not begin is remembered by this process alone; that only helps.
    """
    since, servers = snapshot.now - PERIOD, snapshot.fleet.servers
    tried = {
        (m.server_id, m.source)
        for m in snapshot.fleet.ours
        if m.created_at >= since
    }
    tried |= {
        (m.server_id, m.source)
        for m in snapshot.moves.values()
        if snapshot.occupies(m)
    }
    tried |= {
        (server_id, ended.move.source)
        for server_id, ended in snapshot.ended.items()
        if ended.outcome is Outcome.NOT_STARTED and ended.at >= since
    }
    pairs = [
        (source, servers[server_id].project_id)
        for server_id, source in tried
        if server_id in servers
    ]
    return Turns(
        collections.Counter(project for _, project in pairs),
        collections.Counter(pairs),
    )


class Slots:
    """Who has how many of the slots, and who may have one more.

    What is not his is kept free for the others, also while none of them waits:
    what takes a slot may take it for long. Where nobody else has a server,
    there is nobody to keep it for.
    """

    def __init__(self, snapshot: Snapshot, busy: Iterable[Move]) -> None:
        """:param busy: those that have one"""
        self._all = snapshot.rules.limits.slots
        self._held = collections.Counter(m.server.project_id for m in busy)
        self._projects = census.of(snapshot.fleet).projects
        self._failed = _failed_lately(snapshot)

    def of(self, project: str) -> int:
        """How many it has."""
        return self._held[project]

    def add(self, project: str) -> None:
        """It has one more."""
        self._held[project] += 1

    def has_share_left(self, project: str) -> bool:
        """Whether one more leaves the others theirs.

        For example of 10 slots one project has 5 at most, and it and another
        one 8. The last one is for who has none, and had none in vain within
        the hour: of 2 slots, a project whose last migration failed takes the
        first one alone.
        """
        held = {**self._held, project: self._held[project] + 1}
        others = self._projects - held.keys()
        had = held[project] > 1 or project in self._failed
        if sum(held.values()) == self._all > 1 and others and had:
            return False
        few = min(PROJECTS, len(self._projects | held.keys())) - 1
        most = sorted(held.values(), reverse=True)[:few]
        return all(
            count <= math.ceil(self._all * (1 - 0.5**projects))
            for projects, count in enumerate(itertools.accumulate(most), 1)
        )


def _failed_lately(snapshot: Snapshot) -> set[str]:
    """Projects whose last migration of ours failed, within the hour."""
    fleet, since = snapshot.fleet, snapshot.now - PERIOD
    last: dict[str, Migration] = {}
    for record in fleet.ours:
        server = fleet.servers.get(record.server_id)
        if server is not None and tells_of_server(record, fleet):
            one = last.setdefault(server.project_id, record)
            if record.updated_at > one.updated_at:
                last[server.project_id] = record
    return {
        project
        for project, record in last.items()
        if record.failed and record.updated_at >= since
    }


def copies(snapshot: Snapshot) -> Iterator[tuple[Migration, Server]]:
    """Live migrations that copy, or did, and their servers.

    One for which Nova found no host did not.
    """
    servers = snapshot.fleet.servers
    for server_id, records in snapshot.fleet.migrations.items():
        if server := servers.get(server_id):
            for record in records:
                if record.target is not None or not record.ended:
                    yield record, server


def heaviest(wanted: Iterable[Move], snapshot: Snapshot) -> Sequence[str]:
    """The projects of which most is copied, that with the most first.

    :param wanted: what would be copied besides what Nova's records tell of
    """
    copied = collections.Counter[str]()
    for migration, server in copies(snapshot):
        if migration.created_at >= snapshot.now - HISTORY:
            copied[server.project_id] += snapshot.copy_mb(server)
    for move in wanted:
        copied[move.server.project_id] += move.copy_mb
    return sorted(copied, key=lambda p: (-copied[p], p))[: PROJECTS - 1]
