"""The state of every move in flight, rebuilt from Nova.

Every move of ours is remembered or, right after a start, found by its tag,
which is signed. A genuine tag that appears later was put back by a tenant, or
comes from a leader before that was in a call when it lost its lease. What Nova
was not asked for yet is not gone on with: its server is reattached.
"""

import dataclasses
from collections.abc import Collection, Container, Mapping

from steal_scheduler.decision import emptied
from steal_scheduler.decision.eligibility import HISTORY
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Migration, Server
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.move import Move, Outcome, Stage
from steal_scheduler.model.progress import Progress, progress
from steal_scheduler.moves import tags
from steal_scheduler.moves.tags import Tag


def moves_in_flight(
    snapshot: Snapshot, told: Mapping[str, Tag]
) -> dict[str, Move]:
    """Rebuild every move from its server's tag, by server id.

    Memory counts for more than the tag, since nobody else has had the lock:
    Nova takes no tag of a server in ERROR, a tenant removes or forges one,
    the server is deleted. Each time it may be out of its orchestrator, so
    the move goes on.

    A live migration of ours that has not ended counts for more than the tag,
    which a tenant may have removed or forged: until it ends, its server must
    not be in service. For example tag ``steal:verify:1000`` with a record of
    ours that is ``running``: its move is at MIGRATE.

    :param snapshot: with the moves as remembered; none after a start
    :param told: what their tags say, of servers by id
    """
    fleet = snapshot.fleet
    moves = dict(snapshot.moves)
    ours = _going_on(snapshot)
    for server_id, server in fleet.servers.items():
        tag = told.get(server_id)
        if server_id in ours:
            record = ours[server_id]
            stage = Stage.MIGRATE if record.running else Stage.REQUEST
            before = tag.steal_before if tag else None
            tag = Tag(stage, record.created_at, before, 0)
        if tag is not None and server_id not in moves:
            moves[server_id] = _stranger(server, tag, snapshot)
    for server_id, move in moves.items():
        server = fleet.servers.get(server_id) or move.server.deleted()
        migration = move.migration(fleet)
        target = move.target
        if migration is not None and move.stage is not Stage.UNDO:
            target = migration.target
        moves[server_id] = dataclasses.replace(
            move,
            server=server,
            target=target,
            progress=_progress(move, snapshot),
        )
    return moves


def _progress(move: Move, snapshot: Snapshot) -> Progress | None:
    seen = snapshot.fleet.copies.get(move.server_id)
    if seen is None or move.stage is not Stage.MIGRATE:
        return move.progress
    return progress(move.progress, seen, snapshot.now)


def _going_on(snapshot: Snapshot) -> dict[str, Migration]:
    """The live migrations of ours that go on; by server id."""
    return {
        m.server_id: m
        for m in snapshot.fleet.ours
        if snapshot.fleet.goes_on(m, snapshot.now)
    }


def _stranger(server: Server, tag: Tag, snapshot: Snapshot) -> Move:
    """A move that another process began: ours before a crash, perhaps.

    For example ``steal:verify:1000`` on host b, to which a migration from
    host a completed at 990: it came from a, and is to be measured on b.
    """
    stage = tag.stage
    signal = snapshot.signals.servers.get(server.server_id)
    move = Move(
        server,
        source=server.host or '',
        stage=stage,
        since=tag.since,
        steal_before=tag.steal_before,
        # What it asks for is unknown while it is drained: assume the worst.
        demand=Demand.exactly(
            max(signal.asked if signal else 0.0, float(server.shared_vcpus))
        ),
        # Nova may have been asked, and its record may come yet.
        copy_mb=snapshot.copy_mb(server),
        reason='begun by another migrator process',
    )
    migration = move.migration(snapshot.fleet)
    orders = emptied.hosts(snapshot)
    if stage in (Stage.REATTACH, Stage.VERIFY):
        # It ended before the stage began, however long before.
        records = snapshot.fleet.migrations.get(server.server_id, ())
        migration = next(iter(records), None)
    if migration is None:
        return dataclasses.replace(move, emptied=move.source in orders)
    arrived = server.host == migration.target
    return dataclasses.replace(
        move,
        source=migration.source if arrived else move.source,
        target=migration.target,
        emptied=migration.source in orders,
    )


