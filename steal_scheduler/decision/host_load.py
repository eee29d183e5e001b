"""The load of each host, and the view: how fit it is to take a server now.

Hot is Prequal's rule, with two measures of it: a host is hot by what its
servers wait, or by how many want to run at once. It has to be over a fixed
threshold *and* over the one that parts the fleet: where most hosts are bad,
the least bad are still the better place.
"""

import collections
import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping, Sequence, Set

from steal_scheduler.decision import (
    arrivals,
    bursts,
    census,
    emptied,
    network,
    pauses,
    ranking,
)
from steal_scheduler.decision.demand import IDLE, demand
from steal_scheduler.decision.others import others
from steal_scheduler.decision.room import making_room
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Host, Server, ServerSignal
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.host_view import (
    HostView,
    Lately,
    Mover,
    Tier,
    View,
)
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.threads import NO_THREADS

#: Share of the hosts that a hot host must be worse than: about one in six may
#: be hot by its steal, and one in six by its demand. It is one standard
#: deviation above the mean.
HOT_QUANTILE = 0.84
#: Hosts of a zone without which nothing parts them: of two, one is always the
#: worse.
FEW = 5
#: Demand down to which a host is relieved, as a share of its cores: just the
#: excess leaves.
RELIEF_DEMAND = 1.0


class Thresholds:
    """Shares of 1; pressure is runnable vCPUs per core, credit counted.

    A host is hot by a measure if it reaches the fixed threshold and is beyond
    the fleet's.
    """

    def __init__(
        self, hosts: Collection[HostView], host_steal_threshold: float
    ) -> None:
        """Set them for the hosts of a zone; the fixed one alone for a few.

        :param hosts: those that are measured, with reliable metrics
        :param host_steal_threshold: percent
        """
        self.steal = host_steal_threshold / 100
        many = hosts if len(hosts) >= FEW else ()
        self.fleet_steal = _hot_quantile([h.steal for h in many])
        self.fleet_pressure = _hot_quantile([h.pressure for h in many])

    def tier(self, host: HostView, before: Tier | None) -> Tier:
        """The tier of a host that is known.

        What lies a band below a fixed threshold is still hot if it was:
        noise must not decide. NOTE: not so below the fleet's, or each noise
        would leave some more hosts hot for ever.

        :param before: its tier in the view before
        """
        steal, pressure = self.steal, RELIEF_DEMAND
        if before is Tier.HOT:
            steal, pressure = _below(steal), _below(pressure)
        hot = (host.steal >= steal and host.steal > self.fleet_steal) or (
            host.pressure > max(pressure, self.fleet_pressure)
        )
        return Tier.HOT if hot else Tier.COLD


def build_view(snapshot: Snapshot, before: View | None = None) -> View:
    """Say of every host how fit it is to take a server now.

    :param before: the last view, if there was one
    """
    fleet, rules = snapshot.fleet, snapshot.rules
    arriving = collections.defaultdict[str | None, list[Move]](list)
    for move in snapshot.moves.values():
        if move.arriving:
            arriving[move.target].append(move)
    hosts = {
        name: _host(host, arriving.get(name, ()), snapshot, before)
        for name, host in fleet.hosts.items()
    }
    reliable = {n: h for n, h in hosts.items() if h.tier is Tier.COLD}
    zones = collections.defaultdict[str | None, list[HostView]](list)
    for host in reliable.values():
        zones[host.zone].append(host)
    # Servers never leave their zone, so it is the fleet.
    hot = {
        zone: Thresholds(there, rules.hosts.host_steal_threshold)
        for zone, there in zones.items()
    }
    tiers = {n: h.tier for n, h in before.hosts.items()} if before else {}
    empty = frozenset(emptied.hosts(snapshot))
    closed = closed_to_moves(snapshot) | empty
    # What is left there is for somebody already.
    closed |= {move.source for move in making_room(snapshot.moves)}
    for name, host in reliable.items():
        tier = hot[host.zone].tier(host, tiers.get(name))
        if tier is Tier.COLD and name in closed:
            # None of our moves goes to a host that is not cold.
            tier = Tier.UNKNOWN
        if tier is not host.tier:
            hosts[name] = dataclasses.replace(host, tier=tier)
    return View(
        taken_at=snapshot.signals.taken_at,
        hosts=hosts,
        roles=_roles(snapshot),
        movers=movers(snapshot),
        target_demand=rules.hosts.target_demand,
        max_arrivals=rules.limits.slots_per_target,
        steal_threshold=rules.hosts.host_steal_threshold,
        project_groups=rules.project_groups,
        emptied=empty,
    )


def closed_to_moves(snapshot: Snapshot) -> Set[str]:
    """Hosts that are given none of our moves, whatever their load is."""
    busy = network.busy(snapshot) | others(snapshot).busy
    return pauses.hosts(snapshot) | busy


def movers(snapshot: Snapshot) -> dict[str, Mover]:
    """The servers that are about to move."""
    return {
        m.server_id: Mover(
            snapshot.role_key(m.server), m.source, m.demand.expected
        )
        for m in snapshot.moves.values()
        # Later on, whoever asks for a host for it, it is not us.
        if m.stage in (Stage.DRAIN, Stage.REQUEST)
    }


