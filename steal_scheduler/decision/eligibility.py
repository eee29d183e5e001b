"""Eligibility: which contended servers may be moved at all."""

from collections.abc import Sequence

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model import assignment
from steal_scheduler.model.backoff import pause, seconds_left
from steal_scheduler.model.cloud import Migration, Server
from steal_scheduler.model.move import Ended, Move, Outcome
from steal_scheduler.model.refusal import Nos, Reason, Refusal, first

#: How far back Nova's migration records count, in seconds; also the longest
#: cooldown.
HISTORY = 86400.0
#: Seconds after which a move is tried again that did not begin, because an
#: orchestrator or Nova refused it: the server has not moved, so its cooldown
#: is not the right measure. Each further one in a row waits twice as long, for
#: each may drain the server for a while in vain; a day at most.
RETRY_AFTER = 300.0


def refusal(server_id: str, snapshot: Snapshot) -> Refusal | None:
    """Why this server may not move at all now; None where it may."""
    return first(_nos(server_id, snapshot), server_id)


def _nos(server_id: str, snapshot: Snapshot) -> Nos:
    server = snapshot.fleet.servers[server_id]
    migrations = snapshot.fleet.migrations.get(server_id, ())
    if server_id in snapshot.moves:
        stage = snapshot.moves[server_id].stage
        yield Reason.MOVING, f'its move is at: {stage}'
    if any(not m.ended for m in migrations):
        yield Reason.MOVING, 'somebody else is migrating it'
    yield from _unfit(server)
    try:
        assignment.assignments(server, snapshot.rules.assignment)
    except assignment.InvalidOrchestrator as error:
        yield Reason.INVALID_ORCHESTRATOR, str(error)
    last, now = snapshot.ended.get(server_id), snapshot.now
    if last is not None and last.outcome is Outcome.NOT_STARTED:
        times = last.not_started
        seconds = pause(RETRY_AFTER, max(times - 1, 0), HISTORY)
        left = seconds_left(last.at, seconds, now)
        if times and left:
            yield (
                Reason.BACKOFF,
                f'its last move did not begin: {last.detail}; it may be '
                f'tried again in {left:.0f} s',
            )
        last = None
    left = _cooldown_until(migrations, last, snapshot) - now
    if left > 0:
        yield (
            Reason.COOLDOWN,
            f'it moved lately: {left:.0f} s of its cooldown are left',
        )


def _unfit(server: Server) -> Nos:
    """Why Nova, its owner or its operator does not let it leave now."""
    if server.status != 'ACTIVE':
        yield Reason.NOT_ACTIVE, f'it is {server.status}'
    if server.task_state:
        yield Reason.NOT_ACTIVE, f'Nova is busy with it: {server.task_state}'
    if server.locked:
        unlock = '"openstack server unlock" lets it move'
        yield Reason.LOCKED, f'it is locked; {unlock}'
    if server.opted_out:
        where = f'steal:migrate in its {server.opted_out}'
        yield Reason.OPTED_OUT, f'{where} says never'


def unfit_to_leave(move: Move, migration: Migration | None = None) -> str:
    """Why a server that should be on its source must not be moved now.

    :param migration: its newest, see ``Move.migration``
    """
    server = move.server
    if server.gone:
        return 'it was deleted'
    for _, detail in _unfit(server):
        return detail
    if server.host != move.source:
        return f'somebody moved it to {server.host}'
    if migration is not None and migration.created_at >= move.since:
        # An operator or, where both hold a lock, another migrator of ours.
        return f'somebody else had it migrated meanwhile: {migration.status}'
    return ''


def _cooldown_until(
    migrations: Sequence[Migration], ended: Ended | None, snapshot: Snapshot
) -> float:
    """When it may move again; only live migrations count.

    Each further one in the history doubles the cooldown; so does a useless
    one. For example with a cooldown of 3600 s, a server that moved twice
    today, the second time without relief, stays for 4 * 3600 s.

    :param ended: its last move, as remembered; None where it did not begin
    """
    oldest = snapshot.now - HISTORY
    ends = [
        m.updated_at for m in migrations if m.ended and m.updated_at > oldest
    ]
    doublings = max(len(ends) - 1, 0)
    if ended is not None:
        ends.append(ended.at)
        doublings += ended.outcome is Outcome.NOT_HELPED
    if not ends:
        return 0.0
    return max(ends) + pause(
        snapshot.rules.limits.cooldown, doublings, HISTORY
    )
