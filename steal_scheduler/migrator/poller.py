"""The poller: reads the signals at their own pace, and keeps them."""

from collections.abc import Callable

from oslo_log import log

from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import SignalError
from steal_scheduler.model.cloud import NO_SIGNALS, Signals
from steal_scheduler.model.refusal import Reason, Refusal
from steal_scheduler.signals.base import SignalSource

LOG = log.getLogger(__name__)


class Poller:
    """Polls the signals at their own pace, and keeps the last good ones."""

    def __init__(self, source: SignalSource, interval: float) -> None:
        """:param interval: seconds between two readings"""
        self._source = source
        self.interval = interval
        self._polled_at = 0.0
        #: The last that could be read; they grow old, and then count no more.
        self.signals: Signals = NO_SIGNALS
        #: What was wrong with the last reading; None when it was good.
        self.trouble: Refusal | None = None
        #: The last reading was one between two polls.
        self.early = False

    def poll(self, now: float, *, at_once: bool = False) -> bool:
        """Read them when it is time; whether it was.

        :param at_once: it is, for somebody waits for what is decided then
        """
        # A clock that was set back must not silence it until then.
        self.early = 0 <= now - self._polled_at < self.interval * 0.9
        if self.early and not at_once:
            return False
        if not self.early:
            self._polled_at = now
        found = self._read(lambda: self._source.read(now))
        self.trouble = found if isinstance(found, Refusal) else None
        if not isinstance(found, Refusal):
            self.signals = found
        return True

    def before(self, then: float) -> Signals | Refusal:
        """What they were; or why that cannot be told.

        :param then: epoch seconds
        """
        window = self.signals.window
        return self._read(lambda: self._source.read_past(then, window))

    def _read(self, reading: Callable[[], Signals]) -> Signals | Refusal:
        try:
            return reading()
        except SignalError as error:
            return Refusal(Reason.SIGNALS, one_line(error, 1000))
        except Exception as error:
            # A plugin's own mistake is an outage like any other.
            LOG.exception('Signal source failed.')
            return Refusal(Reason.SIGNALS, one_line(repr(error), 1000))
