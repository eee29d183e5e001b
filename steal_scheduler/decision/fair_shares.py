"""Fair shares: what one project wants costs the others little.

A tenant makes his servers wait for CPU, or seem to, as he likes, and how long
they take to move. So projects take turns, and none of them holds more than
half of what all of them need.
"""

import collections
import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping

from steal_scheduler.decision.eligibility import HISTORY
from steal_scheduler.decision.records import several_projects
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

    def of(self, move: Move) -> int:
        """How many of its project have left its host lately.

        It waits all the same: so those of others are tried before it.
        """
        return self.sources.get((move.source, move.server.project_id), 0)

    def ordered(
        self, worst_first: Iterable[str], leaving: Mapping[str, Iterable[Move]]
    ) -> list[str]:
        """Hosts in the order in which they have their turn.

        For example p waits on a, b and c, and q on d, where it is not as bad:
        a, d, b, c. If one of p moved within the hour: d, a, b, c.

        :param leaving: who might leave each host
        """
        nth = collections.Counter(self.projects)
        turn = {}
        for host in worst_first:
            projects = {move.server.project_id for move in leaving[host]}
            turn[host] = min(nth[project] for project in projects)
            nth.update(projects)
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


def slots(snapshot: Snapshot) -> int:
    """How many of the slots one project may have: half of them, rounded up.

    The rest is kept free for the others, also while none of them waits: what
    takes a slot may take it for long. Where nobody else has a server, there
    is nobody to keep it for.
    """
    all_ = snapshot.rules.limits.slots
    return math.ceil(all_ / 2) if several_projects(snapshot.fleet) else all_


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


def heaviest(wanted: Iterable[Move], snapshot: Snapshot) -> str | None:
    """The project of which most is copied; None where nothing is.

    :param wanted: what would be copied besides what Nova's records tell of
    """
    copied = collections.Counter[str]()
    for migration, server in copies(snapshot):
        if migration.created_at >= snapshot.now - HISTORY:
            copied[server.project_id] += snapshot.copy_mb(server)
    for move in wanted:
        copied[move.server.project_id] += move.copy_mb
    return max(copied, key=lambda p: (copied[p], p), default=None)
