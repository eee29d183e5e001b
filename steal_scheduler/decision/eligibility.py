"""Which suffering servers may be moved at all."""

from collections.abc import Mapping, Sequence

from steal_scheduler.decision.limits import LimitRules
from steal_scheduler.model import assignment
from steal_scheduler.model.cloud import Finding, Fleet, Migration, Server
from steal_scheduler.model.move import Ended, Move, Outcome
from steal_scheduler.model.refusal import Refusal, Why


def veto(
    findings: Sequence[Finding],
    fleet: Fleet,
    moves: Mapping[str, Move],
    ended: Mapping[str, Ended],
    rules: LimitRules,
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
        refusal = veto_one(server, fleet, moves, ended, rules, now)
        if refusal is None:
            allowed.append(finding)
        else:
            refusals.append(refusal)
    return allowed, refusals


def veto_one(
    server: Server,
    fleet: Fleet,
    moves: Mapping[str, Move],
    ended: Mapping[str, Ended],
    rules: LimitRules,
    now: float,
) -> Refusal | None:
    """Why this server may not move; see ``veto``."""
    server_id = server.server_id
    migrations = fleet.migrations.get(server_id, ())
    if server_id in moves:
        stage = moves[server_id].stage
        return Refusal(Why.MOVING, f'its move is at: {stage}', server_id)
    if any(not m.ended for m in migrations):
        return Refusal(Why.MOVING, 'somebody else is migrating it', server_id)
    if server.status != 'ACTIVE':
        return Refusal(Why.NOT_ACTIVE, f'it is {server.status}', server_id)
    if server.task_state:
        return Refusal(
            Why.NOT_ACTIVE,
            f'Nova is busy with it: {server.task_state}',
            server_id,
        )
    if server.locked:
        return Refusal(
            Why.LOCKED,
            'it is locked; "openstack server unlock" lets it move',
            server_id,
        )
    if server.opted_out:
        return Refusal(
            Why.OPTED_OUT,
            f'steal:migrate in its {server.opted_out} says never',
            server_id,
        )
    try:
        assignment.assignments(server, rules.out.routes)
    except assignment.InvalidOrchestrator as error:
        return Refusal(Why.MISROUTED, str(error), server_id)
    until = _cooldown_until(migrations, ended.get(server_id), rules, now)
    if until > now:
        return Refusal(
            Why.COOLDOWN,
            f'it moved lately: {until - now:.0f} s of its cooldown are left',
            server_id,
        )
    return None


def _cooldown_until(
    migrations: Sequence[Migration],
    ended: Ended | None,
    rules: LimitRules,
    now: float,
) -> float:
    """Each further move in the history doubles it; so does a useless one."""
    ends = [m.updated_at for m in migrations if m.ended]
    ends = [at for at in ends if at > now - rules.history]
    doublings = max(len(ends) - 1, 0)
    if ended is not None:
        ends.append(ended.at)
        doublings += ended.outcome is Outcome.NOT_HELPED
    if not ends:
        return 0.0
    lasts = min(rules.cooldown * 2.0 ** min(doublings, 50), rules.history)
    return max(ends) + lasts
