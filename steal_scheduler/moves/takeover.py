"""The moves in flight, among them those that another process began.

Every move of ours is remembered or, right after a start, found by its tag. A
tag that appears later was not written by us: tenants can write tags too. And
even at a start it may be one of theirs. A server that may be out of its
orchestrator is put back in any case; but what has not left yet passes the
gate once more.
"""

import dataclasses
from collections.abc import Container, Mapping

from steal_scheduler.decision import eligibility, limits, usable_signals
from steal_scheduler.decision.planner import copy_mb
from steal_scheduler.model.cloud import Fleet, Migration, Server, Signals
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.moves import state, tags


def moves(
    fleet: Fleet,
    remembered: Mapping[str, Move],
    usable: Signals,
    ours: tuple[Migration, ...],
    rules: limits.LimitRules,
    now: float,
    *,
    first: bool,
    known: Container[str] = (),
) -> dict[str, Move]:
    """Every move in flight, by server id.

    :param remembered: of the tick before; empty after a start
    :param ours: live migrations that we asked for, for the breaker
    :param first: this process has just begun to lead
    :param known: ids of the servers that Nova told of at the last look
    """
    found = {
        # A clock that is set back, or a forged date, puts no deadline off.
        s: dataclasses.replace(m, since=min(m.since, now))
        for s, m in state.moves_in_flight(fleet, remembered, usable).items()
        if first or s in remembered or s not in known
    }
    strangers = found.keys() - remembered.keys()
    for server_id in strangers:
        if not first:
            # Its cell did not answer when this process began, or its tenant
            # had it created with a tag.
            found[server_id] = dataclasses.replace(
                found[server_id],
                stage=Stage.UNDO,
                since=now,
                failure='begun by another process, and seen only now',
            )
        if found[server_id].stage is Stage.VERIFY:
            # Anybody can write that it is back: make sure.
            found[server_id] = dataclasses.replace(
                found[server_id], stage=Stage.REATTACH, since=now
            )
    doubtful = {s for s in strangers if found[s].stage is Stage.DRAIN}
    taken = {s: m for s, m in found.items() if s not in doubtful}
    covered = usable_signals.coverage(usable, fleet, found)
    held = limits.holds(covered, ours, rules, now)
    why = held[0].detail if held else ''
    rules = limits.while_trying(ours, rules)
    for server_id in sorted(doubtful):
        server = fleet.servers[server_id]
        megabytes = copy_mb(server, shared_storage=rules.shared_storage)
        move = dataclasses.replace(found[server_id], copy_mb=megabytes)
        why_not = why or _refused(move, server, taken, fleet, rules, now)
        if why_not:
            move = dataclasses.replace(
                move,
                stage=Stage.UNDO,
                since=now,
                failure=f'begun by another process, and refused: {why_not}',
            )
        taken[server_id] = move
    return taken


def forged(fleet: Fleet, taken: Mapping[str, Move]) -> list[Server]:
    """Servers whose tag tells of a move that there is not."""
    return [
        server
        for server in fleet.servers.values()
        if server.tags
        and server.server_id not in taken
        and tags.parse(server.tags) is not None
    ]


def _refused(
    move: Move,
    server: Server,
    taken: Mapping[str, Move],
    fleet: Fleet,
    rules: limits.LimitRules,
    now: float,
) -> str:
    refusal = eligibility.veto_one(server, fleet, taken, {}, rules, now)
    if refusal is None:
        _, refusals = limits.admit([move], fleet, taken, rules, now)
        refusal = next(iter(refusals), None)
    return refusal.detail if refusal else ''
