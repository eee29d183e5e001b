"""The loop: one sample every second."""

import threading
import time

from steal_scheduler.exporter.accumulate import Accumulator
from steal_scheduler.exporter.proc import Proc

#: Of the interval. A sample that is later than this shifts those after it:
#: none covers much less than an interval.
_SHIFT = 0.1


class Sampler:
    """Reads /proc, and counts; under a lock, for the scrapes beside it."""

    def __init__(
        self,
        proc: Proc,
        counters: Accumulator,
        interval: float,
        lock: threading.Lock,
    ) -> None:
        self._proc = proc
        self._counters = counters
        self._interval = interval
        self._lock = lock

    def run(self, stopping: threading.Event) -> None:
        """Sample until it is told to stop.

        :raises OSError: /proc itself cannot be read
        """
        due = time.monotonic()
        while not stopping.is_set():
            at = self.sample()
            due = following(due, at, self._interval)
            # A sample that takes longer than the interval waits all the
            # same: it must not take a core for itself.
            now = time.monotonic()
            if due <= now:
                due = now + self._interval
            stopping.wait(due - now)

    def sample(self) -> float:
        """Take one sample; return its monotonic time."""
        at = time.monotonic()
        sample = self._proc.read(at)
        with self._lock:
            self._counters.add(sample)
        return at


def following(due: float, at: float, interval: float) -> float:
    """When the next sample is due.

    :param due: when the last one was due
    :param at: when it was taken
    """
    return (due if at - due <= _SHIFT * interval else at) + interval
