"""Ticks, one after the other, whatever a tick raises."""

import abc
import threading
import time
from collections.abc import Callable

from oslo_log import log

from steal_scheduler.exception import StealError
from steal_scheduler.reporting.metrics import Metrics

LOG = log.getLogger(__name__)


class Loop(abc.ABC):
    def __init__(self, metrics: Metrics, close: Callable[[], None]) -> None:
        """Prepare it; nothing runs yet.

        :param close: called at the end
        """
        self._metrics = metrics
        self._close = close
        self._stop = threading.Event()
        self._error = ''

    @abc.abstractmethod
    def tick(self, now: float) -> None:
        """One step. Whatever it raises is said, and the next one comes."""

    @abc.abstractmethod
    def pause(self) -> float:
        """Seconds until the next tick; ``stop`` ends them early."""

    def run(self) -> None:
        """Tick until ``stop``."""
        while not self._stop.is_set():
            self.guarded_tick(time.time())
            self._stop.wait(self.pause())
        self._close()

    def stop(self) -> None:
        """End after the present tick; whatever is under way goes on later."""
        self._stop.set()

    def guarded_tick(self, now: float) -> None:
        begun = time.monotonic()
        try:
            self.tick(now)
        except StealError as error:
            self._metrics.errors.inc()
            self._say_error(str(error))
        except Exception:
            # Nothing may end the loop: servers may be out of service.
            self._metrics.errors.inc()
            LOG.exception('A tick failed; the next one comes.')
        else:
            self._metrics.tick_done(now, time.monotonic() - begun)
            self._error = ''

    def _say_error(self, error: str) -> None:
        """Once, until it is another one or over."""
        level = log.DEBUG if error == self._error else log.ERROR
        LOG.log(level, 'No tick: %s', error)
        self._error = error
