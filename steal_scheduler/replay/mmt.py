"""Rules of Beloglazov and Buyya: which hosts have too much, who leaves them.

Source: "Optimal online deterministic algorithms and adaptive heuristics ...",
2012, with the constants of CloudSim 3. Of a host that has too much servers
leave, the least memory first (among equal ones the least demand), until it has
not; each goes to the least used host that has not too much with it. Their
other half, to empty hosts and switch them off, is left out.
"""

import collections
from collections.abc import Iterator

import numpy as np

from steal_scheduler.replay.cloud import Cloud
from steal_scheduler.replay.recording import Floats, Recording
from steal_scheduler.replay.rivals import Rival, Wish
from steal_scheduler.replay.work import Minute


class ThrMmt(Rival):
    """THR-MMT: too much is 80 % of the cores."""

    threshold = 0.8

    def choose(self, minute: Minute) -> Iterator[Wish]:
        memory = [server.ram_mb for server in self.recording.servers]
        for host in np.argsort(-self.asked, kind='stable'):
            staying = sorted(
                self.here(int(host)),
                key=lambda s: (memory[s], self.wanted[s] == 0, self.wanted[s]),
            )
            for server in staying:
                if not self.has_too_much(int(host)):
                    break
                targets = [
                    int(target)
                    for target in self.targets(server)
                    if not self.has_too_much(int(target), server)
                ]
                if not targets:
                    # The next ones ask for more.
                    break
                yield self.goes(
                    server, min(targets, key=lambda t: self.asked[t])
                )

    def has_too_much(self, host: int, coming: int | None = None) -> bool:
        """Whether it has, or would with the server that may come."""
        asked = self.asked[host]
        if coming is not None:
            asked = asked + self.wanted[coming]
        return bool(asked > self.threshold * self.cloud.cores[host])


class LrMmt(ThrMmt):
    """LR-MMT: too much is what is foreseen, with a fifth on top.

    Foreseen by a local regression over the last ten samples of the servers
    that are there; 70 % of the cores until there are ten.
    """

    samples = 10
    safety = 1.2
    threshold = 0.7

    def __init__(self, cloud: Cloud, recording: Recording) -> None:
        super().__init__(cloud, recording)
        self._history = collections.deque[Floats](maxlen=self.samples)
        self._weights = _forecast_weights(self.samples)
        #: What is foreseen of each server: forecasts add up, as demand does.
        self._foreseen: Floats = np.zeros(0)
        self._of_host: Floats = np.zeros(0)

    def choose(self, minute: Minute) -> Iterator[Wish]:
        self._history.append(minute.wanted)
        if len(self._history) == self.samples:
            self._foreseen = self._weights @ np.array(self._history)
            self._of_host = self.cloud.on_hosts(self._foreseen)
        yield from super().choose(minute)

    def goes(self, server: int, target: int) -> Wish:
        if len(self._foreseen):
            self._of_host[self.cloud.places[server]] -= self._foreseen[server]
            self._of_host[target] += self._foreseen[server]
        return super().goes(server, target)

    def has_too_much(self, host: int, coming: int | None = None) -> bool:
        if not len(self._foreseen):
            return super().has_too_much(host, coming)
        foreseen = self._of_host[host]
        if coming is not None:
            foreseen = foreseen + self._foreseen[coming]
        return bool(foreseen * self.safety >= self.cloud.cores[host])


def _forecast_weights(samples: int) -> Floats:
    """What each sample counts for in the forecast of the next one.

    Loess: a straight line, with tricube weights that are least for what is
    longest ago. It is linear in the samples, so their weights say all.
    """
    at = np.arange(1.0, samples + 1)
    weight = (1 - ((samples - at) / samples) ** 3) ** 3
    mean = (weight * at).sum() / weight.sum()
    spread = (weight * (at - mean) ** 2).sum()
    slope = weight * (at - mean) / spread
    found: Floats = weight / weight.sum() + slope * (samples + 1 - mean)
    return found
