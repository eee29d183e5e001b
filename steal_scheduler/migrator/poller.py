"""Poll the signals at their own pace, and remember the last good ones."""

from oslo_log import log

from steal_scheduler.exception import SignalError
from steal_scheduler.model.cloud import NO_SIGNALS, Signals
from steal_scheduler.model.refusal import Reason, Refusal
from steal_scheduler.signals.base import SignalSource

LOG = log.getLogger(__name__)


class Poller:
    def __init__(self, source: SignalSource, interval: float) -> None:
        """:param interval: seconds between two readings"""
        self._source = source
        self._interval = interval
        self._polled_at = 0.0
        #: The last that could be read; they grow old, and then count no more.
        self.signals: Signals = NO_SIGNALS
        #: What was wrong with the last reading; None when it was good.
        self.trouble: Refusal | None = None

    def poll(self, now: float) -> bool:
        """Read them when it is time; whether it was."""
        # A clock that was set back must not silence it until then.
        if 0 <= now - self._polled_at < self._interval * 0.9:
            return False
        self._polled_at = now
        self.trouble = None
        try:
            self.signals = self._source.read(now)
        except SignalError as error:
            self.trouble = Refusal(Reason.SIGNALS, str(error))
        except Exception as error:
            # A plugin's own mistake is an outage like any other.
            LOG.exception('Signal source failed.')
            self.trouble = Refusal(Reason.SIGNALS, repr(error))
        return True
