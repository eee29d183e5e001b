"""The room of a zone: of all its hosts at once, as arrays.

The same rules as ``Ledger``'s, which is asked for what does not change; what
those take that Nova has not placed yet is taken off wherever they may go.
"""

import collections
from collections.abc import Iterable, Mapping

import numpy as np

from steal_scheduler.decision.arrays import Amounts, Mask
from steal_scheduler.decision.refused_pairs import RefusedPairs
from steal_scheduler.decision.room import Ledger
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.move import Move
from steal_scheduler.model.room import AFFINITY


class ZoneRoom:
    """What its open hosts have left, with all that may come taken off."""

    def __init__(
        self, zone: str, snapshot: Snapshot, pairs: RefusedPairs
    ) -> None:
        view = snapshot.view
        self._snapshot = snapshot
        self._pairs = pairs
        self._ledger = Ledger(snapshot)
        self._names = [
            name
            for name, host in snapshot.fleet.hosts.items()
            if host.zone == zone and host.open and view.takes(name, 0.0)
        ]
        self._index = {name: n for n, name in enumerate(self._names)}
        hosts = [view.hosts[name] for name in self._names]
        self._demand = np.array([h.demand + h.credit for h in hosts])
        self._most = np.array([view.target_demand * h.cores for h in hosts])
        #: By resource class, what each has left, and what of that none takes.
        self._told: dict[str, Amounts] = {}
        self._left: dict[str, Amounts] = {}
        #: Of hosts that are alike, their numbers.
        self._alike = collections.defaultdict[object, list[int]](list)
        for n, name in enumerate(self._names):
            self._alike[self._ledger.alike(name)].append(n)
        #: By kind of server, hosts that it fits on by all that is known.
        self._fitting: dict[object, Mask] = {}
        #: By server id, where those may go that are to be placed.
        self._reach: dict[str, Mask] = {}
        #: Who was asked for last, and where it may go.
        self._last: tuple[Move, Mask] | None = None

    def reach(self, move: Move) -> Mask:
        """Hosts that Nova may choose for it now."""
        known = self._reach.get(move.server_id)
        if known is not None:
            return known
        if self._last is not None and self._last[0] is move:
            return self._last[1]
        cores = move.demand.expected
        found: Mask = (self._demand + cores) * 100 <= self._most
        if move.only_to is not None:
            # It stands in nobody's way: that host takes nobody else.
            found &= False
        found &= self._fits(move)
        spoiled = self._ledger.spoiled_by(move.server)
        for name in (move.source, *self._pairs.of(move), *spoiled):
            if name in self._index:
                found[self._index[name]] = False
        self._last = move, found
        return found

    def safe(self, move: Move, beside: Move | None = None) -> Mask:
        """Hosts with room for it wherever those go that are to be placed.

        :param beside: who is to be placed as well
        """
        found = self.reach(move).copy()
        # What it takes itself, if it is to be placed, is in nobody's way.
        own = self._reach.get(move.server_id)
        more = {} if beside is None else self._needs(beside)
        for kind, amount in self._needs(move).items():
            left = self._of(kind)
            if own is not None:
                left = left + own * amount
            if beside is not None and kind in more:
                left = left - self.reach(beside) * more[kind]
            found &= left >= amount
        for group in self._snapshot.room.groups.get(move.server_id, ()):
            if group.policy != AFFINITY:
                others = group.members - {move.server_id}
                found &= self._there(others, beside) < group.most
        return found

    def holds(self, move: Move, at: int, beside: Move | None = None) -> bool:
        """The same of one host, by its number."""
        if move.server_id in self._snapshot.room.groups:
            return bool(self.safe(move, beside)[at])
        own = self._reach.get(move.server_id)
        here = own is not None and bool(own[at])
        more: Mapping[str, int] = {}
        if beside is not None and self.reach(beside)[at]:
            more = self._needs(beside)
        return all(
            self._of(kind)[at] + here * amount - more.get(kind, 0) >= amount
            for kind, amount in self._needs(move).items()
        )

    def best(self, move: Move) -> int | None:
        """Number of the safe host with most room; None if none is."""
        safe = self.safe(move)
        if not safe.any():
            return None
        least = np.where(safe, np.inf, -np.inf)
        for kind in self._needs(move):
            np.minimum(least, self._of(kind), out=least)
        return int(np.where(safe, least, -np.inf).argmax())

    def like(self, move: Move) -> object:
        """The same of those of which one host has room for all, or none."""
        if move.server_id in self._snapshot.room.groups:
            return move.server_id
        return frozenset(self._needs(move))

    def add(self, move: Move) -> None:
        """It is to be placed, and may go wherever it can."""
        reach = self._reach[move.server_id] = self.reach(move)
        for kind, amount in self._needs(move).items():
            self._of(kind)[reach] -= amount

    def _needs(self, move: Move) -> Mapping[str, int]:
        return self._ledger.needs(move.server)

    def _of(self, kind: str) -> Amounts:
        """What is left of a resource class, with all that may come."""
        found = self._left.get(kind)
        if found is None:
            found = self._left[kind] = self._whole(kind).copy()
        return found

    def _whole(self, kind: str) -> Amounts:
        """What is left of it without that; where nobody tells, no end."""
        found = self._told.get(kind)
        if found is None:
            rooms = map(self._snapshot.room.hosts.get, self._names)
            found = self._told[kind] = np.array(
                [
                    room.free.left.get(kind, 0)
                    if room is not None and room.free is not None
                    else np.inf
                    for room in rooms
                ],
                dtype=np.float64,
            )
        return found

    def _fits(self, move: Move) -> Mask:
        kind = self._ledger.kind(move.server)
        found = self._fitting.get(kind)
        if found is None:
            found = np.ones(len(self._names), dtype=bool)
            for resource, amount in self._needs(move).items():
                found &= self._whole(resource) >= amount
            for alike in self._suited_alike(move):
                if not self._ledger.suits(move.server, self._names[alike[0]]):
                    found[alike] = False
            self._fitting[kind] = found
        return found

    def _suited_alike(self, move: Move) -> Iterable[list[int]]:
        """Numbers of hosts that all suit it, however full, or none of them."""
        if move.server_id in self._snapshot.room.groups:
            return ([n] for n in range(len(self._names)))
        return self._alike.values()

    def _there(self, members: Iterable[str], beside: Move | None) -> Amounts:
        """Of these servers, how many each host has or may get."""
        count: Amounts = np.zeros(len(self._names))
        for member in members:
            there = np.zeros(len(self._names), dtype=bool)
            for name in self._ledger.hosts_of(member):
                if name in self._index:
                    there[self._index[name]] = True
            if member in self._reach:
                there |= self._reach[member]
            if beside is not None and member == beside.server_id:
                there |= self.reach(beside)
            count += there
        return count
