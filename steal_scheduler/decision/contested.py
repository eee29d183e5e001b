"""Contested room: what more than one of the servers may need that Nova has
not placed yet.

Nova places them one after the other, and not always where it is expected to.
For example one host has memory for a small server, and another one for a
small or a large one. If the small one is drained first and Nova chooses the
other host, the large one has nowhere to go: so it waits, and is not drained
before Nova has chosen.
"""

import collections
from collections.abc import Iterable

from steal_scheduler.decision.arrays import Mask
from steal_scheduler.decision.refused_pairs import RefusedPairs, refused_pairs
from steal_scheduler.decision.room import unplaced
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.zone_room import ZoneRoom
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import Nos, Reason
from steal_scheduler.model.room import UNTOLD


class Contested:
    """Room that is there for each of them whatever Nova chooses for others."""

    def __init__(
        self, snapshot: Snapshot, pairs: RefusedPairs | None = None
    ) -> None:
        """:param pairs: as of this snapshot, where they are known"""
        self._snapshot = snapshot
        self._pairs = pairs or refused_pairs(snapshot)
        self._zones: dict[str, _Zone] = {}
        #: Those that Nova has not placed yet, by their zone.
        self._others = collections.defaultdict[str, list[Move]](list)
        for move in unplaced(snapshot.moves):
            self._others[move.server.zone or ''].append(move)

    def nos(self, move: Move) -> Nos:
        """Why it is not drained before Nova has chosen for others.

        It could take their last place, or they its own.
        """
        name = move.server.zone or ''
        if not self._others[name] or self._snapshot.room is UNTOLD:
            return
        zone = self._zone(name)
        reach = zone.reach(move)
        if reach.any() and not zone.safe(move).any():
            yield (
                Reason.TARGET_PENDING,
                'Nova has still to choose the targets of others, which may '
                'take the room that is left for it: its turn comes',
            )
        for other in zone.endangered(move):
            yield (
                Reason.TARGET_PENDING,
                f'Nova has still to choose the target of {other.server_id}'
                ', of which it may take the last: its turn comes',
            )

    def add(self, move: Move) -> None:
        """It begins as well."""
        name = move.server.zone or ''
        self._others[name].append(move)
        if name in self._zones:
            self._zones[name].add(move)

    def _zone(self, name: str) -> '_Zone':
        found = self._zones.get(name)
        if found is None:
            found = self._zones[name] = _Zone(
                ZoneRoom(name, self._snapshot, self._pairs),
                self._others[name],
            )
        return found


class _Zone:
    """The room of one zone, and who is to be placed in it."""

    def __init__(self, room: ZoneRoom, others: Iterable[Move]) -> None:
        self._room = room
        self._others: list[Move] = []
        #: Those for which a host is safe, by its number and what they are
        #: like: what takes it from one takes it from all of them.
        self._alike = collections.defaultdict[tuple[object, int], list[Move]](
            list
        )
        for other in others:
            self.add(other)

    def reach(self, move: Move) -> Mask:
        """Hosts that Nova may choose for it now."""
        return self._room.reach(move)

    def safe(self, move: Move) -> Mask:
        """Hosts with room for it, wherever the others go."""
        return self._room.safe(move)

    def add(self, move: Move) -> None:
        """It is to be placed as well."""
        self._room.add(move)
        self._others.append(move)
        # NOTE: once no host is safe for one, none will be.
        lost = [
            key
            for key, alike in self._alike.items()
            if not self._room.holds(alike[0], key[1])
        ]
        again = [one for key in lost for one in self._alike.pop(key)]
        for one in (*again, move):
            at = self._room.best(one)
            if at is not None:
                self._alike[self._room.like(one), at].append(one)

    def endangered(self, move: Move) -> Iterable[Move]:
        """Those that are safe now, and would not be beside it."""
        reach = self._room.reach(move)
        spoiled = {
            other.server_id
            for (_, at), alike in self._alike.items()
            if reach[at] and not self._room.holds(alike[0], at, beside=move)
            for other in alike
        }
        for other in self._others if spoiled else ():
            if (
                other.server_id in spoiled
                and not self._room.safe(other, beside=move).any()
            ):
                yield other
