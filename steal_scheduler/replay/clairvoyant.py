"""What could be had by knowing the future: a bound, no rule for a cloud."""

import collections
from collections.abc import Iterator

import numpy as np

from steal_scheduler.replay.cloud import Cloud
from steal_scheduler.replay.recording import Places, Recording
from steal_scheduler.replay.rivals import MINUTE, Rival, Wish
from steal_scheduler.replay.work import Minute


class Clairvoyant(Rival):
    """Acts on what is, as we do by default; which target is best it knows.

    A server that waits a tenth of its time at a load of 0.7 per vCPU, in
    three of five minutes, leaves: the least demand that cures its host, or
    the most. It goes where least will be lost in the next four hours. Two
    move at a time; one that has moved stays for an hour, and twice as long
    each time.
    """

    every = MINUTE
    steal_threshold = 0.10
    load_threshold = 0.7
    polls, of = 3, 5
    slots = 2
    cooldown = 3600.0
    target_steal = 0.05
    target_demand = 0.9
    foresight = 4 * 3600.0

    def __init__(self, cloud: Cloud, recording: Recording) -> None:
        super().__init__(cloud, recording)
        self._vcpus = np.array([s.vcpus for s in recording.servers])
        self._contended = collections.deque[Places](maxlen=self.of)

    def remember(self, minute: Minute) -> None:
        load = minute.wanted / self._vcpus
        self._contended.append(
            (minute.steal >= self.steal_threshold)
            & (load >= self.load_threshold)
        )

    def choose(self, minute: Minute) -> Iterator[Wish]:
        cloud, cores = self.cloud, self.cloud.cores
        found = self._found()
        excess = self.asked - cores
        steal = np.clip(excess, 0, None) / np.maximum(self.asked, 1e-12)
        slots = self.slots - len(cloud.in_flight)
        receiving = {f.target for f in cloud.in_flight.values()}
        for host in np.argsort(-excess, kind='stable'):
            if slots <= 0 or excess[host] <= 0:
                return
            servers = [s for s in self.here(int(host)) if found[s]]
            if not servers:
                continue
            enough = [s for s in servers if self.wanted[s] >= excess[host]]
            server = (
                min(enough, key=lambda s: self.wanted[s])
                if enough
                else max(servers, key=lambda s: self.wanted[s])
            )
            targets = [
                int(t)
                for t in self.targets(server)
                if t not in receiving
                and steal[t] < self.target_steal
                and self.asked[t] + self.wanted[server]
                <= self.target_demand * cores[t]
            ]
            if targets:
                target = min(targets, key=lambda t: self._will_lose(server, t))
                receiving.add(target)
                slots -= 1
                yield self.goes(server, target)

    def _found(self) -> Places:
        """Whether each server may leave, and should."""
        rest = self.cooldown * 2.0 ** np.maximum(self.cloud.moves - 1, 0)
        return (
            self._contended[-1]
            & (sum(self._contended) >= self.polls)
            & (self.now - self.cloud.arrived >= rest)
        )

    def _will_lose(self, server: int, target: int) -> float:
        """Cores over those of the target, summed over the rows to come."""
        recording = self.recording
        ahead = (recording.seconds > self.now - MINUTE) & (
            recording.seconds <= self.now + self.foresight
        )
        there = self.cloud.places == target
        there[server] = True
        asked = recording.demand[ahead][:, there].sum(axis=1)
        return float(np.clip(asked - self.cloud.cores[target], 0, None).sum())
