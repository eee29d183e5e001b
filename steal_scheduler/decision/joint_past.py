"""The joint past: what a host would have been asked for with one server more.

A host that is idle now may be busy every hour, and a server that asks for
little now may ask for much when the host does. So what all of them asked for
in the last hours is added up, sample by sample. It tells more than the sum of
what each asks for at most: their peaks may be at other times.
"""

import collections
import functools
import math
from collections.abc import Mapping, Sequence

from steal_scheduler.decision.demand import demand_now
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.move import Move

#: Samples without which nothing is said: half an hour.
LEAST = 6
#: Share of the samples that lie no higher than what counts.
QUANTILE = 0.9
#: Hosts that are compared by it: those that are best by what is asked for now.
COMPARED = 64


class JointPast:
    """Of the hosts of a snapshot, each credited with what is planned for it.

    For example in three of ten samples the servers of a host of 10 cores
    asked for 8, and for 2 in the others. One that asked for 1 in these three
    and for 4 in the others would have left 0 cores under a line of 90 % nine
    times in ten; one that always asked for 2 would have been 1 too many.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._log = snapshot.past
        self.known = self._log.samples >= LEAST
        #: By host, of those that were looked at.
        self._sums: dict[str, Sequence[float]] = {}

    @functools.cached_property
    def _servers(self) -> Mapping[str | None, Sequence[str]]:
        """By host. Mostly nobody moves, and nobody asks."""
        found = collections.defaultdict[str | None, list[str]](list)
        for server_id, signal in self._snapshot.signals.servers.items():
            found[signal.host].append(server_id)
        return found

    def room(self, move: Move, host: str) -> float:
        """Cores that would have been left under the line, mostly.

        Less than 0 where it would have been crossed.
        """
        both = sorted(self._with(move, host))
        view = self._snapshot.view
        line = view.target_demand / 100 * view.hosts[host].cores
        return line - both[math.ceil(QUANTILE * len(both)) - 1]

    def add(self, move: Move, host: str) -> None:
        """It is planned for this host."""
        if self.known:
            self._sums[host] = self._with(move, host)

    def _with(self, move: Move, host: str) -> Sequence[float]:
        past = self._log.of(move.server_id, move.demand.expected)
        return [a + b for a, b in zip(self._sum(host), past, strict=True)]

    def _sum(self, host: str) -> Sequence[float]:
        """What was asked for by those that are there now.

        What else the host is asked for now, such as by servers on their way,
        is taken for the same all the time.
        """
        if host in self._sums:
            return self._sums[host]
        here = []
        now = 0.0
        for server_id in self._servers.get(host, ()):
            signal = self._snapshot.signals.servers[server_id]
            cores = demand_now(signal, self._snapshot).expected
            now += cores
            here.append(self._log.of(server_id, cores))
        seen = self._snapshot.view.hosts[host]
        rest = max(seen.demand + seen.credit - now, 0.0)
        here.append([rest] * self._log.samples)
        found = self._sums[host] = [*map(math.fsum, zip(*here, strict=True))]
        return found
