"""Counts by upper bound."""

import bisect
from collections.abc import Sequence


class Histogram:
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
