"""What nova-scheduler should know now: how fit each host is."""

import dataclasses
import enum
from collections.abc import Mapping

from steal_scheduler.model import Fleet, Server, ServerSignal, Signals
from steal_scheduler.move import Move, Stage


class Tier(enum.IntEnum):
    """How fit a host is to take a server. The order is the ranking's."""

    COLD = 0
    UNKNOWN = 1
    HOT = 2


@dataclasses.dataclass(frozen=True, slots=True)
class HostView:
    """One host, as a place to put a server."""

    tier: Tier
    #: Share of the time its servers wanted to run that they had to wait.
    steal: float = 0.0
    #: Cores its servers would use if they never waited.
    demand: float = 0.0
    cores: float = 0.0
    #: Cores that are on their way, or that no signal shows yet.
    credit: float = 0.0
    #: Our moves that are on their way to it.
    arrivals: int = 0

    @property
    def head_room(self) -> float:
        return self.cores - self.demand - self.credit

    @property
    def pressure(self) -> float:
        """Demand per core: unlike utilisation it does not stop at 1."""
        if not self.cores:
            return 0.0
        return (self.demand + self.credit) / self.cores


@dataclasses.dataclass(frozen=True, slots=True)
class Mover:
    """A server that we are about to move."""

    role: str | None
    zone: str | None
    source: str
    demand: float


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """What is broadcast to every nova-scheduler worker."""

    taken_at: float
    hosts: Mapping[str, HostView]
    #: role -> host -> servers of that role, arrivals counted.
    roles: Mapping[str, Mapping[str, int]]
    movers: Mapping[str, Mover]
    #: Width of a steal band, in percent.
    steal_band: float = 2.0
    #: Percent of its cores that a host's demand may reach by an arrival.
    target_demand: float = 90.0
    #: Our moves that one host may be given at a time.
    max_arrivals: int = 1

    def takes(self, name: str, demand: float) -> bool:
        """Whether the host can be given this many cores and stay cold."""
        host = self.hosts.get(name)
        return (
            host is not None
            and host.tier is Tier.COLD
            and host.arrivals < self.max_arrivals
            and self.has_room(host, demand)
        )

    def has_room(self, host: HostView, demand: float) -> bool:
        """Whether the demand still fits what a host's may reach."""
        return (
            host.demand + host.credit + demand
        ) * 100 <= self.target_demand * host.cores


@dataclasses.dataclass(frozen=True, slots=True)
class HeatRules:
    """When a host is hot; option names and units of ``[placement]``."""

    host_steal_threshold: float = 5.0
    relief_demand: float = 100.0
    target_demand: float = 90.0
    steal_band: float = 2.0
    slots_per_target: int = 1
    coverage_floor: float = 80.0


def build(
    usable: Signals,
    fleet: Fleet,
    moves: Mapping[str, Move],
    rules: HeatRules,
) -> View:
    """Say of every host how fit it is to take a server now.

    :param usable: fresh signals only, see ``evidence.usable``
    :param moves: in flight, by server id
    """
    here: dict[str, list[Server]] = {name: [] for name in fleet.hosts}
    roles: dict[str, dict[str, int]] = {}
    for server in fleet.servers.values():
        if server.host in here:
            here[server.host].append(server)
        move = moves.get(server.server_id)
        host = (move and move.arriving and move.target) or server.host
        if server.role and host:
            counts = roles.setdefault(server.role, {})
            counts[host] = counts.get(host, 0) + 1
    arriving: dict[str, list[Move]] = {}
    for move in moves.values():
        if move.arriving and move.target:
            arriving.setdefault(move.target, []).append(move)
    return View(
        taken_at=usable.taken_at,
        hosts={
            name: _host_view(
                name, servers, arriving.get(name, []), usable, rules
            )
            for name, servers in here.items()
        },
        roles=roles,
        movers={
            m.server_id: Mover(m.role, m.zone, m.source, m.demand)
            for m in moves.values()
            # Later on, whoever asks for a host for it, it is not us.
            if m.stage in (Stage.DRAIN, Stage.REQUEST)
        },
        steal_band=rules.steal_band,
        target_demand=rules.target_demand,
        max_arrivals=rules.slots_per_target,
    )


def _host_view(
    name: str,
    servers: list[Server],
    arriving: list[Move],
    usable: Signals,
    rules: HeatRules,
) -> HostView:
    used = waited = credit = 0.0
    blind = 0
    expected = {move.server_id: move for move in arriving}
    signals = usable.servers
    for server in servers:
        signal = signals.get(server.server_id)
        if signal is not None:
            used += signal.used
            waited += signal.waited
        elif server.server_id not in expected and server.status == 'ACTIVE':
            # It runs here unseen: assume the worst, never idleness.
            blind += 1
            credit += server.vcpus
    for move in arriving:
        credit += max(0.0, move.demand - _shown(signals, move, name))
    host = usable.hosts.get(name)
    steal = waited / (used + waited) if used + waited > 0 else 0.0
    # What else runs there is not to be had either.
    demand = max(used, (host and host.used) or 0.0) + waited
    seen = len(servers) - blind
    if (
        host is None
        or not host.trusted
        or host.cores <= 0
        or (blind and seen * 100 < rules.coverage_floor * len(servers))
    ):
        tier = Tier.UNKNOWN
    elif (
        steal * 100 >= rules.host_steal_threshold
        or (demand + credit) * 100 > rules.relief_demand * host.cores
    ):
        tier = Tier.HOT
    else:
        tier = Tier.COLD
    return HostView(
        tier=tier,
        steal=steal,
        demand=demand,
        cores=host.cores if host else 0.0,
        credit=credit,
        arrivals=sum(move.occupies for move in arriving),
    )


def _shown(
    signals: Mapping[str, ServerSignal], move: Move, host: str
) -> float:
    """Cores of the arriving server that the host's signals already show."""
    signal = signals.get(move.server_id)
    return signal.demand if signal and signal.host == host else 0.0
