"""Refused pairs: hosts that Nova does not choose, though they have room.

What Nova's API does not tell is learned from what it found no host for while
there were some for all that we know: first of servers of one host, for a zone
may span cells, and no live migration leaves its cell; then, where Nova has
chosen the same hosts for others of that host, of one kind of server, which
may need a CPU model or a NUMA node that they have not. It is kept in memory,
with how moves ended: a new leader learns it anew.
"""

import collections
import dataclasses
import math
from collections.abc import Mapping, Sequence, Set

from steal_scheduler.decision.census import once
from steal_scheduler.decision.eligibility import HISTORY
from steal_scheduler.decision.no_host import SERVERS, is_proof, needs_no_more
from steal_scheduler.decision.room import Ledger
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.backoff import pause, seconds_left
from steal_scheduler.model.cloud import Fleet, Server
from steal_scheduler.model.move import Ended, Move, Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class RefusedPairs:
    """What was refused from each source, and when Nova last chose a pair."""

    pause: float
    now: float
    by_source: Mapping[str, Sequence[Ended]]
    by_kind: Mapping[object, Sequence[Ended]]
    #: When Nova last chose a host (second) for one from a host or of a kind.
    chosen: Mapping[tuple[object, str], float]
    #: By server id, for how many migrations Nova found no host.
    times: Mapping[str, int]
    #: What was said of each, by server id.
    known: dict[str, frozenset[str]] = dataclasses.field(
        default_factory=dict, compare=False, repr=False
    )

    def of(self, move: Move) -> frozenset[str]:
        """Hosts of which Nova would choose none for it either.

        For example two servers of host a had to stay while b could take them
        and stay cold: b is in another cell, perhaps. A third one of a, which
        needs no less memory, is not drained for b, for ``cooldown`` and then
        for twice as long after each try in vain; until Nova has chosen b for
        somebody from a. If Nova has chosen b for others from a before, it is
        their kind: nor is one of that kind drained for b on another host,
        until Nova has chosen b for one of it. Of other projects see
        ``is_proof``.
        """
        found = self.known.get(move.server_id)
        if found is None:
            found = self.known[move.server_id] = self._of(move)
        return found

    def _of(self, move: Move) -> frozenset[str]:
        source, server = move.source, move.server
        by_pair: dict[tuple[object, str], list[Ended]] = {}
        for ended in self.by_source.get(source, ()):
            if needs_no_more(ended.move.server, server):
                for host in ended.offered:
                    by_pair.setdefault((source, host), []).append(ended)
        kind = _kind(server)
        for ended in self.by_kind.get(kind, ()):
            for host in ended.offered:
                last = self.chosen.get((ended.move.source, host), math.inf)
                if last <= ended.at:
                    by_pair.setdefault((kind, host), []).append(ended)
        return frozenset(
            host
            for (of, host), found in by_pair.items()
            if self._holds((of, host), found, server.project_id)
        )

    def _holds(
        self, pair: tuple[object, str], found: Sequence[Ended], project: str
    ) -> bool:
        since = [e for e in found if e.at > self.chosen.get(pair, 0.0)]
        own = [
            e.move.server_id
            for e in since
            if e.move.server.project_id == project
        ]
        others = {e.move.server.project_id for e in since} - {project}
        if not is_proof(len(own), len(others)):
            return False
        times = sum(max(self.times[s], 1) for s in own) + bool(others)
        seconds = pause(self.pause, max(times - SERVERS, 0), HISTORY)
        last = max(e.at for e in since)
        return bool(seconds_left(last, seconds, self.now))


def _kind(server: Server) -> object:
    """The same of servers that need the same, as far as flavors tell."""
    traits = frozenset(server.traits.items())
    size = server.vcpus, server.dedicated, server.ram_mb, server.disk_gb
    return *size, traits


def refused_pairs(snapshot: Snapshot) -> RefusedPairs:
    by_source: dict[str, list[Ended]] = {}
    by_kind: dict[object, list[Ended]] = {}
    for ended in snapshot.ended.values():
        if ended.offered:
            by_source.setdefault(ended.move.source, []).append(ended)
            kind = _kind(ended.move.server)
            by_kind.setdefault(kind, []).append(ended)
    chosen: Mapping[tuple[object, str], float] = {}
    times: Mapping[str, int] = {}
    if by_source:
        # Mostly nothing was refused, and Nova's records are many.
        chosen, times = _choices(
            snapshot.fleet, frozenset((*by_source, *by_kind))
        )
    return RefusedPairs(
        snapshot.rules.limits.cooldown,
        snapshot.now,
        by_source,
        by_kind,
        chosen,
        times,
    )


@once
def _choices(
    fleet: Fleet, refused: Set[object]
) -> tuple[Mapping[tuple[object, str], float], Mapping[str, int]]:
    """Nova's choices for sources and kinds: ``chosen`` and ``times``.

    :param refused: those sources and kinds for which it once chose nothing
    """
    chosen: dict[tuple[object, str], float] = {}
    times = collections.Counter[str]()
    for server_id, records in fleet.migrations.items():
        server = fleet.servers.get(server_id)
        kind = server and _kind(server)
        for record in records:
            if record.target is None:
                times[server_id] += record.failed and not record.stopped
                continue
            for of in (record.source, kind):
                if of in refused:
                    pair = of, record.target
                    last = chosen.get(pair, 0.0)
                    chosen[pair] = max(last, record.created_at)
    return chosen, times


def with_offered(ended: Ended, snapshot: Snapshot) -> Ended:
    """The same, with what Nova could have chosen where it found no host.

    As the view tells that it was sent, and Placement: in its zone, cold, and
    with room.
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
    if move.only_to is not None:
        return dataclasses.replace(ended, offered=frozenset({move.only_to}))
    ledger = Ledger(snapshot)
    offered = frozenset(
        name
        for name, host in snapshot.fleet.hosts.items()
        if host.open and host.zone == move.server.zone and name != move.source
        if view.takes(name, move.demand.expected)
        and ledger.fits(move.server, name)
    )
    return dataclasses.replace(ended, offered=offered)