def _roles(snapshot: Snapshot) -> Mapping[str, Mapping[str, int]]:
    """Role -> host -> servers, those on their way counted where they go."""
    hosts = collections.defaultdict[str, list[str]](list)
    for of_project in census.of(snapshot.fleet).by_role.values():
        for servers in of_project.values():
            role = snapshot.role_key(servers[0]) or ''
            hosts[role] += [server.host for server in servers if server.host]
    roles = {
        role: collections.Counter(there)
        for role, there in hosts.items()
        if there
    }
    for move in snapshot.moves.values():
        server = snapshot.fleet.servers.get(move.server_id)
        if server and server.role and move.arriving and move.target:
            role = snapshot.role_key(server) or ''
            there = roles.setdefault(role, collections.Counter())
            there[move.target] += 1
            if server.host:
                there[server.host] -= 1
                if not there[server.host]:
                    del there[server.host]
    return roles


def _host(
    host: Host,
    arriving: Sequence[Move],
    snapshot: Snapshot,
    before: View | None,
) -> HostView:
    """Add up what is there and what is on its way; known hosts are cold.

    For example servers that use 6 cores and wait for 2 ask for 6 to 8, and
    their steal is 25 %. One of 4 vCPUs that runs there unseen adds a credit of
    4, and one that is on its way with 3 cores one of 3. What their own quotas
    hold back would wait on any host, and so it is no wait of this one.
    """
    usable = snapshot.signals
    there = census.of(snapshot.fleet).by_host.get(host.name, ())
    told = usable.servers
    seen = [signal for s in there if (signal := told.get(s.server_id))]
    measured = usable.hosts.get(host.name)
    cores = measured.cores if measured else 0.0
    # Threads that are no vCPUs take cores too, and wait for them.
    others = [s.threads.others for s in seen if s.threads is not NO_THREADS]
    contention = [s.contention for s in seen]
    used = sum([s.used for s in seen]) + sum([o.used for o in others])
    waited = sum(contention) + sum([o.waited for o in others])
    runnable = measured.runnable if measured else None
    if runnable is not None and cores:
        held = sum([s.waited for s in seen]) - sum(contention)
        runnable = max(runnable - held / cores, 0.0)
    # What else runs there is not to be had either.
    low = max(used, (measured and measured.used) or 0.0)
    asked = Demand(low, low, low + waited)
    if waited and low > IDLE * cores:
        busy = low / cores if cores else 1.0
        demands = [
            demand(s, usable.history.get(s.server_id), busy) for s in seen
        ]
        more = sum(d.expected - d.low for d in demands)
        asked = Demand(low, low + more, low + waited)
    known = cores > 0 and host.name not in snapshot.unreliable
    return HostView(
        tier=Tier.COLD if known else Tier.UNKNOWN,
        steal=waited / (used + waited) if used + waited > 0 else 0.0,
        demand=asked.expected,
        cores=cores,
        credit=_credit(there, arriving, snapshot),
        arrivals=sum([snapshot.occupies(move) for move in arriving]),
        runnable=runnable,
        zone=host.zone or None,
        bounds=asked,
        bad_seconds=_bad_seconds(host, seen, snapshot, before),
    )


def _credit(
    there: Iterable[Server], arriving: Sequence[Move], snapshot: Snapshot
) -> float:
    """Cores that are asked for there, or will be, and that nobody measures."""
    credit = 0.0
    expected = {move.server_id for move in arriving}
    told, migrated = snapshot.signals.servers, snapshot.fleet.migrations
    unclear = [
        s for s in there if s.server_id not in told or s.server_id in migrated
    ]
    for server in unclear:
        server_id = server.server_id
        if server_id in expected:
            continue
        signal = told.get(server_id)
        if signal is None:
            # It runs here unseen: assume the worst, never idleness.
            credit += server.shared_vcpus if server.status == 'ACTIVE' else 0
            continue
        came = arrivals.brought(snapshot.fleet, server_id)
        if came is not None:
            credit += arrivals.unseen_demand(
                server, signal, came, snapshot.signals.window
            )
    for move in arriving:
        signal = told.get(move.server_id)
        shown = 0.0
        if signal and signal.host == move.target:
            shown = signal.asked + signal.threads.others.asked
        credit += max(0.0, move.demand.expected - shown)
    return credit


def _bad_seconds(
    host: Host,
    seen: Collection[ServerSignal],
    snapshot: Snapshot,
    before: View | None,
) -> Lately | None:
    """What its servers' seconds were like lately."""
    last = before.hosts.get(host.name) if before else None
    if before and before.taken_at == snapshot.signals.taken_at:
        # A reading counts once.
        return last.bad_seconds if last else None
    return bursts.bad_seconds(seen, last)


def _below(threshold: float) -> float:
    # No host would ever be below a threshold by all of it.
    return max(threshold - ranking.STEAL_BAND / 100, threshold / 2)


def _hot_quantile(values: list[float]) -> float:
    """The value at that share of the sorted ones; below all without any."""
    if not values:
        return -math.inf
    return sorted(values)[math.floor(HOT_QUANTILE * (len(values) - 1))]
