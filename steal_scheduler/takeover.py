"""The moves in flight, among them those that another process began.

A tag is written by this process, by one that crashed, or by a tenant who has
found out what it looks like. A server that may be out of its orchestrator is
put back in any case; but what has not left yet passes the gate once more.
"""

import dataclasses
from collections.abc import Mapping

from steal_scheduler import facts, limits, veto
from steal_scheduler.model import Fleet, Move, Signals, Stage


def moves(
    fleet: Fleet,
    remembered: Mapping[str, Move],
    usable: Signals,
    rules: limits.LimitRules,
    now: float,
) -> dict[str, Move]:
    """Every move in flight, by server id.

    :param remembered: of the tick before; empty after a start
    """
    found = facts.moves_in_flight(fleet, remembered, usable)
    strangers = found.keys() - remembered.keys()
    doubtful = {s for s in strangers if found[s].stage is Stage.DRAIN}
    taken = {s: m for s, m in found.items() if s not in doubtful}
    for server_id in sorted(strangers):
        # No deadline may be put off by a date in the future.
        since = min(found[server_id].since, now)
        move = dataclasses.replace(found[server_id], since=since)
        if server_id in doubtful:
            move = _judge(move, taken, fleet, rules, now)
        taken[server_id] = move
    return taken


def _judge(
    move: Move,
    taken: Mapping[str, Move],
    fleet: Fleet,
    rules: limits.LimitRules,
    now: float,
) -> Move:
    """The move, or its undoing."""
    server = fleet.servers[move.server_id]
    refusal = veto.veto_one(server, fleet, taken, {}, rules, now)
    if refusal is None:
        _, refusals = limits.admit([move], fleet, taken, rules, now)
        refusal = next(iter(refusals), None)
    if refusal is None:
        return move
    return dataclasses.replace(
        move,
        stage=Stage.UNDO,
        since=now,
        failure=f'begun by another process, and refused: {refusal.detail}',
    )
