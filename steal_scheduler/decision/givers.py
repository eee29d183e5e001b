"""Givers: servers of a zone that may make room on their hosts, as arrays."""

import collections
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from steal_scheduler.decision.arrays import Amounts, Mask
from steal_scheduler.decision.demand import demand_now
from steal_scheduler.decision.exchange_targets import ExchangeTargets
from steal_scheduler.decision.host_load import closed_to_moves
from steal_scheduler.decision.room import takes_swaps
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.host_view import Tier
from steal_scheduler.model.move import Move, Stage

#: Pairs of servers that are looked at closely for a host, the best first.
BEAM = 16
#: Hosts of a zone that may make room: those with most cores left.
GIVERS = 64
#: Cores that an exchange has to bring in any case.
LEAST = 0.25
#: Share of ``load_threshold`` below which a server is calm wherever it is.
CALM = 0.5
#: Contended hosts of a zone that may be given such servers: with least steal.
CONTENDED = 16
#: MiB that count as much as one more server that is disrupted.
DISRUPTION = 4096

_Names = np.ndarray[Any, np.dtype[np.object_]]


class Givers:
    """Servers of a zone that may make room, as arrays."""

    def __init__(
        self, name: str, snapshot: Snapshot, targets: ExchangeTargets
    ) -> None:
        self._name = name
        self._snapshot = snapshot
        self._targets = targets
        closed = _closed(snapshot)
        givers = [h for h in targets.givers(name) if h not in closed]
        self._hosts = {host: n for n, host in enumerate(givers[:GIVERS])}
        self._servers: list[tuple[Server, Demand]] = [
            (server, demand_now(signal, snapshot))
            for server_id, signal in snapshot.signals.servers.items()
            if signal.host in self._hosts
            and server_id not in snapshot.moves
            and (server := snapshot.fleet.servers[server_id])
        ]
        each = [server for server, _ in self._servers]
        self._at = np.array([self._hosts[s.host or ''] for s in each], int)
        self._cores = _array(d.expected for _, d in self._servers)
        self._copy = _array(snapshot.copy_mb(server) for server in each)
        #: Cores that each asks for at most, and that ``load_threshold`` is.
        self._most = _array(d.high for _, d in self._servers)
        load = snapshot.rules.detection.load_threshold
        self._threshold = _array(load * server.vcpus for server in each)
        needs = [targets.ledger.needs(server) for server in each]
        #: By resource class, what each has, and its host has left.
        self._mine = {
            kind: _array(one.get(kind, 0) for one in needs)
            for kind in {kind for one in needs for kind in one}
        }
        self._left: dict[str, Amounts] = {}
        alike = collections.defaultdict[object, list[int]](list)
        for n, one in enumerate(needs):
            alike[frozenset(one.items())].append(n)
        self._alike = [np.array(found, int) for found in alike.values()]
        self._contended = _contended(name, snapshot, targets)
        self._takers = _Takers(targets.takers(name), targets)
        #: Hosts that are not planned for yet.
        self._open = np.ones(len(self._hosts), bool)
        self._free, self._placeable = self._look()

    def spend(self, *hosts: str) -> None:
        """These are planned for: each gives one server at a time."""
        for host in hosts:
            self._takers.update(host)
            if host in self._hosts:
                self._open[self._hosts[host]] = False
        self._left.clear()
        self._free, self._placeable = self._look()

    def pairs(
        self, waiting: Sequence[Move], cores: float
    ) -> Iterator[tuple[Move, Move]]:
        """Who should leave, and who then has its room; the best pair first.

        Once room is made, the first of those that wait takes it. So of each
        that may leave, that is who counts.
        """
        wanted = _array(move.demand.expected for move in waiting)
        second = np.full(len(self._servers), -1)
        for n, move in enumerate(waiting):
            fits = self._free + self._cores >= wanted[n]
            lacks = np.zeros(len(fits), bool)
            for kind, amount in self._targets.ledger.needs(
                move.server
            ).items():
                left = self._of(kind)
                lacks |= left < amount
                fits &= left + self._mine.get(kind, 0) >= amount
            second[fits & lacks & (second < 0)] = n
        # Only where there is no place for it, it goes to a contended host.
        swaps = ~self._placeable
        brings = np.minimum(wanted, cores)[second] - swaps * self._cores
        copies = _array(move.copy_mb for move in waiting)[second] + self._copy
        usable = (second >= 0) & self._open[self._at] & (brings >= LEAST)
        targets = self._swappable(waiting[0].source)
        usable &= self._placeable | (targets != '')
        order = np.flatnonzero(usable)
        worth = brings[order] / (copies[order] + 2 * DISRUPTION)
        for n in order[np.argsort(-worth, kind='stable')][:BEAM]:
            to = str(targets[n]) if swaps[n] else None
            yield self._move(int(n), waiting[second[n]], to)

    def _swappable(self, source: str) -> _Names:
        """To which contended host each may go; '' where to none.

        To that for which it makes room, if it can, or else to another one.
        """
        found = np.full(len(self._servers), '', dtype=object)
        for host in dict.fromkeys((source, *self._contended)):
            if self._targets.receives(host):
                found[(found == '') & self._bears(host)] = host
        return found

    def _bears(self, host: str) -> Mask:
        """Who would not be contended there, and has room.

        One that waits as long as the others there asks for more by that. For
        example what asks for 0.2 cores of its vCPU where nobody waits asks for
        0.25 at a steal of 20 %, and 0.3 is the threshold.
        """
        steal = self._snapshot.view.hosts[host].steal
        found: Mask = self._most < max(CALM, 1.0 - steal) * self._threshold
        for kind, mine in self._mine.items():
            found &= mine <= self._targets.ledger.left(host, kind)
        return found

    def _look(self) -> tuple[Amounts, Mask]:
        """Cores that the host of each has left, and who has a place elsewhere.

        For each kind of server two hosts are enough to tell, those with most
        cores: one of them is not its own.
        """
        targets = self._targets
        free = _array(targets.cores_left(host) for host in self._hosts)
        placeable = np.zeros(len(self._servers), bool)
        for alike in self._alike:
            server, _ = self._servers[alike[0]]
            fitting = (
                taker
                for taker in self._takers.order(targets.ledger.needs(server))
                if targets.ledger.fits(server, taker[1])
            )
            for left, host in itertools.islice(fitting, 2):
                elsewhere = self._at[alike] != self._hosts.get(host, -1)
                placeable[alike] |= elsewhere & (self._cores[alike] <= left)
        return free[self._at], placeable

    def _of(self, kind: str) -> Amounts:
        found = self._left.get(kind)
        if found is None:
            ledger = self._targets.ledger
            left = _array(ledger.left(host, kind) for host in self._hosts)
            found = self._left[kind] = left[self._at]
        return found

    def _move(self, n: int, second: Move, to: str | None) -> tuple[Move, Move]:
        server, demand = self._servers[n]
        host = server.host or ''
        first = Move(
            server,
            source=host,
            stage=Stage.DRAIN,
            since=self._snapshot.now,
            drained_at=self._snapshot.now,
            demand=demand,
            copy_mb=self._snapshot.copy_mb(server),
            reason=(
                f'makes room on host {host} for server {second.server.name} '
                f'({second.server_id}) of host {second.source}'
            ),
            makes_room_for=second,
            only_to=to,
        )
        return first, second


