"""Why there is no place for a server that would relieve its host."""

from collections.abc import Sequence

from steal_scheduler.decision import network, saturation
from steal_scheduler.decision.scarce import scarce
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.targets import Targets
from steal_scheduler.edge.text import several
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import Reason, Refusal, first


def unplaced(move: Move, targets: Targets, snapshot: Snapshot) -> Refusal:
    """Why no host is planned for it."""
    zone, reason = move.server.zone, Reason.SATURATED
    low, cores = move.demand.low, move.demand.expected
    helps = 'moving cannot help, more cores can'
    if move.emptied:
        helps = 'it stays until one can'
    detail = (
        f'no host of zone {zone} can take its {cores:.1f} cores and '
        f'stay cold: {helps}'
    )
    no_cures = targets.no_cures(move)
    if no_cures:
        reason = Reason.BAD_SECONDS
        bad = f'about as many bad seconds as those of {move.source}: moving '
        detail = (
            f'{several(no_cures)} could take its {cores:.1f} cores and stay '
            'cold, but their servers have '
            + ('too many bad seconds' if move.emptied else f'{bad}cannot help')
        )
    elif could := saturation.could_take(move, targets):
        reason = Reason.UNCERTAIN_DEMAND
        detail = (
            f'{several(could)} could take the {low:.1f} cores that it uses '
            f'and stay cold, and with what else is planned no host of zone '
            f'{zone} the {cores:.1f} that it is expected to ask for: it '
            'stays until that is known better'
        )
    if not no_cures and (lacking := targets.lacking(move)):
        reason, detail = scarce(move, lacking)
    closed = targets.unknown(move)
    if unknown := _unknown(closed, move, snapshot):
        reason = Reason.TARGETS_UNKNOWN
        detail = (
            f'no host of zone {zone} that is known and open can take its '
            f'{cores:.1f} cores and stay cold; {several(unknown)}: '
            'without reliable metrics, paused, emptied, or left to others who '
            'move servers'
        )
    if refused := targets.refused_takers(move):
        reason = Reason.NO_HOST
        detail = (
            f'of zone {zone} {several(refused)} could take it, and Nova '
            f'found no host for others of {move.source} while they could: are '
            'they in another cell? The log of nova-scheduler says'
        )
    if targets.would_take(move):
        reason = Reason.SLOT_TARGET
        detail = (
            f'the hosts of zone {zone} that can take it are receiving another '
            'server (slots_per_target): its turn comes'
        )
    # One whose network is busy is closed to us.
    nos = network.of_targets(closed, move, snapshot)
    return first(nos, move.server_id) or Refusal(
        reason, detail, move.server_id
    )


def _unknown(
    names: Sequence[str], move: Move, snapshot: Snapshot
) -> Sequence[str]:
    """Those of these hosts that could take it, for all that is known.

    For example b is not measured, c has room and is paused, d is paused and
    full: b and c.
    """
    view = snapshot.view
    return [
        name
        for name in names
        if not view.hosts[name].cores
        or name in snapshot.unreliable
        or view.has_room(view.hosts[name], move.demand.expected)
    ]
