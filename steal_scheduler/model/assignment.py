"""Which orchestrators a server belongs to, and what it is called there.

The configuration says so, by role, project or name; or the server itself, in
its metadata ``steal:orchestrator``::

    prod                        that orchestrator, and no other
    prod=node-7.example.org     the same, and what it is called there
    lb,prod=node-7              drained in this order, reattached in reverse
    none                        none: it just moves

An orchestrator trusts no name alone: it makes sure that what it finds under
it is this server, for metadata are the tenant's to write.
"""

import dataclasses
import re
from collections.abc import Sequence

from steal_scheduler.exception import StealError
from steal_scheduler.model.cloud import Server

KEY = 'steal:orchestrator'
NOBODY = 'none'


class Misrouted(StealError):
    """A server names an orchestrator that there is not, or not for it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """Whom one orchestrator is for; names of its section's options."""

    orchestrator: str
    all_servers: bool = False
    roles: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    name_pattern: re.Pattern[str] | None = None
    #: What a server is called there; see ``node_name``.
    node_name: str = '{name}'

    def admits(self, server: Server) -> bool:
        """Whether a server may belong to it at all."""
        return not self.projects or server.project_id in self.projects

    def claims(self, server: Server) -> bool:
        """Whether a server belongs to it without saying so."""
        if not self.admits(server):
            return False
        if self.roles or self.name_pattern is not None:
            return server.role in self.roles or bool(
                self.name_pattern and self.name_pattern.search(server.name)
            )
        return self.all_servers or bool(self.projects)

    def name_of(self, server: Server) -> str:
        return self.node_name.format(name=server.name, id=server.server_id)


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    orchestrator: str
    #: What the server is called there.
    node: str


def routes(server: Server, rules: Sequence[Rule]) -> tuple[Route, ...]:
    """Where a server has to be drained, in this order.

    :param rules: in the order of ``[migrator] orchestrators``
    :raises Misrouted: its metadata say what cannot be
    """
    said = server.metadata.get(KEY)
    if said is None:
        return tuple(
            Route(rule.orchestrator, rule.name_of(server))
            for rule in rules
            if rule.claims(server)
        )
    if said.strip().lower() == NOBODY:
        return ()
    known = {rule.orchestrator: rule for rule in rules}
    found = []
    for part in said.split(','):
        name, _, node = (word.strip() for word in part.partition('='))
        rule = known.get(name)
        if rule is None:
            raise Misrouted(
                f'its metadata {KEY} = {said!r} name {name!r}, which is none '
                f'of [migrator] orchestrators ({", ".join(known) or "none"})'
            )
        if not rule.admits(server):
            raise Misrouted(
                f'its metadata {KEY} = {said!r} name {name!r}, which is not '
                f'for its project ([{name}] projects)'
            )
        found.append(Route(name, node or rule.name_of(server)))
    return tuple(found)
