"""Everything that is configured and decides: a class for each section.

Names and units are those of the options. Nothing has a default here: the
options have them, and ``conf/rules.py`` fills these in.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence, Set

from steal_scheduler.model import assignment


@dataclasses.dataclass(frozen=True, slots=True)
class DetectionRules:
    """When a server is contended; ``[detection]``."""

    #: Percent of the time it wanted to run.
    steal_threshold: float
    #: Load average (or demand) per vCPU.
    load_threshold: float
    #: Percent of its seconds that are bad: over both limits at once.
    bad_seconds_threshold: float
    polls_contended: int
    polls_window: int


@dataclasses.dataclass(frozen=True, slots=True)
class HostRules:
    """Which hosts may give and take; ``[hosts]``."""

    #: Percent of the time that its servers wanted to run.
    host_steal_threshold: float
    #: Percent of its cores that a host's demand may reach by an arrival.
    target_demand: float
    #: Percent of its network that may be used for a move to begin.
    network_threshold: float
    #: Local disks are shared: a migration copies memory only.
    shared_storage: bool
    #: The servers of the largest host of a zone keep places on the others.
    keep_room_for_host_failure: bool


@dataclasses.dataclass(frozen=True, slots=True)
class MaxUnavailable:
    """A number of servers, or percent of them; None for the other.

    Without both there is no limit.
    """

    count: int | None
    percent: float | None

    def of(self, servers: int) -> float:
        """How many of so many may be unavailable; by a share one at least.

        For example 25 % of 3 servers is 1, and of 9 servers 2.
        """
        if self.count is not None:
            return self.count
        if self.percent is None:
            return math.inf
        return max(1, int(servers * self.percent / 100))


@dataclasses.dataclass(frozen=True, slots=True)
class LimitRules:
    """How much may be moved at a time; ``[limits]``."""

    slots: int
    slots_per_target: int
    #: Of the servers of one role of a project.
    max_unavailable: MaxUnavailable
    #: MiB per second on average.
    copy_rate: float
    #: Seconds.
    cooldown: float
    breaker_failures: int
    breaker_pause: float
    #: Percent of running servers that must have a fresh signal.
    coverage_floor: float
    #: Pairs of seconds after midnight UTC.
    blackout: Sequence[tuple[int, int]]


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """All of them, passed whole."""

    detection: DetectionRules
    hosts: HostRules
    limits: LimitRules
    #: Of ``[host_checks]``: names of the checks that are not made.
    disabled_checks: Set[str]
    #: Of ``[signals]``, in seconds.
    max_age: float
    #: Of ``[stages]``: seconds that a drain, with the wait for its turn, may
    #: take, a migration of a small server, and one of any; and after which a
    #: server should be reattached.
    drain_timeout: float
    migration_timeout: float
    longest_migration: float
    reattach_alarm: float
    #: Of ``[migrator]``: say what would be moved, and move nothing; end the
    #: ERROR that an abort of ours has left.
    dry_run: bool
    reset_state: bool
    #: Whom each orchestrator is for, in the order of the drain.
    assignment: tuple[assignment.Rule, ...]
    #: Of ``[roles]``: by project id, with whom it has its roles in common.
    project_groups: Mapping[str, str]
