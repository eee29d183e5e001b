"""The disruption budget: who is unavailable keeps others in service.

A role of a project has one budget, whatever made its servers unavailable. And
where a server cannot be reattached to its orchestrator, no further one of its
project is drained there; where servers of many projects cannot, none at all.
"""

import collections

from steal_scheduler.decision import census
from steal_scheduler.decision.records import is_anybodys
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model import assignment
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import Nos, Reason


class Unavailable:
    """Counts who is unavailable; every admitted move is one more."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._servers = snapshot.fleet.servers
        self._rules = snapshot.rules
        self._role_key = snapshot.role_key
        #: By role, its servers in its projects.
        self._all = collections.defaultdict[str, list[Server]](list)
        for roles in census.of(snapshot.fleet).by_role.values():
            for servers in roles.values():
                self._all[snapshot.role_key(servers[0]) or ''] += servers
        self._moving = {
            server_id
            for server_id, move in snapshot.moves.items()
            if move.unavailable
        }
        #: By role, as far as it was asked for.
        self._unavailable: dict[str, int] = {}
        #: By orchestrator, those that may be blocked there.
        self._projects: dict[str, set[str]] = {}
        #: Orchestrator -> project -> id of a server that it does not take
        #: back.
        self._blocked: dict[str, dict[str, str]] = {}
        alarm = self._rules.reattach_alarm
        for move in snapshot.moves.values():
            # That an orphan was drained at all only its orchestrator says.
            if not move.orphan and move.reattach_blocked(snapshot.now, alarm):
                for name in self._orchestrators(move.server):
                    found = self._blocked.setdefault(name, {})
                    found.setdefault(move.server.project_id, move.server_id)

    def nos(self, move: Move) -> Nos:
        """Why this one must stay in service now.

        For example with 25 %, of a role of 8 servers 2 may be unavailable:
        where one was shut off by its tenant and one is being moved, a third
        one stays.
        """
        role = self._role_key(move.server) or ''
        count, all_ = self._count(role), len(self._all.get(role, ()))
        budget = self._rules.limits.max_unavailable.of(all_)
        if role and count >= budget:
            yield (
                Reason.MAX_UNAVAILABLE,
                f'{count} of the {all_} servers of role '
                f'{move.server.role} of its project are unavailable, and '
                f'[limits] max_unavailable allows {budget:g}',
            )
        for name in self._orchestrators(move.server):
            blocked = self._blocked.get(name, {})
            if not blocked:
                continue
            # A tenant can stop his own agents, in each of his projects.
            project = move.server.project_id
            if name not in self._projects:
                self._projects[name] = self._projects_of(name)
            all_ = is_anybodys(blocked.keys(), self._projects[name])
            if project in blocked or all_:
                who = blocked.get(project) or min(blocked.values())
                yield (
                    Reason.REATTACH_BLOCKED,
                    f'server {who} cannot be reattached to {name}: no other '
                    f'of {"any" if all_ else "its project"} is drained there '
                    'until then',
                )

    def add(self, move: Move) -> None:
        """This one becomes unavailable as well."""
        role = self._role_key(move.server) or ''
        self._unavailable[role] = self._count(role) + 1

    def _count(self, role: str) -> int:
        """How many of its servers are unavailable."""
        if role not in self._unavailable:
            self._unavailable[role] = sum(
                server.status != 'ACTIVE' or server.server_id in self._moving
                for server in self._all.get(role, ())
            )
        return self._unavailable[role]

    def _projects_of(self, name: str) -> set[str]:
        """Those that have servers which run, and belong to this one."""
        return {
            server.project_id
            for server in self._servers.values()
            if server.status == 'ACTIVE'
            and name in self._orchestrators(server)
        }

    def _orchestrators(self, server: Server) -> list[str]:
        if server.gone:
            return []
        try:
            found = assignment.assignments(server, self._rules.assignment)
        except assignment.InvalidOrchestrator:
            return []
        return [assigned.orchestrator for assigned in found]
