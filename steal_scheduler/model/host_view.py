"""The view: how fit each host is to take a server, for nova-scheduler."""

import dataclasses
import enum
from collections.abc import Mapping, Set

from steal_scheduler.model.demand import Demand
from steal_scheduler.model.rankings import NO_RANKINGS, Rankings
from steal_scheduler.model.roles import role_key


class Tier(enum.IntEnum):
    """How fit a host is to take a server. The order is the ranking's."""

    COLD = 0
    UNKNOWN = 1
    HOT = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Lately:
    """A share, 0 to 1, as a mean of the last readings."""

    share: float
    #: So many since it is known.
    readings: int


@dataclasses.dataclass(frozen=True, slots=True)
class HostView:
    """One host, as a place to put a server."""

    tier: Tier
    #: Share of the time its servers wanted to run that they had to wait.
    steal: float = 0.0
    #: Cores that its servers are expected to ask for.
    demand: float = 0.0
    cores: float = 0.0
    #: Cores that are on their way, or that no signal shows yet.
    credit: float = 0.0
    #: Our moves that are on their way to it.
    arrivals: int = 0
    #: Runnable vCPUs per core, as counted there; None where nobody counts.
    runnable: float | None = None
    #: Its availability zone; None where Nova did not tell it.
    zone: str | None = None
    #: Within which that lies. NOTE: nova-scheduler is not told.
    bounds: Demand | None = None
    #: Share of its servers' seconds that were bad lately; None where nobody
    #: counts them. NOTE: nova-scheduler is not told.
    bad_seconds: Lately | None = None

    @property
    def asked(self) -> Demand:
        """What its servers ask for, as exactly as is known."""
        return self.bounds or Demand.exactly(self.demand)

    @property
    def busy(self) -> float:
        """Share of its cores that are in use; 1 where nobody knows."""
        return self.asked.low / self.cores if self.cores else 1.0

    @property
    def head_room(self) -> float:
        return self.cores - self.demand - self.credit

    @property
    def pressure(self) -> float:
        """Who wants to run, per core: it does not stop at 1, as use does.

        Where nobody counts the runnable vCPUs, demand stands in.
        """
        if not self.cores:
            return 0.0
        queue = self.demand / self.cores
        if self.runnable is not None:
            queue = self.runnable
        return queue + self.credit / self.cores


@dataclasses.dataclass(frozen=True, slots=True)
class Mover:
    """A server that we are about to move."""

    #: Its role, as ``View.role_key`` has it.
    role: str | None
    source: str
    demand: float


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """What every nova-scheduler worker is sent."""

    taken_at: float
    hosts: Mapping[str, HostView]
    #: Role, see ``role_key`` -> host -> its servers, arrivals counted.
    roles: Mapping[str, Mapping[str, int]]
    movers: Mapping[str, Mover]
    #: Percent of its cores that a host's demand may reach by an arrival.
    target_demand: float = 90.0
    #: Our moves that one host may be given at a time.
    max_arrivals: int = 1
    #: Steal from which on a host is given none, in percent.
    steal_threshold: float = 5.0
    #: By project id: projects of one group have their roles in common. None
    #: in a view of version 4, in which all projects have.
    project_groups: Mapping[str, str] | None = dataclasses.field(
        default_factory=dict
    )
    #: Of the movers; none where the migrator is of before there were any.
    rankings: Rankings = NO_RANKINGS
    #: Hosts that an operator has emptied: nobody is placed there.
    emptied: Set[str] = frozenset()

    def role_key(self, role: str | None, project_id: str) -> str | None:
        """By which ``roles`` knows the role of a project's server."""
        if self.project_groups is None:
            return role or None
        return role_key(role, project_id, self.project_groups)

    def fit(self, host: HostView) -> bool:
        """Whether a move of ours may go there at all.

        Cold is not enough: in a fleet where everybody waits, the least bad
        hosts are cold.
        """
        return (
            host.tier is Tier.COLD and host.steal * 100 < self.steal_threshold
        )

    def avoids(self, name: str) -> bool:
        """Whether a host is bad for anybody's move."""
        host = self.hosts.get(name)
        return host is not None and (
            host.tier is Tier.HOT or host.steal * 100 >= self.steal_threshold
        )

    def takes(self, name: str, demand: float) -> bool:
        """Whether the host can be given this many cores and stay cold."""
        host = self.hosts.get(name)
        return (
            host is not None
            and self.fit(host)
            and host.arrivals < self.max_arrivals
            and self.has_room(host, demand)
        )

    def has_room(self, host: HostView, demand: float) -> bool:
        """Whether the demand still fits what a host's may reach."""
        return (
            host.demand + host.credit + demand
        ) * 100 <= self.target_demand * host.cores

    def room_by_use(self, host: HostView) -> float:
        """Cores that it could be given, if just what is used is asked for."""
        most = self.target_demand / 100 * host.cores
        return most - host.asked.low - host.credit


NO_VIEW = View(0.0, {}, {}, {})
