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
    for server_id in sorted(found.keys() - remembered.keys()):
        move = found[server_id]
        # No deadline may be put off by a date in the future.
        move = dataclasses.replace(move, since=min(move.since, now))
        why = _refused(move, found, fleet, rules, now)
        if why:
            move = dataclasses.replace(
                move,
                stage=Stage.UNDO,
                since=now,
                failure=f'begun by another process, and refused: {why}',
            )
        found[server_id] = move
    return found


def _refused(
    move: Move,
    found: Mapping[str, Move],
    fleet: Fleet,
    rules: limits.LimitRules,
    now: float,
) -> str:
    if move.stage is not Stage.DRAIN:
        return ''
    others = {s: m for s, m in found.items() if s != move.server_id}
    server = fleet.servers[move.server_id]
    refusal = veto.veto_one(server, fleet, others, {}, rules, now)
    if refusal is not None:
        return refusal.detail
    _, refusals = limits.admit([move], fleet, others, rules, now)
    return refusals[0].detail if refusals else ''
