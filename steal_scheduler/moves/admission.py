"""Admission: whose turn it is to ask Nova for a migration, if still at all.

One after the other: requests that Nova gets in parallel all choose the same
host. The next one is sent when Nova has chosen the target of the one before,
and every nova-scheduler has taken a view in which that target is credited.

Until then the server has not moved. What would not let it begin any more
while its drain took its time has it reattached.
"""

from steal_scheduler.decision import (
    emptied,
    limits,
    network,
    pauses,
    policies,
    room,
    told,
)
from steal_scheduler.decision.breaker import breaker
from steal_scheduler.decision.eligibility import UNKNOWN, stays
from steal_scheduler.decision.others import others
from steal_scheduler.decision.refused_pairs import refused_pairs
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.stalled import stalled
from steal_scheduler.edge.text import several
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import SCARCE, Nos, Reason, Refusal, first

#: Seconds after which what was found is checked again: the default of
#: ``drain_timeout``.
OLD = 600.0

#: The server is reattached at once; with any other reason it waits.
FINAL = frozenset(
    (
        Reason.DRY_RUN,
        Reason.PAUSED,
        Reason.PRIORITY,
        Reason.WINDOW,
        Reason.BLACKOUT,
        Reason.BREAKER,
        Reason.BREAKER_PROJECT,
        Reason.BREAKER_SOURCE,
        Reason.FOREIGN_MIGRATIONS,
        Reason.NOT_NEEDED,
        *SCARCE,
    )
)

#: Nova would choose blindly.
NOT_SENT = (
    Reason.VIEW_NOT_SENT,
    'nova-scheduler has not been told the present view',
)


def order(move: Move) -> tuple[bool, bool]:
    """In which order moves are taken further: the reattaches come first.

    An orchestrator may take its time at each call, and then must not hold up
    the reattach of another server.
    """
    return move.stage is Stage.DRAIN, bool(move.trouble)


def wait_for(move: Move, snapshot: Snapshot) -> Refusal | None:
    """Why Nova must not be asked now to migrate; None when it may."""
    return first(_nos(move, snapshot), move.server_id)


def hidden(move: Move, snapshot: Snapshot) -> Refusal | None:
    """Why a move that Nova was asked for is not gone on with."""
    if move.server.gone or snapshot.fleet.is_current(move.server_id):
        return None
    return Refusal(
        Reason.SERVER_UNKNOWN,
        'it stays out of service, for Nova may migrate it, and does not tell '
        'of it now: is its cell down? See "nova-manage cell_v2 list_cells"',
        move.server_id,
    )


def _nos(move: Move, snapshot: Snapshot) -> Nos:
    zone = move.server.zone
    if dry := policies.dry_by(move.source, snapshot):
        yield Reason.DRY_RUN, f'dry run: {dry}'
    yield from pauses.of_server(move.server, snapshot)
    yield from policies.of_server(move.server, snapshot)
    yield from emptied.of_move(move, snapshot)
    yield from network.of_server(move.server, snapshot)
    # Of coverage and signals the view tells, host by host.
    yield from limits.holds(snapshot, zones=())
    if move.server_id in snapshot.fleet.unread_servers:
        yield UNKNOWN
    yield from others(snapshot).nos(move.server)
    yield from breaker(snapshot).nos(move.server, snapshot.now)
    if _cooled(move, snapshot):
        yield (
            Reason.NOT_NEEDED,
            f'it may stay on {move.source}, which can have it back and stay '
            f'cold: what was found is {snapshot.now - move.since:.0f} s old',
        )
    yield from _for_nobody(move, snapshot)
    if not snapshot.sent:
        yield NOT_SENT
    if any(
        other.target is None
        and other.stage in (Stage.REQUEST, Stage.MIGRATE)
        # What Nova has lost is waited for by its own server alone.
        and not stalled(other, snapshot)
        for other in snapshot.moves.values()
    ):
        yield (
            Reason.TARGET_PENDING,
            'Nova is choosing the target of another server: its turn comes',
        )
    names = sorted(
        name
        for name, host in snapshot.fleet.hosts.items()
        if host.open and host.zone == zone and name != move.source
    )
    cores = move.demand.expected
    takers = {n for n in names if snapshot.view.takes(n, cores)}
    if move.only_to is not None:
        takers = {move.only_to}
    takers -= refused_pairs(snapshot).of(move)
    if takers:
        yield from room.nos(move, takers, snapshot)
    else:
        yield from network.of_targets(names, move, snapshot)
        yield (
            Reason.SATURATED,
            f'no host of zone {zone} can take its {cores:.1f} cores any '
            'more and stay cold',
        )
    if behind := told.waited_for(move, snapshot):
        yield (
            Reason.VIEW_NOT_TAKEN,
            f'nova-scheduler of {several(behind)} has not acknowledged yet '
            'where it may go: it is waited for, '
            f'{told.PATIENCE:.0f} s at most',
        )


def _for_nobody(move: Move, snapshot: Snapshot) -> Nos:
    """Why it makes room in vain.

    Who was to have it has left already or may not leave any more, or nobody is
    placed where it goes.
    """
    second = move.makes_room_for
    if second is None:
        return
    server = snapshot.fleet.servers.get(second.server_id)
    if server is None or server.host != second.source:
        yield (
            Reason.NOT_NEEDED,
            f'it may stay on {move.source}: server {second.server_id}, for '
            f'which it makes room, is not on {second.source} any more',
        )
    elif no := first(stays(server, snapshot), server.server_id):
        yield (
            Reason.NOT_NEEDED,
            f'it may stay on {move.source}: server {second.server_id}, for '
            f'which it makes room, stays where it is ({no.reason}): '
            f'{no.detail}',
        )
    to = move.only_to
    if to is not None and not room.takes_swaps(to, snapshot):
        yield (
            Reason.NOT_NEEDED,
            f'it may stay on {move.source}: nobody is placed on {to} any '
            'more, where it would go',
        )


def _cooled(move: Move, snapshot: Snapshot) -> bool:
    """Whether its host is by now one that it could be moved *to*.

    For example its drain took 20 minutes, and its host of 16 cores is asked
    for 9 now: with the 4 of this server it would be at 81 % of the 90 % that
    ``target_demand`` allows, so it is reattached there instead.

    NOTE: the server's own signal says nothing, for it is drained.
    """
    if snapshot.now - move.since <= OLD:
        return False
    view = snapshot.view
    before = move.steal_before
    if before is not None and before * 100 < view.steal_threshold:
        # It was found by its bad seconds, of which no mean tells.
        return False
    return view.takes(move.source, move.demand.expected)
