"""The history of moves, of what Nova, Prometheus and a process still know.

Nova's records say who moved when, from where to where; what a migrator has
told Prometheus, or remembers, says why, and what it has brought. Nobody has to
know all of it: what is missing is None, and notes say why.
"""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from steal_scheduler.model.cloud import Fleet, Server
from steal_scheduler.model.history import PastMove, from_ended, from_record
from steal_scheduler.model.listing import Listing
from steal_scheduler.model.move import CLOCK_SKEW, Ended, Outcome
from steal_scheduler.model.until import iso
from steal_scheduler.reporting.documents import rounded

#: Seconds after its record ended in which a move is over: it is reattached
#: and measured meanwhile.
_LATER = 6 * 3600.0
#: After the point, of what is told: nobody has measured more of them.
_DIGITS = {
    'steal_before': 4,
    'steal_after': 4,
    'seconds_out': 1,
    'copied_mb': 1,
    'relief_core_seconds': 1,
    'harm_core_seconds': 1,
    'relief_per_gib': 1,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Of which moves it is asked; None for all."""

    #: Epoch seconds: those that ended then or later.
    since: float
    zone: str | None = None
    project: str | None = None
    #: Its id, or its name.
    server: str | None = None

    def has(self, move: PastMove) -> bool:
        return (
            move.ended_at >= self.since
            and self.zone in (None, move.zone)
            and self.project in (None, move.project_id)
            and self.server in (None, move.server_id, move.name)
        )


def joined(
    told: Iterable[PastMove], records: Iterable[PastMove]
) -> list[PastMove]:
    """Each move once, the one that ended last first.

    For example a migrator tells that s went from a to b, helped, and was over
    at 13:05; Nova has a record of s from a to b that ended at 13:04: both are
    of one move. A record of which nobody tells more is a move as well.

    :param told: by migrators; of two that tell of the same, the first counts
    :param records: by Nova
    """
    left = collections.defaultdict[str, list[PastMove]](list)
    for record in sorted(records, key=lambda each: -each.ended_at):
        left[record.server_id].append(record)
    found: dict[tuple[str, int], PastMove] = {}
    for move in sorted(told, key=lambda each: -each.ended_at):
        key = move.server_id, int(move.ended_at)
        found[key] = _both(found[key], move) if key in found else move
    moves = []
    for move in found.values():
        mine = next((r for r in left[move.server_id] if _of(r, move)), None)
        if mine is not None:
            left[move.server_id].remove(mine)
            move = _both(move, mine)
        moves.append(move)
    moves += [record for records in left.values() for record in records]
    return sorted(moves, key=lambda move: -move.ended_at)


def _of(record: PastMove, move: PastMove) -> bool:
    """Whether a record may be of that move."""
    hosts = move.source, move.target
    # Of one that failed, a target may have been chosen after we looked.
    same = (record.source, record.target) == hosts or (
        record.source == move.source and None in (record.target, move.target)
    )
    begun = move.requested_at
    oldest = move.ended_at - _LATER if begun is None else begun
    return (
        same
        and move.outcome != Outcome.NOT_STARTED
        and oldest - CLOCK_SKEW <= record.ended_at
        and record.ended_at <= move.ended_at + CLOCK_SKEW
    )


def _both(move: PastMove, other: PastMove) -> PastMove:
    """The first one, and of the other what it does not know."""
    more = {
        field.name: getattr(other, field.name)
        for field in dataclasses.fields(move)
        if getattr(move, field.name) is None
    }
    told_by = move.told_by | other.told_by
    return dataclasses.replace(move, **more, told_by=told_by)


def named(
    moves: Iterable[PastMove], servers: Mapping[str, Server]
) -> list[PastMove]:
    """The same, with name, project and zone of servers that are known.

    A move keeps what it was told with: both may have changed.
    """
    found = []
    for move in moves:
        if server := servers.get(move.server_id):
            move = _both(
                move,
                dataclasses.replace(
                    move,
                    name=server.name or None,
                    project_id=server.project_id or None,
                    zone=server.zone,
                ),
            )
        found.append(move)
    return found


def remembered(
    past: Iterable[Ended], fleet: Fleet, wanted: Wanted
) -> list[PastMove]:
    """What a migrator that leads knows without asking anybody.

    :param past: moves that it has seen end
    """
    records = filter(None, map(from_record, fleet.ours))
    moves = joined(map(from_ended, past), records)
    return [m for m in named(moves, fleet.servers) if wanted.has(m)]


def answer(
    past: Sequence[Ended],
    fleet: Fleet,
    wanted: Wanted,
    project: str | None = None,
) -> dict[str, Any]:
    """For a program that asks the leader: the moves, and what is not known.

    :param project: whose members alone read it; None for operators
    """
    moves = remembered(past, fleet, wanted)
    notes = []
    if any('memory' not in move.told_by for move in moves):
        notes.append(
            'Of moves that another migrator has made, or this one before it '
            'was started, only what Nova tells is known here: "steal-manage '
            'history" on a controller asks Prometheus as well.'
        )
    if Listing.MIGRATIONS in fleet.unread:
        notes.append('Nova does not tell its migrations now.')
    return {'moves': rows(moves, project), 'notes': notes}


def relief_answer(
    past: Sequence[Ended], fleet: Fleet, since: float
) -> dict[str, Any]:
    """What moves have brought by zone, as far as the leader has seen it."""
    moves = remembered(past, fleet, Wanted(since))
    return {'zones': relief(moves), 'since': iso(since)}


def rows(
    moves: Iterable[PastMove], project: str | None = None
) -> list[dict[str, Any]]:
    """For a program; see ``row``.

    :param project: whose members alone read them; None for operators
    """
    return [
        row(move, project)
        for move in moves
        if project in (None, move.project_id)
    ]


def row(move: PastMove, project: str | None = None) -> dict[str, Any]:
    """A move that is over; it has all keys.

    Members of a project read no host in it, and nobody's name.
    """
    found = {
        field.name: _rounded(field.name, getattr(move, field.name))
        for field in dataclasses.fields(move)
    }
    own = found.pop('own_reason')
    if project is not None:
        found |= {'source': None, 'target': None, 'asked_by': None}
        found['reason'] = own
    at = move.requested_at
    found['requested_at'] = None if at is None else iso(at)
    found['ended_at'] = iso(move.ended_at)
    found['source_of_truth'] = '+'.join(sorted(found.pop('told_by')))
    return found


def _rounded(name: str, value: Any) -> Any:
    return rounded(value, _DIGITS[name]) if name in _DIGITS else value


def relief(moves: Sequence[PastMove]) -> list[dict[str, Any]]:
    """What moves have brought and cost, by zone.

    ``relief_per_gib`` is what is left of the core-seconds for each GiB that
    was copied, by all moves of the zone; None where nothing was, or nobody
    knows.
    """
    zones = collections.defaultdict[str, list[PastMove]](list)
    for move in moves:
        zones[move.zone or ''].append(move)
    return [
        {'zone': zone or None, **_sums(those)}
        for zone, those in sorted(zones.items())
    ]


def _sums(moves: Sequence[PastMove]) -> dict[str, Any]:
    count = collections.Counter(move.outcome for move in moves)
    known = [move.relief_core_seconds for move in moves]
    gains = [gain for gain in known if gain is not None]
    copied = sum(move.copied_mb or 0.0 for move in moves)
    sums = {
        'moves': len(moves),
        'helped': count[Outcome.HELPED],
        'not_helped': count[Outcome.NOT_HELPED],
        'unmeasured': count[Outcome.UNMEASURED],
        'relief_core_seconds': _sum(max(gain, 0.0) for gain in gains),
        'harm_core_seconds': _sum(max(-gain, 0.0) for gain in gains),
        'copied_mb': copied,
        'relief_per_gib': sum(gains) / copied * 1024
        if gains and copied
        else None,
    }
    return {name: _rounded(name, value) for name, value in sums.items()}


def _sum(numbers: Iterable[float]) -> float | None:
    """None of nothing: that nobody has measured it is no 0."""
    found = [*numbers]
    return sum(found) if found else None
