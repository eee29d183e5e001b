"""The demand log: what servers asked for in the last hours."""

import array
import math
from collections.abc import Mapping, Sequence

from steal_scheduler.model.demand import SPAN, STEP

#: Samples that are kept of a server.
MOST = int(SPAN // STEP)
#: How much too early one may come: polls are not that exact.
EARLY = 0.1 * STEP
#: How often in a row nobody tells of a sample until nobody is asked any more.
#: The outage that a new leader follows may be one of its Prometheus as well.
TRIES = 3


class DemandLog:
    """A sample of each server, ``STEP`` seconds apart.

    The process remembers it, and that only helps: what was before its time,
    the source of the signals may tell. Of 100,000 servers it takes some 40 MB.
    """

    def __init__(self) -> None:
        #: How many there are of who was there all the time.
        self.samples = 0
        self._first, self._last = math.inf, -math.inf
        self._untold = 0
        #: By server id, the oldest first; NaN where it was not measured.
        self._cores: dict[str, array.array[float]] = {}

    def is_due(self, now: float) -> bool:
        """Whether it is time for another sample."""
        # A clock that was set back must not silence it until then.
        return not 0 <= now - self._last < STEP - EARLY

    def add(self, now: float, cores: Mapping[str, float]) -> None:
        """Keep a sample.

        :param now: epoch seconds
        :param cores: that are asked for, by server id
        """
        self._first, self._last = min(self._first, now), now
        self.samples = min(self.samples + 1, MOST)
        for server_id in self._cores.keys() | cores.keys():
            known = self._cores.setdefault(server_id, array.array('f'))
            known.append(cores.get(server_id, math.nan))
            del known[:-MOST]
        self._cores = {
            server_id: known
            for server_id, known in self._cores.items()
            if server_id in cores or not all(map(math.isnan, known))
        }

    def lacks(self, now: float) -> float | None:
        """Of when the sample was that comes before the first one.

        :returns: epoch seconds; None where none is missing, or to be had
        """
        if self._untold >= TRIES or self.samples >= MOST:
            return None
        return min(self._first, now) - STEP

    def add_before(self, then: float, cores: Mapping[str, float]) -> None:
        """Keep a sample of before the first one.

        :param then: epoch seconds, as ``lacks`` told
        :param cores: that were asked for, by server id
        """
        self._first, self._untold = then, 0
        for server_id in self._cores.keys() | cores.keys():
            known = self._cores.get(server_id, ())
            unknown = [math.nan] * (self.samples - len(known))
            first = cores.get(server_id, math.nan)
            self._cores[server_id] = array.array(
                'f', (first, *unknown, *known)
            )
        self.samples += 1

    def untold(self) -> bool:
        """Nobody told of the sample before the first one.

        :returns: whether nobody is asked any more
        """
        self._untold += 1
        return self._untold >= TRIES

    def of(self, server_id: str, now: float) -> Sequence[float]:
        """The samples of a server, the oldest first: ``samples`` of them.

        :param now: cores that it asks for now; where it was not measured,
            that much is taken
        """
        known = self._cores.get(server_id, ())
        missing = self.samples - len(known)
        return [now] * missing + [
            now if math.isnan(cores) else cores for cores in known
        ]
