"""Policies that are ignored, in the log: each once."""

from collections.abc import Iterable

from oslo_log import log

from steal_scheduler.model.policy import Ignored

LOG = log.getLogger(__name__)


def log_ignored(new: Iterable[Ignored]) -> None:
    """Name them: the option counts, or what other aggregates say."""
    for ignored in new:
        LOG.warning(
            'Policy %s of aggregate %s ignored: %s.',
            ignored.key,
            ignored.aggregate,
            ignored.detail,
        )
