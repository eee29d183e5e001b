"""One-second bursts on means of minutes: what a five-minute mean hides."""

import numpy as np

from steal_scheduler.replay.recording import Floats, Recording

#: Of the greatest second within five minutes, as a multiple of their mean:
#: 1.93 at the median of servers and 4.08 at the 90th percentile. What is over
#: the mean is taken to be lognormal. Source: a public study of a cloud's VMs.
MEDIAN, TENTH = 1.93, 4.08
_MU = np.log(MEDIAN - 1)
_SIGMA = (np.log(TENTH - 1) - _MU) / 1.2816
#: Share of the seconds that are a burst, at most; and of the work in them.
SECONDS, WORK = 0.1, 0.5


class Bursts:
    """The seconds of a recording, a minute at a time; forward only."""

    def __init__(self, recording: Recording, seed: int) -> None:
        self._recording = recording
        self._seed = seed
        self._row = -1
        self._seconds: Floats = np.zeros((0, 0))

    def minute(self, begin: float) -> Floats:
        """Seconds, servers."""
        found = []
        for row in self._recording.rows(begin, begin + 60.0):
            if row != self._row:
                self._row = row
                self._seconds = seconds_of(self._recording, row, self._seed)
            first = round(max(0.0, begin - self._recording.seconds[row]))
            found.append(self._seconds[first : first + 60])
        return np.concatenate(found)[:60]


def seconds_of(recording: Recording, row: int, seed: int) -> Floats:
    """What the servers want in each second of a row.

    Each mean is kept. For example a server of 4 vCPUs that wants 1 core in
    the mean of 300 s wants 2 in 30 of them, and 0.89 in the others; one that
    wants 3 has bursts of 4 at most, for it has no more vCPUs.

    :returns: seconds, servers; the same for the same seed
    """
    ends = [*recording.seconds[1:], recording.end]
    count = max(1, round(ends[row] - recording.seconds[row]))
    mean: Floats = recording.demand[row]
    vcpus = np.array([server.vcpus for server in recording.servers])
    draw = np.random.default_rng([seed, row])
    ratio = 1 + draw.lognormal(_MU, _SIGMA, len(mean))
    level = np.maximum(np.minimum(ratio * mean, vcpus), mean)
    share = WORK * mean / np.maximum(level, 1e-12)
    if count == 1:
        alone: Floats = mean.reshape(1, -1)
        return alone
    bursts = np.maximum(1, np.minimum(share, SECONDS) * count // 1)
    rest = (mean * count - level * bursts) / (count - bursts)
    order = draw.random((count, len(mean))).argsort(axis=0)
    found: Floats = np.where(order < bursts, level, np.maximum(rest, 0.0))
    return found
