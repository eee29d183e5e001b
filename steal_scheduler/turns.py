"""Whose turn it is to ask Nova for a migration.

One after the other: requests that Nova gets in parallel all choose the same
host. The next one is sent when Nova has chosen the target of the one before,
and has been told a view in which that target is credited.
"""

from steal_scheduler.model import Move, Stage
from steal_scheduler.refusal import Why
from steal_scheduler.world import World


def wait_for(move: Move, world: World, *, sent: bool) -> str:
    """Why Nova must not be asked now to migrate; '' when it may.

    :param sent: the world's view has reached the message bus
    """
    if not sent:
        return Why.VIEW_NOT_SENT
    if any(
        other.target is None and other.stage in (Stage.REQUEST, Stage.MIGRATE)
        for other in world.moves.values()
    ):
        return Why.TARGET_PENDING
    if not any(
        host.up
        and host.zone == move.zone
        and name != move.source
        and world.view.takes(name, move.demand)
        for name, host in world.fleet.hosts.items()
    ):
        return Why.SATURATED
    return ''
