"""What is said of the answers to queries: once, until it is another thing."""

from collections.abc import Sequence

from oslo_log import log as logging

from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import SignalError
from steal_scheduler.signals.prometheus.drops import DropReason, Drops

LOG = logging.getLogger(__name__)


class Said:
    """Tells news at one level, and the same again at DEBUG."""

    def __init__(self, news: int, failure: int) -> None:
        """Nothing was said yet.

        :param news: level at which other samples than before are dropped
        :param failure: and a query fails that nothing depends on
        """
        self._news, self._failure = news, failure
        #: By query; None among the reasons is that no series has answered.
        self._told: dict[str, Sequence[DropReason | None]] = {}
        #: Queries about guests that failed last time, and how.
        self.failing: dict[str, str] = {}

    def silent(self) -> Sequence[str]:
        """Queries that no series answers."""
        return [name for name, told in self._told.items() if None in told]

    def warn(self, name: str, error: SignalError) -> None:
        """A query about guests fails; say it until it is answered again."""
        level = logging.DEBUG if name in self.failing else self._failure
        self.failing[name] = said = one_line(error, 1000).rstrip('.')
        LOG.log(level, 'What guests tell is not used: %s', said)

    def tell(self, what: str, found: Drops, silent: bool = False) -> None:
        """Log what was dropped, when the reasons change.

        :param silent: no series has answered at all
        """
        reasons = [None] if silent else sorted(found)
        news = reasons != self._told.get(what, [])
        level = self._news if news else logging.DEBUG
        if silent:
            LOG.log(level, 'Prometheus has no series for query %s', what)
        elif reasons:
            said = found.sentence()
            LOG.log(level, 'Dropped samples of %s: %s', what, said)
        elif news:
            LOG.log(level, 'All samples of %s are usable again', what)
        self._told[what] = reasons