def orphans(detached: Collection[str], snapshot: Snapshot) -> list[Server]:
    """Servers that are drained, and whose move does not lead back any more.

    No tag tells of them, or one that says that they are back. One that was
    deleted and reattached may be listed by its orchestrator for days, so how
    its move ended counts as well.

    :param detached: ids of servers, as orchestrators say
    """
    servers, ended = snapshot.fleet.servers, snapshot.ended
    return [
        servers.get(s) or deleted(s)
        for s in sorted(detached)
        if s not in snapshot.moves or snapshot.moves[s].stage is Stage.VERIFY
        if s in servers
        or s not in ended
        or ended[s].outcome is not Outcome.GONE
    ]


def deleted(server_id: str) -> Server:
    """All that is known of one that Nova does not tell of."""
    return Server(server_id, '', None, None, 'DELETED', 0, 0, 0)


def way_back(
    server: Server, snapshot: Snapshot, before: Move | None = None
) -> Move:
    """A move that only reattaches the server.

    One without a tag may have lost it while Nova was being asked: so it waits
    as long as any other for a record that may come yet. For example asked at
    960, its tag removed at 965, its migrator dead at 970: the next one finds
    it drained at 980, and the record of 985 keeps it out until that ends.

    :param before: the move that should have; what came of it is measured then
    """
    if before is not None:
        return dataclasses.replace(
            before, stage=Stage.REATTACH, since=snapshot.now, back=False
        )
    return Move(
        server,
        source=server.host or '',
        stage=Stage.UNDO if server.gone else Stage.REQUEST,
        since=snapshot.now,
        copy_mb=snapshot.copy_mb(server),
        # None that others wait for.
        target='',
        reason='found drained, without a tag',
        orphan=True,
    )


def take_over(
    snapshot: Snapshot,
    told: Mapping[str, Tag],
    seen_before: Container[str] | None,
    leadership: int,
) -> dict[str, Move]:
    """Every move in flight, by server id.

    For example a process that begins to lead finds the genuine tags ``drain``
    at one server and ``request`` at another. The first is reattached; of the
    second Nova's record tells whether it is being migrated. An hour later a
    tenant writes the second one's old tag once more: nothing comes of it.

    :param snapshot: with the moves of the tick before; none after a start
    :param told: what genuine tags say, of servers by id
    :param seen_before: ids of the servers that Nova has told of before, with
        their records; None where this process has just begun to lead
    :param leadership: the number of ours
    """
    remembered, now = snapshot.moves, snapshot.now
    believed = {
        server_id: tag
        for server_id, tag in told.items()
        if snapshot.fleet.is_current(server_id)
        and tag.leadership < leadership
        and (
            seen_before is None
            or server_id not in seen_before
            # Of a leader before, whose call outlasted its lease.
            or (tag.stage is Stage.UNDO and tag.since >= leadership)
        )
    }
    ours = _going_on(snapshot)
    moves = {}
    for server_id, move in moves_in_flight(snapshot, believed).items():
        # A clock that is set back puts no deadline off.
        move = dataclasses.replace(move, since=min(move.since, now))
        if server_id in remembered:
            moves[server_id] = move
        elif server_id in ours:
            # One that was seen, and that no leader before tells of, somebody
            # began as our user.
            if (
                seen_before is None
                or server_id not in seen_before
                or server_id in believed
            ):
                moves[server_id] = move
        else:
            moves[server_id] = _foreign(move, snapshot, seen_before is None)
    return moves


def _foreign(move: Move, snapshot: Snapshot, first: bool) -> Move:
    """What becomes of a move that another process began."""
    now = snapshot.now
    why = ''
    if not first:
        # Its cell did not answer when this process began, or see above.
        why = 'seen only now'
    elif move.stage is Stage.VERIFY:
        # Its tenant may have put that tag back: make sure.
        return way_back(move.server, snapshot, move)
    elif move.stage is Stage.DRAIN:
        why = 'Nova was not asked yet'
    elif now - move.since > HISTORY and move.stage is not Stage.REATTACH:
        why = 'more than a day ago'
    if not why or move.stage is Stage.UNDO:
        return move
    failure = f'begun by another migrator process: {why}'
    return dataclasses.replace(
        move, stage=Stage.UNDO, since=now, failure=failure
    )


def strays(snapshot: Snapshot) -> list[Server]:
    """Servers with tags of no move, be they forged, put back or left over.

    Not those that Nova may migrate for all that is known.
    """
    return [
        server
        for server_id, server in snapshot.fleet.servers.items()
        if server.tags
        and snapshot.fleet.is_current(server_id)
        and server_id not in snapshot.moves
        and tags.ours(server.tags, snapshot.newer_tags.get(server_id, ()))
    ]
