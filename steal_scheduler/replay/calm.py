"""Calm hours: what servers used while they did not wait."""

import collections

import numpy as np

from steal_scheduler.model.demand import CALM, SPAN, STEP, History
from steal_scheduler.replay.recording import Floats, Places


class CalmHours:
    """Means of the last hours, as a Prometheus would have them."""

    def __init__(self, step: float = STEP) -> None:
        """:param step: seconds of each mean"""
        #: Cores used, a server each; NaN where it waited.
        self._calm = collections.deque[Floats](maxlen=max(1, int(SPAN / step)))

    def add(self, used: Floats, waited: Floats) -> None:
        """Remember a mean; cores, a server each, NaN of who was not there."""
        self._calm.append(
            np.where(waited <= CALM * (used + waited), used, np.nan)
        )

    def of(self, servers: Places) -> list[History]:
        """The histories of these servers, by their index."""
        if not self._calm:
            return [History() for _ in servers]
        table = np.array([row[servers] for row in self._calm]).T
        return [
            History(tuple(row[np.isfinite(row)].tolist())) for row in table
        ]
