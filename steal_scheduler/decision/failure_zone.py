"""The largest host of a zone, and where its servers would go if it failed."""

import collections
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from steal_scheduler.decision import census
from steal_scheduler.decision.arrays import Amounts, Mask
from steal_scheduler.decision.packing import packed
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Fleet, Server
from steal_scheduler.model.move import Stage

#: Hosts, those with most memory left, on which places are looked for first.
FIRST = 256
_RAM = 'MEMORY_MB'

#: By resource class, what a server needs.
Needs = Callable[[Server], Mapping[str, int]]
_Hosts = np.ndarray[Any, np.dtype[np.int64]]


@dataclasses.dataclass(frozen=True, slots=True)
class _Places:
    """Where the servers of a host would go, if it failed."""

    #: It, by its number.
    host: int
    #: How many of them would go nowhere.
    missing: int
    #: What they would take.
    taken: Amounts


class FailureZone:
    """A zone, as it is once the moves are over that are under way."""

    def __init__(self, zone: str, snapshot: Snapshot, needs: Needs) -> None:
        fleet, room = snapshot.fleet, snapshot.room
        self._needs = needs
        names = [n for n, host in fleet.hosts.items() if host.zone == zone]
        self._names = names
        self._index = {name: n for n, name in enumerate(names)}
        told = [room.hosts.get(name) for name in names]
        #: None of hosts of which nobody tells what they have left.
        self._free = [one.free if one else None for one in told]
        some = {kind for free in self._free if free for kind in free.left}
        kinds = sorted({_RAM, *some})
        #: Rows of what is left.
        self._kinds = {kind: n for n, kind in enumerate(kinds)}
        self._left: Amounts = np.zeros((len(kinds), len(names)))
        for n, free in enumerate(self._free):
            for kind, amount in free.left.items() if free else ():
                self._left[self._kinds[kind], n] = amount
        #: Those that would be given servers.
        self._open: Mask = np.array(
            [
                self._free[n] is not None
                and fleet.hosts[name].open
                and name not in snapshot.view.emptied
                for name, n in self._index.items()
            ],
            bool,
        )
        memory = _memory(fleet)
        self._memory: Amounts = np.array([float(memory[n]) for n in names])
        here = census.of(fleet).by_host
        self._here = [{s.server_id: s for s in here.get(n, ())} for n in names]
        #: By server id, where each is.
        self._at = {s: n for n, there in enumerate(self._here) for s in there}
        for move in snapshot.moves.values():
            going = move.stage is Stage.MIGRATE and move.target is not None
            if going and move.server.host == move.source in self._index:
                # Of its target Placement has taken it off already.
                self._leave(move.server)
                self._arrive(move.server, self._index.get(move.target or ''))
        #: By their numbers, of hosts that were asked for.
        self._found: dict[int, _Places] = {}
        self._ways: list[_Places] = []
        #: By source, needs and target.
        self._known: dict[object, bool] = {}

    def is_kept(self, server: Server, host: str) -> bool:
        needs = frozenset(self._needs(server).items())
        key = self._at.get(server.server_id), needs, host
        if key not in self._known:
            self._known[key] = self._is_kept(server, self._index[host])
        return self._known[key]

    def spoiled_by(self, server: Server) -> Set[str]:
        fitting, spared = self._open.copy(), self._spared(server)
        for n, amount in self._rows(server):
            fitting &= self._left[n] >= amount
        return {
            self._names[n]
            for n in np.flatnonzero(fitting & ~spared)
            if not self.is_kept(server, self._names[n])
        }

    def is_kept_after(
        self, first: tuple[Server, str], server: Server, host: str
    ) -> bool:
        other, target = first
        back = self._at.get(other.server_id)
        self._go(other, self._index[target])
        found = self.is_kept(server, host)
        self._go(other, back)
        return found

    def add(self, server: Server, host: str) -> None:
        self._go(server, self._index[host])

    def _is_kept(self, server: Server, target: int) -> bool:
        source = self._at.get(server.server_id)
        if self._spared(server)[target]:
            return True
        if self._is_largest(server, target) and source is not None:
            rows = [n for n, _ in self._rows(server)]
            room = bool((self._left[rows, source] >= 0).all())
            if self._open[source] and room and not self._of(target).missing:
                # Its servers go where they would have gone, and this one where
                # it comes from.
                return True
        self._move(server, target)
        after = self._placed(int(self._memory.argmax()))
        self._move(server, source)
        return after.missing <= self._now().missing

    def _now(self) -> _Places:
        """Of the largest host, as it is."""
        return self._of(int(self._memory.argmax()))

    def _of(self, host: int) -> _Places:
        if host not in self._found:
            self._found[host] = self._placed(host)
        return self._found[host]

    def _two_ways(self) -> Sequence[_Places]:
        """To place its servers; the second one not where the first one does.

        So the room of a host is needed in one of them at most.
        """
        if not self._ways:
            first = self._now()
            used = np.any(first.taken, axis=0)
            second = self._placed(first.host, ~used)
            self._ways.append(first)
            if second.missing <= first.missing:
                self._ways.append(second)
        return self._ways

    def _spared(self, server: Server) -> Mask:
        """Targets with which the largest host is the same, and keeps all.

        Each of its servers goes where it would have gone.
        """
        found: Mask = np.zeros(len(self._names), bool)
        ways = self._two_ways()
        for way in ways:
            spared = np.ones(len(self._names), bool)
            for n, amount in self._rows(server):
                spared &= self._left[n] - way.taken[n] >= amount
            found |= spared
        largest = ways[0].host
        found &= self._memory + server.ram_mb < self._memory[largest]
        return found & (self._at.get(server.server_id) != largest)

    def _is_largest(self, server: Server, target: int) -> bool:
        """Whether that is the largest one then."""
        memory = self._memory[target] + server.ram_mb
        return bool(memory > self._memory.max())

    def _go(self, server: Server, target: int | None) -> None:
        self._move(server, target)
        self._found.clear()
        self._ways.clear()
        self._known.clear()

    def _move(self, server: Server, target: int | None) -> None:
        """Let it go there; to None where nobody knew where it was."""
        self._leave(server)
        self._arrive(server, target)
        for n, amount in self._rows(server) if target is not None else ():
            self._left[n, target] -= amount

    def _leave(self, server: Server) -> None:
        source = self._at.pop(server.server_id, None)
        if source is None:
            return
        del self._here[source][server.server_id]
        self._memory[source] -= server.ram_mb
        for n, amount in self._rows(server):
            self._left[n, source] += amount

    def _arrive(self, server: Server, target: int | None) -> None:
        if target is not None:
            self._at[server.server_id] = target
            self._here[target][server.server_id] = server
            self._memory[target] += server.ram_mb

    def _rows(self, server: Server) -> Iterator[tuple[int, int]]:
        """What it needs, by the row of the class; of those that are here."""
        for kind, amount in self._needs(server).items():
            if kind in self._kinds:
                yield self._kinds[kind], amount

    def _placed(self, host: int, may: Mask | None = None) -> _Places:
        """Give places to the servers of a host, the largest first.

        :param may: hosts that may be used, if not all
        """
        hosts = np.flatnonzero(self._open if may is None else may & self._open)
        hosts = hosts[hosts != host]
        each = sorted(
            self._here[host].values(),
            key=lambda s: (-s.ram_mb, -s.vcpus, s.server_id),
        )
        if len(hosts) > FIRST:
            ram = self._left[self._kinds[_RAM], hosts]
            most = hosts[np.argpartition(-ram, FIRST)[:FIRST]]
            found = self._on(most, host, each)
            if not found.missing:
                return found
        return self._on(hosts, host, each)

    def _on(self, hosts: _Hosts, host: int, each: Sequence[Server]) -> _Places:
        """The same on these hosts."""
        left = self._left[:, hosts]
        needs = [self._needed(server, host) for server in each]
        may = [self._may(server, hosts) for server in each]
        free, missing = packed(left, needs, may, by=self._kinds[_RAM])
        taken = np.zeros_like(self._left)
        taken[:, hosts] = left - free
        return _Places(host, missing, taken)

    def _needed(self, server: Server, host: int) -> Amounts:
        """What it needs wherever it goes, if its host fails.

        What that has not, such as a shared disk, it has from elsewhere.
        """
        found = np.zeros(len(self._kinds))
        known = self._free[host]
        for kind, amount in self._needs(server).items():
            here = known is None or not known.left or kind in known.left
            if here and kind in self._kinds:
                found[self._kinds[kind]] = amount
        return found

    def _may(self, server: Server, hosts: _Hosts) -> Mask:
        """Hosts with the traits that it asks for."""
        found = np.ones(len(hosts), bool)
        for trait, word in server.traits.items():
            there = (self._free[host] for host in hosts)
            has = np.array(
                [f is not None and trait in f.traits for f in there], bool
            )
            found &= ~has if word == 'forbidden' else has
        return found


@census.once
def _memory(fleet: Fleet) -> Mapping[str | None, int]:
    """MiB of the servers of each host, by their flavors."""
    return collections.Counter(
        {
            host: sum(server.ram_mb for server in servers)
            for host, servers in census.of(fleet).by_host.items()
        }
    )
