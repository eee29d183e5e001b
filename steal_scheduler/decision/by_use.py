"""Hosts by what is used there: the least that they are asked for.

Nothing that is planned counts, so what is asked here is the same all through a
decision. Of a cloud that is full nearly every host is asked for nearly every
server that waits, and mostly in vain: so it is asked once for each kind.
"""

from collections.abc import Mapping, Sequence

from steal_scheduler.decision.refused_pairs import RefusedPairs
from steal_scheduler.decision.room import Ledger
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.move import Move

#: Cores, and a host with room for so many.
Room = tuple[float, str]


class ByUse:
    """Cold hosts that are open, each with room for so many cores."""

    def __init__(
        self, snapshot: Snapshot, refused: RefusedPairs | None
    ) -> None:
        """:param refused: what Nova does not choose, for all we know"""
        self._snapshot = snapshot
        self._refused = refused
        self._ledger = Ledger(snapshot)
        self._rooms: dict[str, list[Room]] = {}
        self._open: dict[object, Mapping[str, float]] = {}
        view = snapshot.view
        for name, host in view.hosts.items():
            known = snapshot.fleet.hosts[name]
            if view.fit(host) and known.open:
                room = view.room_by_use(host)
                self._rooms.setdefault(known.zone, []).append((room, name))
        for rooms in self._rooms.values():
            rooms.sort(reverse=True)

    def of_zone(self, zone: str) -> Sequence[Room]:
        """All of them, those with most room first."""
        return self._rooms.get(zone, ())

    def open_to(self, move: Move) -> Mapping[str, float]:
        """Those where Nova could place it, if there are the cores, and these.

        Its own host may be one of them.
        """
        zone, refused = move.server.zone or '', frozenset[str]()
        if self._refused is not None:
            refused = self._refused.of(move)
        kind = zone, refused, self._ledger.kind(move.server)
        found = self._open.get(kind)
        if found is None:
            fits = self._ledger.has_room
            found = self._open[kind] = {
                name: room
                for room, name in self.of_zone(zone)
                if name not in refused and fits(move.server, name)
            }
        return found

    def unplanned(self) -> Ledger:
        """What hosts have left, to be filled by who asks."""
        return Ledger(self._snapshot)
