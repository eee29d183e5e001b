"""Moves that are over, as metrics: Prometheus is the memory of them.

``signals/prometheus/past_moves.py`` reads them again.
"""

from collections.abc import Mapping
from typing import Any

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.history import LABELS, MEASURED, from_ended
from steal_scheduler.model.move import Ended
from steal_scheduler.model.until import iso

#: Seconds for which a move is shown once it has ended: Prometheus, which
#: scrapes it meanwhile, is the history.
TOLD = 3600.0

#: What tells one of them from all others: a server, and when it was over.
_MOVE = ('server', 'ended')

#: As ``SHOWN`` of the metrics.
PAST: Mapping[str, tuple[str, ...]] = {
    'move_info': (
        f'Moves that ended within {TOLD:g} seconds',
        *(*LABELS, 'ended'),
    ),
    'move_steal_before_ratio': ('Steal of a server before a move', *_MOVE),
    'move_steal_after_ratio': ('Its steal after the move', *_MOVE),
    'move_out_of_service_seconds': ('How long it was drained', *_MOVE),
    'move_copied_bytes': ('What was copied, as far as Nova told', *_MOVE),
    'move_relief_core_seconds': (
        'Core-seconds that servers waited less for it; below 0: more',
        *_MOVE,
    ),
}

#: Moves that a process remembers, at most.
_MOST = 10_000


class PastLog:
    """Those that this process has seen end."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, float], Ended] = {}

    def add(self, ended: Ended) -> None:
        """One that has ended, or of which more is known by now."""
        self._all[ended.move.server_id, ended.at] = ended
        if len(self._all) > _MOST:
            del self._all[next(iter(self._all))]

    def read(self) -> tuple[Ended, ...]:
        """The oldest first."""
        return tuple(self._all.values())


def past(snapshot: Snapshot | None) -> dict[str, Mapping[Any, float]]:
    """Values of these metrics, for moves that ended lately."""
    moves = [
        (from_ended(ended), iso(ended.at))
        for ended in (snapshot.ended.values() if snapshot else ())
        if snapshot and snapshot.now - ended.at < TOLD
    ]
    shown: dict[str, Mapping[Any, float]] = {
        f'move_{name}': {
            (move.server_id, at): value * units
            for move, at in moves
            if (value := getattr(move, field)) is not None
        }
        for name, (field, units) in MEASURED.items()
    }
    info = {
        (*(getattr(move, f) or '' for f in LABELS.values()), at): 1.0
        for move, at in moves
    }
    return {'move_info': info, **shown}
