"""Told: who of nova-scheduler knows the ranking of a server to be moved.

A view that was sent has arrived a moment later, as a rule, and who has not
taken it yet would place the server as anybody's. So Nova is asked when all
have acknowledged it.
"""

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.move import Move

#: Seconds for which they are waited for. Who listens acknowledges a view
#: within one; a worker that has ended does not, nor one to which the message
#: bus brings no views.
PATIENCE = 30.0


def waited_for(move: Move, snapshot: Snapshot) -> list[str]:
    """Hosts whose nova-scheduler has to take the ranking before Nova is asked.

    For example it was first told at 960. That of host c1 has acknowledged a
    view of 963, of whose workers none is behind, and c2 one of 957: c2, until
    990. Nobody waits for one that nobody has heard of lately, or that reads
    no rankings since it is of an older release.
    """
    own = snapshot.view.rankings.of.get(move.server_id)
    if own is None or snapshot.now - own.since > PATIENCE:
        return []
    return _behind(own.since, snapshot)


def given_up(snapshot: Snapshot) -> list[str]:
    """Hosts whose nova-scheduler is not waited for any more."""
    since = min(
        (own.since for own in snapshot.view.rankings.of.values()),
        default=snapshot.now,
    )
    if snapshot.now - since <= PATIENCE:
        return []
    return _behind(since, snapshot)


def _behind(since: float, snapshot: Snapshot) -> list[str]:
    return sorted(
        scheduler.host
        for scheduler in snapshot.schedulers.values()
        if scheduler.recent
        and scheduler.ranked_at is not None
        and scheduler.ranked_at < since
    )
