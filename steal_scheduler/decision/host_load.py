"""From signals to the view: how fit each host is to take a server now."""

import dataclasses
from collections.abc import Mapping

from steal_scheduler.decision import arrivals, thresholds
from steal_scheduler.decision.thresholds import HeatRules
from steal_scheduler.decision.usable_signals import Evidence
from steal_scheduler.model.cloud import Fleet, Migration, Server, Signals
from steal_scheduler.model.host_view import HostView, Mover, Tier, View
from steal_scheduler.model.move import Move, Stage


def survey(
    known: Evidence,
    fleet: Fleet,
    moves: Mapping[str, Move],
    rules: HeatRules,
    before: View | None = None,
) -> View:
    """Say of every host how fit it is to take a server now.

    :param moves: in flight, by server id
    :param before: the last view, if there was one
    """
    usable = known.usable
    here: dict[str, list[Server]] = {name: [] for name in fleet.hosts}
    for server in fleet.servers.values():
        if server.host in here:
            here[server.host].append(server)
    arriving: dict[str, list[Move]] = {}
    for move in moves.values():
        if move.arriving and move.target:
            arriving.setdefault(move.target, []).append(move)
    came = arrivals.brought(fleet)
    hosts = {
        name: dataclasses.replace(
            _host(name, servers, arriving.get(name, []), came, usable),
            zone=fleet.hosts[name].zone or None,
        )
        for name, servers in here.items()
    }
    believed = {
        name
        for name, host in hosts.items()
        if host.cores > 0 and name not in known.distrust
    }
    lines = thresholds.lines((hosts[name] for name in believed), rules)
    tiers = {n: h.tier for n, h in before.hosts.items()} if before else {}
    return View(
        taken_at=usable.taken_at,
        hosts={
            name: dataclasses.replace(
                host, tier=lines.tier(host, tiers.get(name))
            )
            if name in believed
            else host
            for name, host in hosts.items()
        },
        roles=_roles(fleet, moves),
        movers={
            m.server_id: Mover(m.role, m.zone, m.source, m.demand)
            for m in moves.values()
            # Later on, whoever asks for a host for it, it is not us.
            if m.stage in (Stage.DRAIN, Stage.REQUEST)
        },
        steal_band=rules.steal_band,
        target_demand=rules.target_demand,
        max_arrivals=rules.slots_per_target,
        steal_threshold=rules.host_steal_threshold,
    )


def _roles(
    fleet: Fleet, moves: Mapping[str, Move]
) -> dict[str, dict[str, int]]:
    """Role -> host -> servers, those on their way counted where they go."""
    roles: dict[str, dict[str, int]] = {}
    for server in fleet.servers.values():
        move = moves.get(server.server_id)
        host = (move and move.arriving and move.target) or server.host
        if server.role and host:
            counts = roles.setdefault(server.role, {})
            counts[host] = counts.get(host, 0) + 1
    return roles


def _host(
    name: str,
    servers: list[Server],
    arriving: list[Move],
    came: Mapping[str, Migration],
    usable: Signals,
) -> HostView:
    """Add up what is there and what is on its way; the tier comes later."""
    used = waited = credit = 0.0
    expected = {move.server_id for move in arriving}
    signals = usable.servers
    for server in servers:
        server_id = server.server_id
        signal = signals.get(server_id)
        if signal is not None:
            used += signal.used
            waited += signal.waited
            if server_id in came and server_id not in expected:
                credit += arrivals.unseen_demand(
                    server, signal, came[server_id], usable.window
                )
        elif server_id not in expected and server.status == 'ACTIVE':
            # It runs here unseen: assume the worst, never idleness.
            credit += server.vcpus
    for move in arriving:
        signal = signals.get(move.server_id)
        shown = signal.demand if signal and signal.host == name else 0.0
        credit += max(0.0, move.demand - shown)
    host = usable.hosts.get(name)
    return HostView(
        tier=Tier.UNKNOWN,
        steal=waited / (used + waited) if used + waited > 0 else 0.0,
        # What else runs there is not to be had either.
        demand=max(used, (host and host.used) or 0.0) + waited,
        cores=host.cores if host else 0.0,
        credit=credit,
        arrivals=sum(move.occupies for move in arriving),
        runnable=host.runnable if host else None,
    )
