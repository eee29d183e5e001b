"""Moves that do not begin, or not yet, in the log."""

from oslo_log import log

from steal_scheduler.model.move import Move
from steal_scheduler.model.until import shown

LOG = log.getLogger(__name__)


def log_planned(move: Move) -> None:
    """That a dry run would have begun it."""
    LOG.info(
        'Dry run: server %s would move away from host %s: %s.',
        move.server.label,
        move.source,
        move.reason,
        instance_uuid=move.server_id,
    )


def log_waiting(event: str, move: Move, until: float) -> None:
    """That it is ``proposed``, or its owner is given a ``notice``."""
    if event == 'proposed':
        text = (
            'Move of server %s from host %s proposed, and waits for a yes '
            'until %s: %s.'
        )
    else:
        text = (
            'Owner of server %s told of its move from host %s, which may '
            'begin at %s: %s.'
        )
    LOG.info(
        text,
        move.server.label,
        move.source,
        shown(until),
        move.reason,
        instance_uuid=move.server_id,
    )
