"""Whose turn it is to ask Nova for a migration.

One after the other: requests that Nova gets in parallel all choose the same
host. The next one is sent when Nova has chosen the target of the one before,
and has been told a view in which that target is credited.
"""

from steal_scheduler.move import Move, Stage
from steal_scheduler.refusal import Refusal, Why
from steal_scheduler.world import World


def untold(move: Move) -> Refusal:
    """Nova would choose blindly."""
    return Refusal(
        Why.VIEW_NOT_SENT,
        'nova-scheduler has not been told the present view',
        move.server_id,
    )


def wait_for(
    move: Move, world: World, *, sent: bool, dry_run: bool = False
) -> Refusal | None:
    """Why Nova must not be asked now to migrate; None when it may.

    :param sent: the world's view has reached the message bus
    """
    if dry_run:
        return Refusal(Why.DRY_RUN, 'dry_run is on', move.server_id)
    if not sent:
        return untold(move)
    if any(
        other.target is None and other.stage in (Stage.REQUEST, Stage.MIGRATE)
        for other in world.moves.values()
    ):
        return Refusal(
            Why.TARGET_PENDING,
            'Nova is choosing the target of another server: its turn comes',
            move.server_id,
        )
    if not any(
        host.up
        and host.zone == move.zone
        and name != move.source
        and world.view.takes(name, move.demand)
        for name, host in world.fleet.hosts.items()
    ):
        return Refusal(
            Why.SATURATED,
            f'no host of zone {move.zone} can take its {move.demand:.1f} '
            'cores any more and stay cold',
            move.server_id,
        )
    return None
