"""The past of a replay: what servers used while they did not wait."""

import collections

import numpy as np

from steal_scheduler.model.demand import CALM, SPAN, STEP, History
from steal_scheduler.replay.recording import Floats, Places
from steal_scheduler.replay.work import Minute

#: Minutes of each mean.
_MINUTES = STEP // 60


class Past:
    """Means of the last hours, as a Prometheus would have them."""

    def __init__(self) -> None:
        #: Cores used and waited in the minutes of the present mean.
        self._now: list[tuple[Floats, Floats]] = []
        #: Cores used, a server each; NaN where it waited.
        self._calm = collections.deque[Floats](maxlen=SPAN // STEP)

    def add(self, minute: Minute) -> None:
        """Remember it."""
        self._now.append((minute.used, minute.waited))
        if len(self._now) < _MINUTES:
            return
        used, waited = np.mean(self._now, axis=0)
        self._calm.append(
            np.where(waited <= CALM * (used + waited), used, np.nan)
        )
        self._now.clear()

    def of(self, servers: Places) -> list[History]:
        """The histories of these servers, by their index."""
        if not self._calm:
            return [History() for _ in servers]
        table = np.array([row[servers] for row in self._calm]).T
        return [
            History(tuple(row[np.isfinite(row)].tolist())) for row in table
        ]
