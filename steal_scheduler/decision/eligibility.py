"""Eligibility: which contended servers may be moved at all."""

from collections.abc import Mapping, Sequence

from steal_scheduler.decision.rules import Rules
from steal_scheduler.model import assignment
from steal_scheduler.model.cloud import Finding, Fleet, Migration, Server
from steal_scheduler.model.move import Ended, Move, Outcome
from steal_scheduler.model.refusal import Reason, Refusal

#: How far back Nova's migration records count, in seconds; also the longest
#: cooldown.
HISTORY = 86400.0
#: Seconds after which a move is tried again that did not begin, because an
#: orchestrator or Nova refused it: the server has not moved, so its cooldown
#: is not the right measure. Each further one in a row waits twice as long, for
#: each may drain the server for a while in vain; a day at most.
RETRY_AFTER = 300.0


def eligible(
    findings: Sequence[Finding],
    fleet: Fleet,
    moves: Mapping[str, Move],
    ended: Mapping[str, Ended],
    rules: Rules,
    now: float,
) -> tuple[list[Finding], list[Refusal]]:
    """Part the servers that may move at all from those that may not.

    :param moves: in flight, by server id
    :param ended: the last end of a move of each server, as remembered
    """
    allowed: list[Finding] = []
    refusals: list[Refusal] = []
    for finding in findings:
        server = fleet.servers[finding.server_id]
        refusal = ineligible(server, fleet, moves, ended, rules, now)
        if refusal is None:
            allowed.append(finding)
        else:
            refusals.append(refusal)
    return allowed, refusals


def ineligible(
    server: Server,
    fleet: Fleet,
    moves: Mapping[str, Move],
    ended: Mapping[str, Ended],
    rules: Rules,
    now: float,
) -> Refusal | None:
    """Why this server may not move; see ``eligible``."""
    server_id = server.server_id
    migrations = fleet.migrations.get(server_id, ())
    if server_id in moves:
        stage = moves[server_id].stage
        return Refusal(Reason.MOVING, f'its move is at: {stage}', server_id)
    if any(not m.ended for m in migrations):
        return Refusal(
            Reason.MOVING, 'somebody else is migrating it', server_id
        )
    refusal = unfit(server)
    if refusal is not None:
        return refusal
    try:
        assignment.assignments(server, rules.assignment)
    except assignment.InvalidOrchestrator as error:
        return Refusal(Reason.INVALID_ORCHESTRATOR, str(error), server_id)
    last = ended.get(server_id)
    if last is not None and last.outcome is Outcome.NOT_STARTED:
        doublings = min(max(last.not_started - 1, 0), 50)
        pause = min(RETRY_AFTER * 2.0**doublings, HISTORY)
        left = last.at + pause - now
        # A clock that was set back must not make it wait longer.
        if 0 < left <= pause:
            return Refusal(
                Reason.BACKOFF,
                f'its last move did not begin: {last.detail}; it may be '
                f'tried again in {left:.0f} s',
                server_id,
            )
        last = None
    left = _cooldown_until(migrations, last, rules.limits.cooldown, now) - now
    if left > 0:
        return Refusal(
            Reason.COOLDOWN,
            f'it moved lately: {left:.0f} s of its cooldown are left',
            server_id,
        )
    return None


def unfit(server: Server) -> Refusal | None:
    """Why Nova, its owner or its operator does not let it leave now."""
    server_id = server.server_id
    if server.status != 'ACTIVE':
        return Refusal(Reason.NOT_ACTIVE, f'it is {server.status}', server_id)
    if server.task_state:
        return Refusal(
            Reason.NOT_ACTIVE,
            f'Nova is busy with it: {server.task_state}',
            server_id,
        )
    if server.locked:
        return Refusal(
            Reason.LOCKED,
            'it is locked; "openstack server unlock" lets it move',
            server_id,
        )
    if server.opted_out:
        return Refusal(
            Reason.OPTED_OUT,
            f'steal:migrate in its {server.opted_out} says never',
            server_id,
        )
    return None


def unfit_to_leave(
    move: Move, server: Server | None, migration: Migration | None = None
) -> str:
    """Why a server that should be on its source must not be moved now.

    :param migration: its newest, see ``migration_of``
    """
    if server is None:
        return 'it was deleted'
    if server.status != 'ACTIVE':
        return f'it is {server.status}'
    if server.host != move.source:
        return f'somebody moved it to {server.host}'
    if migration is not None and migration.created_at >= move.since:
        # An operator or, where both hold a lock, another migrator of ours.
        return f'somebody else had it migrated meanwhile: {migration.status}'
    refusal = unfit(server)
    return refusal.detail if refusal else ''


def _cooldown_until(
    migrations: Sequence[Migration],
    ended: Ended | None,
    cooldown: float,
    now: float,
) -> float:
    """When it may move again; only live migrations count.

    Each further one in the history doubles the cooldown; so does a useless
    one. For example with a cooldown of 3600 s, a server that moved twice
    today, the second time without relief, stays for 4 * 3600 s.

    :param ended: its last move, as remembered; None where it did not begin
    """
    ends = [m.updated_at for m in migrations if m.ended]
    ends = [at for at in ends if at > now - HISTORY]
    doublings = max(len(ends) - 1, 0)
    if ended is not None:
        ends.append(ended.at)
        doublings += ended.outcome is Outcome.NOT_HELPED
    if not ends:
        return 0.0
    return max(ends) + min(cooldown * 2.0 ** min(doublings, 50), HISTORY)
