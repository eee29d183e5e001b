"""The rules of others, with the constants that they publish.

Each looks at the cloud at the end of a minute, and says which servers should
move where. Those that have a scheduler choose for them choose here themselves:
they are given what they would want, so they fare no worse than their own.
"""

import random
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from steal_scheduler.replay.cloud import Cloud
from steal_scheduler.replay.recording import Floats, Places, Recording
from steal_scheduler.replay.work import Minute

#: A server and its target, by their index.
Wish = tuple[int, int]

MINUTE = 60.0


class Rule(Protocol):
    """What is asked at the end of each minute."""

    def wishes(self, now: float, minute: Minute) -> Iterator[Wish]:
        """Servers that should begin to move now, and where to.

        :param now: seconds since the begin of the recording
        """


class Static:
    """Nobody moves."""

    def __init__(self, cloud: Cloud, recording: Recording) -> None:
        pass

    def wishes(self, now: float, minute: Minute) -> Iterator[Wish]:
        """None."""
        return iter(())


class Rival:
    """One that looks every five minutes, at what its hosts are asked for."""

    every = 5 * MINUTE

    def __init__(self, cloud: Cloud, recording: Recording) -> None:
        self.cloud = cloud
        self.recording = recording
        #: Seconds since the begin of the recording.
        self.now = 0.0
        #: Cores that each server wants, and each host is asked for.
        self.wanted: Floats = np.zeros(0)
        self.asked: Floats = np.zeros(0)

    def wishes(self, now: float, minute: Minute) -> Iterator[Wish]:
        self.now, self.wanted = now, minute.wanted
        self.asked = self.cloud.on_hosts(minute.wanted)
        for flight in self.cloud.in_flight.values():
            self.asked[flight.source] -= self.wanted[flight.server]
            self.asked[flight.target] += self.wanted[flight.server]
        self.remember(minute)
        if now % self.every == 0:
            yield from self.choose(minute)

    def remember(self, minute: Minute) -> None:
        """Called each minute, also where it is not time to choose."""

    def choose(self, minute: Minute) -> Iterator[Wish]:
        """The wishes, when it is time for them."""
        raise NotImplementedError

    def here(self, host: int) -> list[int]:
        """Servers of a host that are not on their way."""
        found = np.flatnonzero(self.cloud.places == host)
        return [int(s) for s in found if s not in self.cloud.in_flight]

    def goes(self, server: int, target: int) -> Wish:
        """The same as a wish, and as if it had been granted."""
        self.asked[self.cloud.places[server]] -= self.wanted[server]
        self.asked[target] += self.wanted[server]
        return server, target

    def targets(self, server: int) -> Places:
        """Hosts of its zone that Nova could place it on."""
        fits = self.cloud.fits
        found = [h for h in self.cloud.others(server) if fits(server, int(h))]
        return np.array(found, dtype=np.int64)


class Cortex(Rival):
    """SAP Cortex: a server that waits over 5 % leaves for the least steal.

    One for each host and run, the one that asks for most; no load, no
    persistence, no head-room. Source: github.com/cobaltcore-dev/cortex.
    """

    steal_threshold = 0.05

    def choose(self, minute: Minute) -> Iterator[Wish]:
        waited = self.cloud.on_hosts(minute.waited)
        used = self.cloud.on_hosts(minute.used)
        steal = waited / np.maximum(used + waited, 1e-12)
        for host in np.flatnonzero(steal >= self.steal_threshold):
            servers = self.here(int(host))
            if not servers:
                continue
            server = max(servers, key=lambda s: self.wanted[s])
            targets = self.targets(server)
            if len(targets):
                best = np.lexsort((used[targets], steal[targets]))[0]
                yield self.goes(server, int(targets[best]))


class KubeVirt(Rival):
    """KubeVirt's descheduler: away from those over the mean, to those under.

    Every five minutes each host whose use is 10 points over the mean evicts
    one server, and the scheduler puts it on one that is 10 points under it.
    Source: kubernetes-sigs/descheduler, LowNodeUtilization with
    ``useDeviationThresholds``, OpenShift's profile ``Low`` (10%:10%).
    """

    deviation = 0.10

    def choose(self, minute: Minute) -> Iterator[Wish]:
        cores = self.cloud.cores
        use = np.minimum(1.0, self.asked / cores)
        mean = use.mean()
        for host in np.argsort(-use, kind='stable'):
            if self.asked[host] / cores[host] <= mean + self.deviation:
                continue
            servers = self.here(int(host))
            if not servers:
                continue
            server = min(servers, key=lambda s: self.wanted[s])
            targets = self.targets(server)
            now = np.minimum(1.0, self.asked[targets] / cores[targets])
            under = targets[now < mean - self.deviation]
            if len(under):
                draw = random.Random(server)  # noqa: S311
                yield self.goes(server, int(draw.choice(list(under))))


class Proxmox(Rival):
    """Proxmox VE 9.2: the one migration that lowers the imbalance most.

    The imbalance of a zone is the coefficient of variation of its hosts' use,
    as a share of the most that it can be for so many hosts. From 0.3 on, for
    three rounds of ten seconds, the best migration begins if it takes a tenth
    of it away. NOTE: that most grows with the number of hosts, so that a zone
    of 40 hosts hardly gets there. Source: pve-ha-manager 5.2, ``crs:
    ha-auto-rebalance``, method ``bruteforce``.
    """

    every = MINUTE
    threshold = 0.3
    margin = 0.1

    def choose(self, minute: Minute) -> Iterator[Wish]:
        cloud = self.cloud
        for zone in np.unique(cloud.zones):
            hosts = np.flatnonzero(cloud.zones == zone)
            flights = cloud.in_flight.values()
            if any(cloud.zones[f.source] == zone for f in flights):
                continue
            before = _imbalance(self.asked[hosts] / cloud.cores[hosts])
            if before <= self.threshold:
                continue
            best, wish = before * (1 - self.margin), None
            for host in hosts:
                for server in self.here(int(host)):
                    for target in self.targets(server):
                        after = self._after(server, int(target), hosts)
                        if after < best:
                            best, wish = after, (server, int(target))
            if wish:
                yield self.goes(*wish)

    def _after(self, server: int, target: int, hosts: Places) -> float:
        asked = self.asked.copy()
        asked[self.cloud.places[server]] -= self.wanted[server]
        asked[target] += self.wanted[server]
        return _imbalance(asked[hosts] / self.cloud.cores[hosts])


def _imbalance(use: Floats) -> float:
    mean = use.mean()
    if len(use) < 2 or not mean:
        return 0.0
    return float(use.std() / mean / np.sqrt(len(use) - 1))
