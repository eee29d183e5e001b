"""Pauses in the log: that one holds, and that it is over."""

from collections.abc import Iterable

from oslo_log import log

from steal_scheduler.decision import pauses
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.pause import Pause

LOG = log.getLogger(__name__)


def log_pauses(
    new: Iterable[Pause], over: Iterable[Pause], snapshot: Snapshot
) -> None:
    """Say which are new, and which are over."""
    for pause in new:
        unusual = pause.unclear or not pauses.matches(pause, snapshot)
        LOG.log(
            log.WARNING if unusual else log.INFO,
            'Moves of %s are %s.',
            pause.where,
            pauses.told(pause, snapshot),
        )
    for pause in over:
        LOG.info('Moves of %s: the pause is over.', pause.where)
