"""The state of every move in flight, rebuilt from Nova.

Every move of ours is remembered or, right after a start, found by its tag. A
tag that appears later was not written by us: tenants can write tags too. And
even at a start it may be one of theirs. A server that may be out of its
orchestrator is reattached in any case; but what is not drained yet passes
eligibility and limits once more.
"""

import dataclasses
from collections.abc import Container, Mapping

from steal_scheduler.decision import eligibility, limits
from steal_scheduler.decision.planner import copy_mb
from steal_scheduler.decision.rules import Rules
from steal_scheduler.decision.usable_signals import coverage
from steal_scheduler.model.cloud import (
    Fleet,
    Migration,
    Server,
    ServerSignal,
    Signals,
)
from steal_scheduler.model.move import (
    Ended,
    Move,
    Outcome,
    Stage,
    migration_of,
)
from steal_scheduler.moves import tags


@dataclasses.dataclass(frozen=True, slots=True)
class MoveState:
    """What a step may know of its move's server now."""

    now: float
    #: As Nova tells it now; None when Nova does not know it any more.
    server: Server | None
    #: As last known.
    last_known: Server
    #: Its live migration, see ``migration_of``.
    migration: Migration | None
    #: Its fresh signal on its present host.
    signal: ServerSignal | None
    #: Seconds over which that is a mean.
    window: float
    #: Why Nova must not be asked to migrate now; '' when it may.
    wait_for: str
    #: And why it must not any more: the server is reattached.
    give_up: str = ''

    @property
    def whom(self) -> Server:
        """The server; one that Nova has deleted is on no host."""
        return self.server or dataclasses.replace(
            self.last_known, host=None, status='DELETED'
        )


def moves_in_flight(
    fleet: Fleet, remembered: Mapping[str, Move], usable: Signals
) -> dict[str, Move]:
    """Rebuild every move from its server's tag, by server id.

    Memory counts for more than the tag, since nobody else has had the lock:
    Nova takes no tag of a server in ERROR, a tenant removes or forges one,
    the server is deleted. Each time it may be out of its orchestrator, so
    the move goes on.
    """
    moves = dict(remembered)
    for server in fleet.servers.values():
        tag = tags.parse(server.tags)
        if tag is not None and server.server_id not in moves:
            moves[server.server_id] = _stranger(server, tag, fleet, usable)
    for server_id, move in moves.items():
        migration = migration_of(move, fleet)
        if migration is not None and move.stage is not Stage.UNDO:
            moves[server_id] = dataclasses.replace(
                move, target=migration.target
            )
    return moves


def _stranger(
    server: Server, tag: tags.Parsed, fleet: Fleet, usable: Signals
) -> Move:
    """A move that another process began: ours before a crash, perhaps."""
    stage, since, steal_before = tag
    signal = usable.servers.get(server.server_id)
    move = Move(
        server_id=server.server_id,
        server_name=server.name,
        source=server.host or '',
        stage=stage,
        since=since,
        steal_before=steal_before,
        role=server.role,
        zone=server.zone,
        # What it asks for is unknown while it is drained: assume the worst.
        demand=max(signal.demand if signal else 0.0, float(server.vcpus)),
        reason='begun by another migrator process',
    )
    migration = migration_of(move, fleet)
    if stage in (Stage.REATTACH, Stage.VERIFY):
        # It ended before the stage began, however long before.
        migration = next(
            iter(fleet.migrations.get(server.server_id, ())), None
        )
    if migration is None:
        return move
    arrived = server.host == migration.target
    return dataclasses.replace(
        move,
        source=migration.source if arrived else move.source,
        target=migration.target,
    )


def orphans(
    detached: frozenset[str],
    moves: Mapping[str, Move],
    fleet: Fleet,
    ended: Mapping[str, Ended],
) -> list[Server]:
    """Servers that are drained, and whose move does not lead back any more.

    No tag tells of them, or one that says that they are back.

    :param ended: how the last move of a server ended. One that was deleted
        and reattached may be listed by its orchestrator for days
    """
    leading = {s for s, m in moves.items() if m.stage is not Stage.VERIFY}
    leading |= {
        s
        for s in detached - fleet.servers.keys()
        if s in ended and ended[s].outcome is Outcome.GONE
    }
    return [
        fleet.servers.get(server_id) or _deleted(server_id)
        for server_id in sorted(detached - leading)
    ]


def _deleted(server_id: str) -> Server:
    return Server(server_id, '', None, None, 'DELETED', 0, 0, 0)


def undo(server: Server, now: float, before: Move | None = None) -> Move:
    """A move that only reattaches the server.

    :param before: the one that should have; what came of it is measured then
    """
    if before is not None:
        return dataclasses.replace(
            before, stage=Stage.REATTACH, since=now, back=False
        )
    return Move(
        server_id=server.server_id,
        server_name=server.name,
        source=server.host or '',
        stage=Stage.UNDO,
        since=now,
        role=server.role,
        zone=server.zone,
        failure='found drained, without a tag',
    )


def take_over(
    fleet: Fleet,
    remembered: Mapping[str, Move],
    usable: Signals,
    ours: tuple[Migration, ...],
    rules: Rules,
    now: float,
    *,
    first: bool,
    servers_before: Container[str] = (),
) -> dict[str, Move]:
    """Every move in flight, by server id.

    :param remembered: of the tick before; empty after a start
    :param ours: live migrations that we asked for, for the breaker
    :param first: this process has just begun to lead
    :param servers_before: ids of those that Nova told of at the tick before
    """
    found = {
        # A clock that is set back, or a forged date, puts no deadline off.
        s: dataclasses.replace(m, since=min(m.since, now))
        for s, m in moves_in_flight(fleet, remembered, usable).items()
        if first or s in remembered or s not in servers_before
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
    undrained = {s for s in strangers if found[s].stage is Stage.DRAIN}
    taken = {s: m for s, m in found.items() if s not in undrained}
    covered = coverage(usable, fleet, found)
    held = limits.holds(covered, ours, rules.limits, now)
    all_held = held[0].detail if held else ''
    rules = limits.while_trying(ours, rules)
    for server_id in sorted(undrained):
        server = fleet.servers[server_id]
        megabytes = copy_mb(server, shared_storage=rules.hosts.shared_storage)
        move = dataclasses.replace(found[server_id], copy_mb=megabytes)
        refused = all_held or _refused(move, server, taken, fleet, rules, now)
        if refused:
            move = dataclasses.replace(
                move,
                stage=Stage.UNDO,
                since=now,
                failure=f'begun by another process, and refused: {refused}',
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
    rules: Rules,
    now: float,
) -> str:
    refusal = eligibility.ineligible(server, fleet, taken, {}, rules, now)
    if refusal is None:
        _, refusals = limits.admit([move], fleet, taken, rules, now)
        refusal = next(iter(refusals), None)
    return refusal.detail if refusal else ''
