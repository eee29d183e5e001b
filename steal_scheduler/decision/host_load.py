"""The load of each host, and the view: how fit it is to take a server now.

Hot is Prequal's rule, with two measures of it: a host is hot by what its
servers wait, or by how many want to run at once. It has to be over a fixed
threshold *and* over the one that parts the fleet: where most hosts are bad,
the least bad are still the better place.
"""

import collections
import dataclasses
import math
from collections.abc import Collection

from steal_scheduler.decision import (
    arrivals,
    bursts,
    network,
    pauses,
    ranking,
)
from steal_scheduler.decision.demand import IDLE, demand
from steal_scheduler.decision.others import others
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Host, Server, ServerSignal
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.host_view import HostView, Mover, Tier, View
from steal_scheduler.model.move import Move, Stage

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
    moves = snapshot.moves.values()
    here = collections.defaultdict[str | None, list[Server]](list)
    for server in fleet.servers.values():
        here[server.host].append(server)
    arriving = collections.defaultdict[str | None, list[Move]](list)
    for move in moves:
        if move.arriving:
            arriving[move.target].append(move)
    hosts = {
        name: _host(host, here[name], arriving[name], snapshot)
        for name, host in fleet.hosts.items()
    }
    hosts = _with_bad_seconds(hosts, snapshot, before)
    reliable = {
        name: host
        for name, host in hosts.items()
        if host.cores > 0 and name not in snapshot.unreliable
    }
    zones = collections.defaultdict[str | None, list[HostView]](list)
    for host in reliable.values():
        zones[host.zone].append(host)
    # Servers never leave their zone, so it is the fleet.
    hot = {
        zone: Thresholds(there, rules.hosts.host_steal_threshold)
        for zone, there in zones.items()
    }
    tiers = {n: h.tier for n, h in before.hosts.items()} if before else {}
    closed = (
        pauses.hosts(snapshot) | network.busy(snapshot) | others(snapshot).busy
    )
    for name, host in reliable.items():
        tier = hot[host.zone].tier(host, tiers.get(name))
        if tier is Tier.COLD and name in closed:
            # None of our moves goes to a host that is not cold.
            tier = Tier.UNKNOWN
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
    )


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


def _roles(snapshot: Snapshot) -> dict[str, dict[str, int]]:
    """Role -> host -> servers, those on their way counted where they go."""
    roles = collections.defaultdict[str, dict[str, int]](collections.Counter)
    moves = snapshot.moves
    for server_id, server in snapshot.fleet.servers.items():
        if not server.role:
            continue
        role = snapshot.role_key(server) or ''
        move = moves.get(server_id) if moves else None
        host = (move and move.arriving and move.target) or server.host
        if host:
            roles[role][host] += 1
    return roles


def _host(
    host: Host, servers: list[Server], arriving: list[Move], snapshot: Snapshot
) -> HostView:
    """Add up what is there and what is on its way; the tier comes later.

    For example servers that use 6 cores and wait for 2 ask for 6 to 8, and
    their steal is 25 %. One of 4 vCPUs that runs there unseen adds a credit of
    4, and one that is on its way with 3 cores one of 3. What their own quotas
    hold back would wait on any host, and so it is no wait of this one.
    """
    credit = 0.0
    seen: list[ServerSignal] = []
    expected = {move.server_id for move in arriving}
    usable = snapshot.signals
    for server in servers:
        server_id = server.server_id
        signal = usable.servers.get(server_id)
        if signal is not None:
            seen.append(signal)
            came = arrivals.brought(snapshot.fleet, server_id)
            if came is not None and server_id not in expected:
                credit += arrivals.unseen_demand(
                    server, signal, came, usable.window
                )
        elif server_id not in expected and server.status == 'ACTIVE':
            # It runs here unseen: assume the worst, never idleness.
            credit += server.shared_vcpus
    for move in arriving:
        signal = usable.servers.get(move.server_id)
        shown = 0.0
        if signal and signal.host == host.name:
            shown = signal.asked + signal.threads.others.asked
        credit += max(0.0, move.demand.expected - shown)
    measured = usable.hosts.get(host.name)
    cores = measured.cores if measured else 0.0
    # Threads that are no vCPUs take cores too, and wait for them.
    others = [signal.threads.others for signal in seen]
    used = sum(s.used for s in seen) + sum(o.used for o in others)
    waited = sum(s.contention for s in seen) + sum(o.waited for o in others)
    runnable = measured.runnable if measured else None
    if runnable is not None and cores:
        held = sum(signal.waited - signal.contention for signal in seen)
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
    return HostView(
        tier=Tier.UNKNOWN,
        steal=waited / (used + waited) if used + waited > 0 else 0.0,
        demand=asked.expected,
        cores=cores,
        credit=credit,
        arrivals=sum(snapshot.occupies(move) for move in arriving),
        runnable=runnable,
        zone=host.zone or None,
        bounds=asked,
    )


def _with_bad_seconds(
    hosts: dict[str, HostView], snapshot: Snapshot, before: View | None
) -> dict[str, HostView]:
    """The same, with what their servers' seconds were like lately."""
    # A reading counts once.
    fresh = before is None or before.taken_at != snapshot.signals.taken_at
    here = collections.defaultdict[str | None, list[ServerSignal]](list)
    for signal in snapshot.signals.servers.values() if fresh else ():
        here[signal.host].append(signal)
    found = {}
    for name, host in hosts.items():
        last = before.hosts.get(name) if before else None
        bad = last.bad_seconds if last else None
        if fresh:
            bad = bursts.bad_seconds(here[name], last)
        found[name] = dataclasses.replace(host, bad_seconds=bad)
    return found


def _below(threshold: float) -> float:
    # No host would ever be below a threshold by all of it.
    return max(threshold - ranking.STEAL_BAND / 100, threshold / 2)


def _hot_quantile(values: list[float]) -> float:
    """The value at that share of the sorted ones; below all without any."""
    if not values:
        return -math.inf
    return sorted(values)[math.floor(HOT_QUANTILE * (len(values) - 1))]
