"""The disruption budget: who is unavailable keeps others in service.

A role of a project has one budget, whatever made its servers unavailable. And
where a server cannot be reattached to its orchestrator, no further one is
drained there.
"""

import collections

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model import assignment
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import Nos, Reason


class Unavailable:
    """Counts who is unavailable; every admitted move is one more."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._servers = snapshot.fleet.servers
        self._rules = snapshot.rules
        self._role_key = snapshot.role_key
        self._all: collections.Counter[str] = collections.Counter()
        self._unavailable: collections.Counter[str] = collections.Counter()
        for server_id, server in self._servers.items():
            if role := snapshot.role_key(server):
                self._all[role] += 1
                move = snapshot.moves.get(server_id)
                self._unavailable[role] += server.status != 'ACTIVE' or bool(
                    move and move.occupies
                )
        #: Orchestrator -> id of a server that it does not take back.
        self._blocked: dict[str, str] = {}
        for move in snapshot.moves.values():
            if move.reattach_blocked(snapshot.now, self._rules.reattach_alarm):
                for name in self._orchestrators(move):
                    self._blocked.setdefault(name, move.server_id)

    def nos(self, move: Move) -> Nos:
        """Why this one must stay in service now.

        For example with 25 %, of a role of 8 servers 2 may be unavailable:
        where one was shut off by its tenant and one is being moved, a third
        one stays.
        """
        role = self._role_key(move.server) or ''
        count, all_ = self._unavailable[role], self._all[role]
        budget = self._rules.limits.max_unavailable.of(all_)
        if role and count >= budget:
            yield (
                Reason.MAX_UNAVAILABLE,
                f'{count} of the {all_} servers of role '
                f'{move.server.role} of its project are unavailable, and '
                f'[limits] max_unavailable allows {budget:g}',
            )
        for name in self._orchestrators(move):
            if name in self._blocked:
                yield (
                    Reason.REATTACH_BLOCKED,
                    f'server {self._blocked[name]} cannot be reattached to '
                    f'{name}: no other is drained there until then',
                )

    def add(self, move: Move) -> None:
        """This one becomes unavailable as well."""
        self._unavailable[self._role_key(move.server) or ''] += 1

    def _orchestrators(self, move: Move) -> list[str]:
        if move.server.gone:
            return []
        try:
            found = assignment.assignments(move.server, self._rules.assignment)
        except assignment.InvalidOrchestrator:
            return []
        return [assigned.orchestrator for assigned in found]
