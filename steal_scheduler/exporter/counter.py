"""Counters: those of the kernel, which we read, and those that we show."""

import bisect
from collections.abc import Sequence

#: Nanoseconds that a delta may have above the time that has passed. The
#: kernel accounts at ticks, and on a nohz_full core once a second.
SLACK = 1_000_000_000


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
        most = (at - self._since) * 1e9 + SLACK
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
        total = 0
        found = []
        labels = [*map(str, self._bounds), '+Inf']
        for label, count in zip(labels, self._counts, strict=True):
            total += count
            found.append((label, float(total)))
        return found
