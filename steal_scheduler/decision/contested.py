"""Contested room: what more than one of the servers may need that Nova has
not placed yet.

Nova places them one after the other, and not always where it is expected to.
For example one host has memory for a small server, and another one for a
small or a large one. If the small one is drained first and Nova chooses the
other host, the large one has nowhere to go: so it waits, and is not drained
before Nova has chosen.
"""

import collections
from collections.abc import Sequence

from steal_scheduler.decision.refused_pairs import refused_pairs
from steal_scheduler.decision.room import Ledger, unplaced
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import Nos, Reason
from steal_scheduler.model.room import UNTOLD


class Contested:
    """Room that is there for each of them whatever Nova chooses for others."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._pairs = refused_pairs(snapshot)
        #: By server id, as asked of them.
        self._refused: dict[str, frozenset[str]] = {}
        self._now = Ledger(snapshot)
        self._zones = collections.defaultdict[str, list[str]](list)
        for name, host in snapshot.fleet.hosts.items():
            if host.open:
                self._zones[host.zone].append(name)
        #: Those that Nova has not placed yet.
        self._others = unplaced(snapshot.moves)

    def nos(self, move: Move) -> Nos:
        """Why it is not drained before Nova has chosen for others.

        It could take their last place, or they its own. NOTE: it takes the
        square of the time where there are more of them; there are ``slots``.
        """
        zone = move.server.zone
        others = [m for m in self._others if m.server.zone == zone]
        if not others or self._snapshot.room is UNTOLD:
            return
        if not self._is_safe(move, others) and self._is_safe(move, ()):
            yield (
                Reason.TARGET_PENDING,
                'Nova has still to choose the targets of others, which may '
                'take the room that is left for it: its turn comes',
            )
        for other in others:
            before = [m for m in others if m is not other]
            if not self._is_safe(other, [*before, move]) and (
                self._is_safe(other, before)
            ):
                yield (
                    Reason.TARGET_PENDING,
                    f'Nova has still to choose the target of {other.server_id}'
                    ', of which it may take the last: its turn comes',
                )

    def add(self, move: Move) -> None:
        """It begins as well."""
        self._others.append(move)

    def _is_safe(self, move: Move, others: Sequence[Move]) -> bool:
        """Whether a host has room for it, wherever the others go."""
        return any(
            self._holds(host, move, others)
            for host in self._zones.get(move.server.zone or '', ())
            if self._may_go(move, host)
        )

    def _holds(self, host: str, move: Move, others: Sequence[Move]) -> bool:
        left = Ledger(self._snapshot)
        for other in others:
            if self._may_go(other, host):
                left.add(other.server, host)
        return left.fits(move.server, host)

    def _may_go(self, move: Move, host: str) -> bool:
        """Whether Nova may choose the host for it."""
        if move.server_id not in self._refused:
            self._refused[move.server_id] = self._pairs.of(move)
        return (
            host != move.source
            and self._snapshot.view.takes(host, move.demand.expected)
            and host not in self._refused[move.server_id]
            and self._now.fits(move.server, host)
        )
