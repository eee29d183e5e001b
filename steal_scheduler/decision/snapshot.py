"""The snapshot: everything that one tick knows, passed whole."""

import dataclasses
from collections.abc import Mapping, Sequence

from steal_scheduler.decision.demand_log import DemandLog
from steal_scheduler.decision.host_checks import UnreliableHost
from steal_scheduler.decision.rules import Rules
from steal_scheduler.model.asked import NOTHING_ASKED, Asked
from steal_scheduler.model.cloud import Fleet, Server, Signals
from steal_scheduler.model.host_view import NO_VIEW, View
from steal_scheduler.model.move import Ended, Move
from steal_scheduler.model.proposal import Notice, Proposal
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.model.roles import role_key
from steal_scheduler.model.room import UNTOLD, Room
from steal_scheduler.model.scheduler import Scheduler


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """Built first, and filled in by the steps of a tick, each a new one.

    ``usable_signals`` replaces the signals, ``moves/state.py`` the moves,
    ``host_load.py`` the view, and the tick the room, once there are findings.
    """

    now: float
    rules: Rules
    #: What Nova tells.
    fleet: Fleet
    #: What was measured; then only what of it can be acted on.
    signals: Signals
    #: What servers asked for before. NOTE: the process' own, to which a sample
    #: is added before a decision.
    past: DemandLog = dataclasses.field(default_factory=DemandLog)
    #: Hosts whose metrics are unreliable, by name.
    unreliable: Mapping[str, UnreliableHost] = dataclasses.field(
        default_factory=dict
    )
    #: Why what was measured of a server is not used, by server id: it cannot
    #: be, or is a part of it.
    left_out: Mapping[str, Refusal] = dataclasses.field(default_factory=dict)
    #: In flight, by server id. NOTE: the tick's own, which its steps change.
    moves: Mapping[str, Move] = dataclasses.field(default_factory=dict)
    #: By server id, tags that a newer version of us wrote.
    newer_tags: Mapping[str, Sequence[str]] = dataclasses.field(
        default_factory=dict
    )
    #: How the last move of a server ended, by server id, as remembered.
    ended: Mapping[str, Ended] = dataclasses.field(default_factory=dict)
    #: How fit each host is to take a server.
    view: View = NO_VIEW
    #: What hosts have left, as read for the decision.
    room: Room = UNTOLD
    #: That view has reached the message bus.
    sent: bool = False
    #: By host, who of nova-scheduler takes the views.
    schedulers: Mapping[str, Scheduler] = dataclasses.field(
        default_factory=dict
    )
    #: By server id, moves that wait for a yes, or have one.
    approvals: Mapping[str, Proposal] = dataclasses.field(default_factory=dict)
    #: By server id, whose owner was told of a move.
    notices: Mapping[str, Notice] = dataclasses.field(default_factory=dict)
    #: A call may be under way that the leader before began.
    handover: bool = False
    #: What people have asked for now.
    asked: Asked = NOTHING_ASKED

    def occupies(self, move: Move) -> bool:
        """Whether it holds a slot now."""
        return move.occupies(self.now, self.rules.reattach_alarm)

    @property
    def longest_migration(self) -> float:
        """Seconds that a migration may take, however large the server is."""
        rules = self.rules
        return max(rules.longest_migration, rules.migration_timeout)

    def copy_timeout(self, copy_mb: int) -> float:
        """Seconds that a migration may take that copies so much.

        Twice as long as it takes at ``copy_rate``, for what a guest writes
        meanwhile is copied again. For example 512 GiB at 100 MiB/s take 5243
        s, and may take 10486; 4 GiB take 41 s, and may take the 1800 s of
        ``migration_timeout``.
        """
        rules = self.rules
        seconds = 2 * copy_mb / rules.limits.copy_rate
        return min(
            max(seconds, rules.migration_timeout), self.longest_migration
        )

    def role_key(self, server: Server) -> str | None:
        """By which the servers of its role are counted; None without one."""
        return role_key(
            server.role, server.project_id, self.rules.project_groups
        )

    def copy_mb(self, server: Server) -> int:
        """MiB that a live migration of the server copies at least once.

        For example 4096 of a server with 4 GiB of memory and 10 GiB of disk
        on shared storage, and 14336 where its disk is local.
        """
        shared = self.rules.hosts.shared_storage
        return server.ram_mb + (0 if shared else server.disk_gb * 1024)
