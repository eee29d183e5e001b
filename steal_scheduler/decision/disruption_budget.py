"""What is out of service already, and so keeps others in it.

A role has a budget, whatever took its servers out. And where a server cannot
be put back into its orchestrator, no further one is taken out of that.
"""

import collections
import dataclasses
import math
from collections.abc import Mapping, Sequence

from steal_scheduler.model import assignment
from steal_scheduler.model.assignment import Rule
from steal_scheduler.model.cloud import Fleet
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import Refusal, Why


@dataclasses.dataclass(frozen=True, slots=True)
class OutRules:
    #: Servers of a role, or percent of them, that may be out; None: no limit.
    role_out: int | None = None
    role_out_percent: float | None = 50.0
    #: Seconds after which a server that should be back is stuck.
    reattach_alarm: float = 300.0
    routes: tuple[Rule, ...] = ()

    def budget(self, servers: int) -> float:
        """How many of so many may be out: at least one by a share."""
        if self.role_out is not None:
            return self.role_out
        if self.role_out_percent is None:
            return math.inf
        return max(1, int(servers * self.role_out_percent / 100))


class Out:
    """Counts who is out; every admitted move is one more."""

    def __init__(
        self,
        fleet: Fleet,
        moves: Mapping[str, Move],
        rules: OutRules,
        now: float,
    ) -> None:
        self._fleet = fleet
        self._rules = rules
        self._all: collections.Counter[str] = collections.Counter()
        self._out: collections.Counter[str] = collections.Counter()
        for server in fleet.servers.values():
            if server.role:
                self._all[server.role] += 1
                move = moves.get(server.server_id)
                self._out[server.role] += server.status != 'ACTIVE' or bool(
                    move and move.occupies
                )
        #: Orchestrator -> id of a server that it does not take back.
        self._stuck: dict[str, str] = {}
        for move in moves.values():
            if move.stuck(now, rules.reattach_alarm):
                for name in self._orchestrators(move):
                    self._stuck.setdefault(name, move.server_id)

    def refusal(self, move: Move) -> Refusal | None:
        """Why this one must stay in service now."""
        role = move.role or ''
        budget = self._rules.budget(self._all[role])
        if role and self._out[role] >= budget:
            return Refusal(
                Why.ROLE_OUT,
                f'{self._out[role]} of the {self._all[role]} servers of role '
                f'{role} are out of service, and role_out allows {budget:g}',
                move.server_id,
            )
        for name in self._orchestrators(move):
            if name in self._stuck:
                return Refusal(
                    Why.STUCK,
                    f'{name} does not take {self._stuck[name]} back, and gets '
                    'no other to take out until then',
                    move.server_id,
                )
        return None

    def add(self, move: Move) -> None:
        """This one goes out as well."""
        self._out[move.role or ''] += 1

    def _orchestrators(self, move: Move) -> Sequence[str]:
        server = self._fleet.servers.get(move.server_id)
        if server is None:
            return ()
        try:
            found = assignment.assignments(server, self._rules.routes)
        except assignment.InvalidOrchestrator:
            return ()
        return [assigned.orchestrator for assigned in found]
