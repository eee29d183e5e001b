"""What a counter of the kernel has grown by, and how often a value was met."""

import bisect
import dataclasses
import itertools
import math
from collections.abc import Sequence

#: Nanoseconds that a delta may have above the time that has passed. The
#: kernel accounts at ticks, and on a nohz_full core once a second.
_SLACK = 1_000_000_000


class KernelCounter:
    """One counter of nanoseconds that grows by at most one a nanosecond."""

    __slots__ = ('_read_at', '_since', '_value')

    def __init__(self, value: int, at: float) -> None:
        self._value = value
        self._read_at = self._since = at

    def add(self, value: int, at: float) -> int | None:
        """Return what has come since the last reading; None: it cannot be.

        NOTE: the kernel adds a wait when it ends. One that took five seconds
        comes all at once, after readings in which nothing moved; so the bound
        is not the time since the last reading, but the time in which it can
        have begun: since the last reading before the counter last moved.
        """
        delta = value - self._value
        if delta == 0:
            self._read_at = at
            return 0
        most = (at - self._since) * 1e9 + _SLACK
        self._value = value
        self._since, self._read_at = self._read_at, at
        return delta if 0 < delta <= most else None


class Histogram:
    """Counts by upper bound."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """Start empty.

        :param bounds: inclusive and ascending; infinity comes by itself
        """
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float, times: int) -> None:
        self._counts[bisect.bisect_left(self._bounds, value)] += times
        self.sum += value * times

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus wants them; the last one is all."""
        labels = [*map(str, self._bounds), '+Inf']
        totals = itertools.accumulate(map(float, self._counts))
        return list(zip(labels, totals, strict=True))


@dataclasses.dataclass(slots=True)
class ThreadCounters:
    """One thread: where its counters stood."""

    run: KernelCounter
    wait: KernelCounter


@dataclasses.dataclass(slots=True)
class Vcpu(ThreadCounters):
    """The same of a vCPU."""

    #: Nanoseconds of wait which no second has been charged with yet.
    owed: int = 0

    def share(self, waited: int, elapsed: float) -> float:
        """Return the share of the elapsed time in which it waited.

        A long wait is told only when it is over. What does not fit into the
        time since the last reading is charged to the seconds that follow, so
        that as many are bad as it took. For example a wait of 2.5 seconds,
        told at once, is a share of 1.0, 1.0 and 0.5 in the next three.
        """
        self.owed += waited
        # Up, for what is charged must not be more than it has waited.
        most = math.ceil(elapsed * 1e9)
        charged = min(self.owed, most)
        self.owed -= charged
        return charged / most if most else 0.0
