"""What is known of a move in flight, put together from Nova's truth."""

import dataclasses
from collections.abc import Mapping

from steal_scheduler.model.cloud import (
    Fleet,
    Migration,
    Server,
    ServerSignal,
    Signals,
)
from steal_scheduler.model.move import Move, Stage, migration_of
from steal_scheduler.moves import tags


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
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
    #: Why Nova must not be asked to migrate now; '' when it may.
    wait_for: str
    #: And why it must not any more: the server is put back.
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


def strays(
    detached: frozenset[str], moves: Mapping[str, Move], fleet: Fleet
) -> list[Server]:
    """Servers that are out, and whose move does not lead back any more.

    No tag tells of them, or one that says that they are back.
    """
    leading = {s for s, m in moves.items() if m.stage is not Stage.VERIFY}
    return [
        fleet.servers.get(server_id) or _deleted(server_id)
        for server_id in sorted(detached - leading)
    ]


def _deleted(server_id: str) -> Server:
    return Server(server_id, '', None, None, 'DELETED', 0, 0, 0)


def undo(server: Server, now: float, before: Move | None = None) -> Move:
    """A move that only puts the server back.

    :param before: the one that should have; what came of it is measured then
    """
    if before is not None:
        return dataclasses.replace(
            before, stage=Stage.REATTACH, since=now, back=False
        )
    return Move(
        server_id=server.server_id,
        source=server.host or '',
        stage=Stage.UNDO,
        since=now,
        role=server.role,
        zone=server.zone,
        failure='found out of service, without a tag',
    )


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
    if server.task_state:
        return f'Nova is busy with it: {server.task_state}'
    if server.locked:
        return 'it was locked'
    if server.opted_out:
        return f'steal:migrate in its {server.opted_out} says never'
    return ''
