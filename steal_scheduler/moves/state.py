"""The state of every move in flight, rebuilt from Nova.

Every move of ours is remembered or, right after a start, found by its tag. A
tag that appears later was not written by us: tenants can write tags too. And
even at a start it may be one of theirs. A server that may be out of its
orchestrator is reattached in any case; but what is not drained yet passes
eligibility and limits once more.
"""

import dataclasses
from collections.abc import Container

from steal_scheduler.decision import eligibility, limits
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.usable_signals import coverage
from steal_scheduler.model.cloud import Fleet, Server
from steal_scheduler.model.move import Move, Outcome, Stage
from steal_scheduler.model.refusal import first
from steal_scheduler.moves import tags


def moves_in_flight(snapshot: Snapshot) -> dict[str, Move]:
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
    """
    fleet = snapshot.fleet
    moves = dict(snapshot.moves)
    copied = _copied(fleet)
    for server_id, server in fleet.servers.items():
        tag = tags.parse(server.tags)
        if server_id in copied:
            steal_before = tag[2] if tag else None
            tag = Stage.MIGRATE, copied[server_id], steal_before
        if tag is not None and server_id not in moves:
            moves[server_id] = _stranger(server, tag, snapshot)
    for server_id, move in moves.items():
        server = fleet.servers.get(server_id) or move.server.deleted()
        migration = move.migration(fleet)
        target = move.target
        if migration is not None and move.stage is not Stage.UNDO:
            target = migration.target
        moves[server_id] = dataclasses.replace(
            move, server=server, target=target
        )
    return moves


def _copied(fleet: Fleet) -> dict[str, float]:
    """When each live migration of ours began that goes on; by server id."""
    return {m.server_id: m.created_at for m in fleet.ours if not m.ended}


def _stranger(server: Server, tag: tags.Parsed, snapshot: Snapshot) -> Move:
    """A move that another process began: ours before a crash, perhaps.

    For example ``steal:verify:1000`` on host b, to which a migration from
    host a completed at 990: it came from a, and is to be measured on b.
    """
    stage, since, steal_before = tag
    signal = snapshot.signals.servers.get(server.server_id)
    move = Move(
        server,
        source=server.host or '',
        stage=stage,
        since=since,
        steal_before=steal_before,
        # What it asks for is unknown while it is drained: assume the worst.
        demand=max(signal.demand if signal else 0.0, float(server.vcpus)),
        # Nova may have been asked, and its record may come yet.
        copy_mb=snapshot.copy_mb(server),
        reason='begun by another migrator process',
    )
    migration = move.migration(snapshot.fleet)
    if stage in (Stage.REATTACH, Stage.VERIFY):
        # It ended before the stage began, however long before.
        records = snapshot.fleet.migrations.get(server.server_id, ())
        migration = next(iter(records), None)
    if migration is None:
        return move
    arrived = server.host == migration.target
    return dataclasses.replace(
        move,
        source=migration.source if arrived else move.source,
        target=migration.target,
    )


def orphans(detached: frozenset[str], snapshot: Snapshot) -> list[Server]:
    """Servers that are drained, and whose move does not lead back any more.

    No tag tells of them, or one that says that they are back. One that was
    deleted and reattached may be listed by its orchestrator for days, so how
    its move ended counts as well.

    :param detached: ids of servers, as orchestrators say
    """
    servers, ended = snapshot.fleet.servers, snapshot.ended
    return [
        servers.get(s) or Server(s, '', None, None, 'DELETED', 0, 0, 0)
        for s in sorted(detached)
        if s not in snapshot.moves or snapshot.moves[s].stage is Stage.VERIFY
        if s in servers
        or s not in ended
        or ended[s].outcome is not Outcome.GONE
    ]


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
        # None that others wait for: whoever lists servers as drained, again
        # and again, must not hold up the moves of all.
        target='',
        reason='found drained, without a tag',
    )


def take_over(
    snapshot: Snapshot, told_before: Container[str] | None
) -> dict[str, Move]:
    """Every move in flight, by server id.

    For example a process that has just begun to lead finds the tag ``drain``
    at three servers. Two slots are free, so two drains go on; the third
    server is reattached.

    :param snapshot: with the moves of the tick before; none after a start
    :param told_before: ids of the servers that Nova told of at the tick
        before; None where this process has just begun to lead
    """
    remembered, now = snapshot.moves, snapshot.now
    found = {
        # A clock that is set back, or a forged date, puts no deadline off.
        s: dataclasses.replace(m, since=min(m.since, now))
        for s, m in moves_in_flight(snapshot).items()
        if s in remembered or told_before is None or s not in told_before
    }
    undrained = {}
    copied = _copied(snapshot.fleet)
    for server_id in found.keys() - remembered.keys():
        move = found[server_id]
        if told_before is not None and server_id not in copied:
            # Its cell did not answer when this process began, or its tenant
            # had it created with a tag.
            found[server_id] = _undone(move, now, 'and seen only now')
        elif move.stage is Stage.VERIFY:
            # Anybody can write that it is back: make sure.
            found[server_id] = way_back(move.server, snapshot, move)
        elif move.stage is Stage.DRAIN:
            undrained[server_id] = found.pop(server_id)
    if not undrained:
        return found
    covered = coverage(snapshot, {*found, *undrained})
    held = list(limits.holds(snapshot, covered))
    # Each that goes on leaves less for the next one.
    snapshot = dataclasses.replace(snapshot, moves=found, ended={})
    for server_id, move in sorted(undrained.items()):
        refusal = first(iter(held), server_id) or eligibility.refusal(
            server_id, snapshot
        )
        if refusal is None:
            refusal = next(iter(limits.admit([move], snapshot)[1]), None)
        if refusal is not None:
            move = _undone(move, now, f'and refused: {refusal.detail}')
        found[server_id] = move
    return found


def _undone(move: Move, now: float, why: str) -> Move:
    failure = f'begun by another process, {why}'
    return dataclasses.replace(
        move, stage=Stage.UNDO, since=now, failure=failure
    )


def forged(snapshot: Snapshot) -> list[Server]:
    """Servers whose tag tells of a move that there is not."""
    return [
        server
        for server_id, server in snapshot.fleet.servers.items()
        if server.tags
        and server_id not in snapshot.moves
        and tags.parse(server.tags) is not None
    ]
