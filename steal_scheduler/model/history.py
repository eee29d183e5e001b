"""History: moves that are over, as far as anybody still knows of them."""

import dataclasses
from collections.abc import Mapping, Set

from steal_scheduler.model.cloud import Migration
from steal_scheduler.model.move import Ended

#: Labels by which a metric tells of a move, and the fields that they are;
#: when it ended is one more.
LABELS: Mapping[str, str] = {
    'server': 'server_id',
    'name': 'name',
    'project': 'project_id',
    'zone': 'zone',
    'source': 'source',
    'target': 'target',
    'reason': 'reason',
    'outcome': 'outcome',
    'asked_by': 'asked_by',
}
#: What is measured of a move: the end of a metric's name, the field, and
#: how many of the metric's units are one of the field's.
MEASURED: Mapping[str, tuple[str, float]] = {
    'steal_before_ratio': ('steal_before', 1.0),
    'steal_after_ratio': ('steal_after', 1.0),
    'out_of_service_seconds': ('seconds_out', 1.0),
    'copied_bytes': ('copied_mb', 1024.0**2),
    'relief_core_seconds': ('relief_core_seconds', 1.0),
}


@dataclasses.dataclass(frozen=True, slots=True)
class PastMove:
    """One of them; None is what nobody tells."""

    server_id: str
    source: str | None
    #: None where it went nowhere, too.
    target: str | None
    #: Epoch seconds: when it was over, and when its drain began.
    ended_at: float
    requested_at: float | None = None
    name: str | None = None
    project_id: str | None = None
    zone: str | None = None
    reason: str | None = None
    #: What its owner may read of it.
    own_reason: str | None = None
    #: One of ``Outcome``.
    outcome: str | None = None
    #: Shares.
    steal_before: float | None = None
    steal_after: float | None = None
    seconds_out: float | None = None
    copied_mb: float | None = None
    #: What servers waited less for it; known once it was followed.
    relief_core_seconds: float | None = None
    asked_by: str | None = None
    #: Who tells of it: ``nova``, ``prometheus``, ``memory``.
    told_by: Set[str] = frozenset()


def from_ended(ended: Ended) -> PastMove:
    """One that this process has seen end."""
    move, relief = ended.move, ended.relief
    known = ended.followed and relief is not None and relief.seconds > 0
    return PastMove(
        move.server_id,
        move.source,
        move.target,
        ended.at,
        requested_at=move.drained_at,
        name=move.server.name or None,
        project_id=move.server.project_id or None,
        zone=move.server.zone,
        reason=move.reason or None,
        own_reason=move.own_reason or None,
        outcome=str(ended.outcome),
        steal_before=move.steal_before,
        steal_after=ended.steal_after,
        seconds_out=ended.seconds_out,
        copied_mb=ended.copied_mb,
        relief_core_seconds=ended.core_seconds if known else None,
        asked_by=move.asked_by or None,
        told_by=frozenset({'memory'}),
    )


def from_record(record: Migration) -> PastMove | None:
    """One that Nova tells of; None while it goes on.

    A record says whether the server arrived, and not whether that helped.
    """
    if not record.ended:
        return None
    return PastMove(
        record.server_id,
        record.source or None,
        record.target,
        record.updated_at,
        requested_at=record.created_at,
        outcome='failed' if record.failed else None,
        told_by=frozenset({'nova'}),
    )
