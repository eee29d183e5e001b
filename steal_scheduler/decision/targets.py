"""Targets: the hosts that could take a server, as the planner predicts it.

Kept as one heap of head-room for each zone and steal band, so that a plan
for 8,000 hosts does not look at each of them for every move.
"""

import heapq
from collections.abc import Iterator

from steal_scheduler.model.cloud import Fleet
from steal_scheduler.model.host_view import View
from steal_scheduler.model.move import Move

_Heap = list[tuple[float, str]]


class Targets:
    """Cold hosts by zone, each credited with what is planned for it."""

    def __init__(self, view: View, fleet: Fleet) -> None:
        self._view = view
        self._planned: dict[str, float] = {}
        self._roles: dict[tuple[str, str], int] = {}
        self._free: dict[str, dict[float, _Heap]] = {}
        self._busy: dict[str, list[str]] = {}
        #: The one valid entry of each host; older ones linger in the heaps.
        self._entries: dict[str, tuple[float, str]] = {}
        for name, host in view.hosts.items():
            up, zone = fleet.hosts[name].up, fleet.hosts[name].zone
            if not view.fit(host) or not up:
                continue
            if host.arrivals >= view.max_arrivals:
                self._busy.setdefault(zone, []).append(name)
                continue
            bands = self._free.setdefault(zone, {})
            band = host.steal * 100 // view.steal_band
            self._entries[name] = (-host.head_room, name)
            bands.setdefault(band, []).append(self._entries[name])
        for bands in self._free.values():
            for heap in bands.values():
                heapq.heapify(heap)

    def take(self, move: Move) -> str | None:
        """Give the server to the best host that stays cold, and credit it.

        :returns: the host that nova-scheduler is expected to choose, in the
            order of ``ranking.key``; None where no host stays cold
        """
        bands = self._free.get(move.server.zone or '', {})
        for band in sorted(bands):
            name = self._best(bands[band], move)
            if name is not None:
                self._credit(bands[band], name, move)
                return name
        return None

    def would_take(self, move: Move) -> bool:
        """Whether a host could that is receiving another server now."""
        return any(
            name != move.source and self._room(name) >= move.demand
            for name in self._busy.get(move.server.zone or '', ())
        )

    def _best(self, heap: _Heap, move: Move) -> str | None:
        """The fewest servers of the role, then the most head-room."""
        shared: list[tuple[int, float, str]] = []
        for head_room, name in self._descend(heap):
            if -head_room < move.demand and self._view.target_demand <= 100:
                # No host after it has more.
                break
            if name == move.source or self._room(name) < move.demand:
                continue
            same_role = self._same_role(name, move.server.role)
            if not same_role:
                return name
            shared.append((same_role, head_room, name))
        return min(shared)[2] if shared else None

    def _descend(self, heap: _Heap) -> Iterator[tuple[float, str]]:
        """Most head-room first, without disturbing the heap's order."""
        while heap and self._entries[heap[0][1]] != heap[0]:
            heapq.heappop(heap)
        frontier = [(heap[0], 0)] if heap else []
        while frontier:
            entry, i = heapq.heappop(frontier)
            if self._entries[entry[1]] == entry:
                yield entry
            for child in range(2 * i + 1, min(2 * i + 3, len(heap))):
                heapq.heappush(frontier, (heap[child], child))

    def _room(self, name: str) -> float:
        """Cores it can be given and stay cold."""
        host = self._view.hosts[name]
        limit = host.cores * self._view.target_demand / 100
        taken = host.demand + host.credit + self._planned.get(name, 0.0)
        return limit - taken

    def _same_role(self, name: str, role: str | None) -> int:
        if role is None:
            return 0
        counted = self._view.roles.get(role, {}).get(name, 0)
        return counted + self._roles.get((role, name), 0)

    def _credit(self, heap: _Heap, name: str, move: Move) -> None:
        planned = self._planned.get(name, 0.0)
        self._planned[name] = planned + move.demand
        if move.server.role is not None:
            key = (move.server.role, name)
            self._roles[key] = self._roles.get(key, 0) + 1
        entry = (self._entries[name][0] + move.demand, name)
        self._entries[name] = entry
        heapq.heappush(heap, entry)
