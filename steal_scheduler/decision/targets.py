"""Targets: the hosts that could take a server, as the planner predicts it.

Kept as one sorted list of head-room for each zone and steal band, so that a
plan for 8,000 hosts does not look at each of them for every move.
"""

import bisect
import collections
import itertools
import math
from collections.abc import Mapping, Sequence

from steal_scheduler.decision import ranking
from steal_scheduler.decision.bursts import Bursts
from steal_scheduler.decision.by_use import ByUse
from steal_scheduler.decision.joint_past import COMPARED, JointPast
from steal_scheduler.decision.refused_pairs import RefusedPairs
from steal_scheduler.decision.room import Ledger
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.host_view import Tier
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import Reason

#: Less than 0 is head-room, so that the most of it comes first; and its host.
_Entry = tuple[float, str]


class Targets:
    """Cold hosts by zone, each credited with what is planned for it.

    For example b has 8 cores of head-room, c 6 and d 2. A server of 4 is
    planned for b, which has 4 left, and the next one of 4 for c. One of 3 is
    then planned for b; another one of 3 stays, for nobody has 3 left.
    """

    def __init__(
        self, snapshot: Snapshot, refused: RefusedPairs | None = None
    ) -> None:
        """:param refused: what Nova does not choose, for all we know"""
        self._view = view = snapshot.view
        self.by_use = ByUse(snapshot, refused)
        self._pairs = refused
        self._snapshot = snapshot
        self._ledger = Ledger(snapshot)
        self._past = JointPast(snapshot)
        self._bursts = Bursts(view, snapshot.rules.detection)
        #: Cores and servers by host, and servers by role and host.
        self._planned = collections.defaultdict[str, float](float)
        self._arriving = collections.Counter[str]()
        self._roles = collections.Counter[tuple[str, str]]()
        #: Zone -> steal band -> hosts, the most head-room first.
        self._free: dict[str, dict[float, list[_Entry]]] = {}
        self._busy: dict[str, list[str]] = {}
        self._unknown: dict[str, list[str]] = {}
        #: Their names.
        self._cold = set[str]()
        #: By zone, source and kind of server: cores, so many of which none
        #: could take.
        self._in_vain: dict[object, float] = {}
        #: By kind of server, hosts without room for it: there is never more
        #: than before.
        self._full = collections.defaultdict[object, set[_Entry]](set)
        #: What hosts lack, by that and whole cores.
        self._lacking: dict[object, collections.Counter[Reason]] = {}
        #: Hosts that could take a server and cure nothing, by the same.
        self._no_cures: dict[object, list[str]] = {}
        for name, host in view.hosts.items():
            known = snapshot.fleet.hosts[name]
            zone = known.zone
            if host.tier is Tier.UNKNOWN and known.open and known.measurable:
                self._unknown.setdefault(zone, []).append(name)
            if not view.fit(host) or not known.open:
                continue
            if self._is_busy(name):
                self._busy.setdefault(zone, []).append(name)
                continue
            self._cold.add(name)
            bands = self._free.setdefault(zone, {})
            entry = (-host.head_room, name)
            bands.setdefault(ranking.steal_band(host), []).append(entry)
        for bands in self._free.values():
            for hosts in bands.values():
                hosts.sort()
        for names in self._unknown.values():
            names.sort()

    def take(self, move: Move) -> str | None:
        """Give the server to the best host that stays cold, and credit it.

        One that could take all that it may ask for comes first, then one that
        can take what it is expected to.

        :returns: the host that nova-scheduler is expected to choose, in the
            order of ``ranking.key``; None where no host has room for it and
            stays cold
        """
        found = self._find(move)
        if found is None:
            return None
        hosts, entry = found
        head_room, name = entry
        hosts.pop(bisect.bisect_left(hosts, entry))
        self._credit(move, name)
        if self._is_busy(name):
            self._busy.setdefault(move.server.zone or '', []).append(name)
        else:
            cores = move.demand.expected
            bisect.insort(hosts, (head_room + cores, name))
        return name

    def best(self, move: Move) -> str | None:
        """The host to which ``take`` would give it."""
        found = self._find(move)
        return None if found is None else found[1][1]

    def _find(self, move: Move) -> tuple[list[_Entry], _Entry] | None:
        """That host, and those among which it is."""
        like = self._like(move)
        expected = move.demand.expected
        if self._in_vain.get(like, math.inf) <= expected:
            return None
        bands = self._free.get(move.server.zone or '', {})
        wanted = dict.fromkeys((move.demand.high, expected))
        # The past tells more than what it may ask for at most.
        for cores in [expected] if self._past.known else wanted:
            for _, hosts in sorted(bands.items()):
                entry = self._best(hosts, move, cores)
                if entry is not None:
                    return hosts, entry
        self._in_vain[like] = expected
        return None

    def _credit(self, move: Move, name: str) -> None:
        self._planned[name] += move.demand.expected
        self._arriving[name] += 1
        self._roles[self._role(move), name] += 1
        self._ledger.add(move.server, name)
        self._past.add(move, name)

    def _is_busy(self, name: str) -> bool:
        """It is given as many servers as one may be given at a time."""
        coming = self._view.hosts[name].arrivals + self._arriving[name]
        return coming >= self._view.max_arrivals

    def lacking(self, move: Move) -> Mapping[Reason, int]:
        """What keeps Nova from those that have the cores: of how many each.

        For example of three cold hosts with 4 cores one lacks memory, and one
        memory and disk: 2 memory, 1 disk. Empty where none has the cores.
        """
        cold = move.source in self._cold or self._ledger.keeps_room
        like = (
            self._like(move),
            cold and move.source,
            math.ceil(move.demand.expected),
        )
        found = self._lacking.get(like)
        if found is None:
            found = self._lacking[like] = collections.Counter()
            zone = move.server.zone or ''
            bands = self._free.get(zone, {}).values()
            free = (name for hosts in bands for _, name in hosts)
            for name in itertools.chain(free, self._busy.get(zone, ())):
                if self._has_cores(name, move, move.demand.expected):
                    found.update(self._ledger.lacks(move.server, name))
        return found

    def open_to(self, move: Move, name: str) -> bool:
        """Whether Nova could place it there, if there are the cores."""
        return self._may_go(move, name) and self._ledger.fits(
            move.server, name
        )

    def would_take(self, move: Move) -> bool:
        """Whether a host could that is receiving another server now."""
        busy = self._busy.get(move.server.zone or '', ())
        return any(self._fits(name, move) for name in busy)

    def refused(self, move: Move) -> frozenset[str]:
        """Hosts that Nova would not choose for it."""
        if self._pairs is None:
            return frozenset()
        return self._pairs.of(move)

    def refused_takers(self, move: Move) -> list[str]:
        """Those of them that could take it."""
        return [
            name
            for name in sorted(self.refused(move))
            if self._view.takes(
                name, self._planned[name] + move.demand.expected
            )
            and self._ledger.fits(move.server, name)
        ]

    def unknown(self, move: Move) -> list[str]:
        """Open hosts of its zone that are neither cold nor hot."""
        found = self._unknown.get(move.server.zone or '', ())
        return [
            name
            for name in found
            if name != move.source and self._ledger.fits(move.server, name)
        ]

    def no_cures(self, move: Move) -> Sequence[str]:
        """Those that could take it, and have as many bad seconds."""
        like = self._like(move), math.ceil(move.demand.expected)
        found = self._no_cures.get(like)
        if found is None:
            bands = self._free.get(move.server.zone or '', {})
            refused, cores = self.refused(move), move.demand.expected
            found = self._no_cures[like] = [
                name
                for _, name in itertools.chain.from_iterable(bands.values())
                if not self._bursts.cures(move.source, name)
                and name not in refused
                and self._has_room(name, cores)
                and self._ledger.fits(move.server, name)
            ]
        if move.source not in self._cold or move.source not in found:
            return found
        return [name for name in found if name != move.source]

    def _best(
        self, hosts: list[_Entry], move: Move, cores: float
    ) -> _Entry | None:
        """The best of those with as much steal.

        Under the line in the past; the fewest servers of the role; then the
        most room in the past, or else now.
        """
        role = self._role(move)
        there = self._view.roles.get(role, {})
        shared: list[tuple[ranking.Key, _Entry]] = []
        full = self._full[self._ledger.kind(move.server)]
        for entry in itertools.filterfalse(full.__contains__, hosts):
            head_room, name = entry
            if -head_room < cores and self._view.target_demand <= 100:
                # No host after it has more.
                break
            if not self._cures(name, move, cores):
                continue
            if not self._ledger.has_room(move.server, name):
                full.add(entry)
                continue
            if not self._ledger.keeps(move.server, name):
                continue
            same_role = 0
            if role:
                same_role = there.get(name, 0) + self._roles[role, name]
            if self._past.known:
                room = self._past.room(move, name)
                host = self._view.hosts[name]
                key = ranking.past_key(host, same_role, room)
                shared.append((key, entry))
                if len(shared) == COMPARED:
                    break
            elif not same_role:
                return entry
            else:
                shared.append(((same_role,), entry))
        return min(shared)[1] if shared else None

    def _role(self, move: Move) -> str:
        server = move.server
        return self._view.role_key(server.role, server.project_id) or ''

    def _fits(self, name: str, move: Move) -> bool:
        """Whether it can be given the server as well, and stay cold."""
        cores = move.demand.expected
        return self._cures(name, move, cores) and self._ledger.fits(
            move.server, name
        )

    def _cures(self, name: str, move: Move, cores: float) -> bool:
        return self._has_cores(name, move, cores) and self._bursts.cures(
            move.source, name
        )

    def _has_cores(self, name: str, move: Move, cores: float) -> bool:
        return self._has_room(name, cores) and self._may_go(move, name)

    def _has_room(self, name: str, cores: float) -> bool:
        demand = self._planned[name] + cores
        return self._view.has_room(self._view.hosts[name], demand)

    def _may_go(self, move: Move, name: str) -> bool:
        return name != move.source and name not in self.refused(move)

    def _like(self, move: Move) -> object:
        """The same of moves for which the same hosts can be had."""
        kind = self._ledger.kind(move.server)
        source, limit = move.source, self._bursts.limit(move.source)
        had = source in self._cold and self._bursts.cures(source, source)
        if not had and not self._ledger.keeps_room:
            # It could not be had anyway.
            source = ''
        return move.server.zone, source, self.refused(move), kind, limit