class _Takers:
    """Hosts that can be given a server now, as arrays."""

    def __init__(self, names: Iterable[str], targets: ExchangeTargets) -> None:
        self._names = [*names]
        self._index = {name: n for n, name in enumerate(self._names)}
        self._targets = targets
        self._cores = _array(map(targets.cores_left, self._names))
        #: By resource class, what each has left.
        self._left: dict[str, Amounts] = {}

    def update(self, name: str) -> None:
        """Something was planned for this one."""
        n = self._index.get(name)
        if n is None:
            return
        cores = self._targets.cores_left(name)
        self._cores[n] = cores if self._targets.receives(name) else -np.inf
        for kind, left in self._left.items():
            left[n] = self._targets.ledger.left(name, kind)

    def order(self, needs: Mapping[str, int]) -> Iterator[tuple[float, str]]:
        """Cores and names of those with enough of each; most cores first."""
        enough = self._cores > 0
        for kind, amount in needs.items():
            if kind not in self._left:
                left = self._targets.ledger.left
                self._left[kind] = _array(left(n, kind) for n in self._names)
            enough &= self._left[kind] >= amount
        found = np.flatnonzero(enough)
        for n in found[np.argsort(-self._cores[found], kind='stable')]:
            yield float(self._cores[n]), self._names[n]


def _array(values: Iterable[float]) -> Amounts:
    return np.array([*values], float)


def _contended(
    zone: str, snapshot: Snapshot, targets: ExchangeTargets
) -> Sequence[str]:
    """Hosts with no cores left to give, those with least steal."""
    closed = closed_to_moves(snapshot)
    view = snapshot.view.hosts
    found = [
        name
        for name, host in snapshot.fleet.hosts.items()
        if host.zone == zone and name in view and name not in closed
        if takes_swaps(name, snapshot) and view[name].tier is not Tier.UNKNOWN
        if view[name].tier is Tier.HOT or targets.cores_left(name) <= 0
    ]
    return sorted(found, key=lambda n: (view[n].steal, n))[:CONTENDED]


def _closed(snapshot: Snapshot) -> set[str]:
    """Hosts that one leaves; or has left within the cooldown, and none came.

    So room that others have taken is not made over and over.
    """
    since = snapshot.now - snapshot.rules.limits.cooldown
    left = collections.defaultdict[str | None, float](float)
    came = collections.defaultdict[str | None, float](float)
    for record in snapshot.fleet.ours:
        if record.completed and record.updated_at >= since:
            at = record.updated_at
            left[record.source] = max(left[record.source], at)
            came[record.target] = max(came[record.target], at)
    return {
        *(move.source for move in snapshot.moves.values()),
        *(host for host, at in left.items() if host and at >= came[host]),
    }
