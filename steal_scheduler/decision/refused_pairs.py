"""Refused pairs: hosts that Nova does not choose, though they have the cores.

A zone may span cells, no live migration leaves its cell, and Nova's API tells
of no host in which cell it is. So this is learned, pair by pair, from what
Nova found no host for while there were some for all that we know. It is kept
in memory, with how moves ended: a new leader learns it anew.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from steal_scheduler.decision.eligibility import HISTORY
from steal_scheduler.decision.no_host import SERVERS, needs_no_more
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.backoff import pause, seconds_left
from steal_scheduler.model.move import Ended, Move, Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class RefusedPairs:
    """What was refused from each source, and when Nova last chose a pair."""

    pause: float
    now: float
    by_source: Mapping[str, Sequence[Ended]]
    chosen: Mapping[tuple[str, str], float]
    #: By server id, for how many migrations Nova found no host.
    times: Mapping[str, int]

    def of(self, move: Move) -> frozenset[str]:
        """Hosts of which Nova would choose none for it either.

        For example two servers of host a had to stay while b could take them
        and stay cold: b is in another cell, perhaps. A third one of a, which
        needs no less memory, is not drained for b, for ``cooldown`` and then
        for twice as long after each try in vain; until Nova has chosen b for
        somebody from a. Each other project counts once: what fits nowhere may
        be of a tenant's making.
        """
        source, server = move.source, move.server
        by_host: dict[str, list[Ended]] = {}
        for ended in self.by_source.get(source, ()):
            if needs_no_more(ended.move.server, server):
                for host in ended.offered:
                    by_host.setdefault(host, []).append(ended)
        return frozenset(
            host
            for host, found in by_host.items()
            if self._holds((source, host), found, server.project_id)
        )

    def _holds(
        self, pair: tuple[str, str], found: Sequence[Ended], project: str
    ) -> bool:
        since = [e for e in found if e.at > self.chosen.get(pair, 0.0)]
        own = [
            e.move.server_id
            for e in since
            if e.move.server.project_id == project
        ]
        others = {e.move.server.project_id for e in since} - {project}
        if len(own) + len(others) < SERVERS:
            return False
        times = sum(max(self.times[s], 1) for s in own) + len(others)
        seconds = pause(self.pause, times - SERVERS, HISTORY)
        last = max(e.at for e in since)
        return bool(seconds_left(last, seconds, self.now))


def refused_pairs(snapshot: Snapshot) -> RefusedPairs:
    by_source: dict[str, list[Ended]] = {}
    for ended in snapshot.ended.values():
        if ended.offered:
            by_source.setdefault(ended.move.source, []).append(ended)
    chosen: dict[tuple[str, str], float] = {}
    times = collections.Counter[str]()
    cooldown = snapshot.rules.limits.cooldown
    if not by_source:
        # Mostly nothing was refused, and Nova's records are many.
        return RefusedPairs(cooldown, snapshot.now, by_source, chosen, times)
    for server_id, records in snapshot.fleet.migrations.items():
        for record in records:
            if record.target is None:
                times[server_id] += record.failed and not record.stopped
            elif record.source in by_source:
                pair = record.source, record.target
                chosen[pair] = max(chosen.get(pair, 0.0), record.created_at)
    return RefusedPairs(cooldown, snapshot.now, by_source, chosen, times)


def with_offered(ended: Ended, snapshot: Snapshot) -> Ended:
    """The same, with what Nova could have chosen where it found no host.

    As the view tells that it was sent: in its zone, cold, and with room.
    """
    move, view = ended.move, snapshot.view
    record = move.migration(snapshot.fleet)
    if (
        ended.outcome is not Outcome.FAILED
        or record is None
        or record.target is not None
        or record.stopped
    ):
        return ended
    offered = frozenset(
        name
        for name, host in snapshot.fleet.hosts.items()
        if host.open and host.zone == move.server.zone and name != move.source
        if view.takes(name, move.demand)
    )
    return dataclasses.replace(ended, offered=offered)
