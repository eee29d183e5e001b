"""Which orchestrators a server belongs to, and what it is called there.

The configuration says so, by role, project or name; or the server itself, in
its metadata ``steal:orchestrator``::

    prod                        that orchestrator, and no other
    prod=node-7.example.org     the same, and what it is called there
    lb,prod=node-7              drained in this order, reattached in reverse
    none                        none: it just moves

The tenant writes the metadata. So no orchestrator trusts a name alone: it
makes sure that what has that name is this server.
"""

import dataclasses
import re
from collections.abc import Collection, Sequence
from typing import Literal

from steal_scheduler.exception import StealError
from steal_scheduler.model.cloud import Server

#: The key of a server's metadata.
KEY = 'steal:orchestrator'
#: The value that says: no orchestrator.
NONE = 'none'


class InvalidOrchestrator(StealError):
    """A server names an orchestrator that does not exist or not serve it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """Which servers belong to one orchestrator; names of its options."""

    orchestrator: str
    all_servers: bool = False
    roles: Collection[str] = ()
    projects: Collection[str] = ()
    #: On the server's name; empty for none.
    name_pattern: re.Pattern[str] | Literal[''] | None = None
    #: What a server is called there; see the option.
    node_name: str = '{name}'

    def admits(self, server: Server) -> bool:
        """Whether a server may belong to it at all."""
        return not self.projects or server.project_id in self.projects

    def claims(self, server: Server) -> bool:
        """Whether a server belongs to it without saying so."""
        if not self.admits(server):
            return False
        if self.roles or self.name_pattern:
            return server.role in self.roles or bool(
                self.name_pattern and self.name_pattern.search(server.name)
            )
        return self.all_servers or bool(self.projects)

    def name_of(self, server: Server) -> str:
        return self.node_name.format(name=server.name, id=server.server_id)


@dataclasses.dataclass(frozen=True, slots=True)
class Assignment:
    """One orchestrator that a server belongs to."""

    orchestrator: str
    #: What the server is called there.
    node: str


def assignments(
    server: Server, rules: Sequence[Rule]
) -> tuple[Assignment, ...]:
    """Which orchestrators have to drain a server, in this order.

    :param rules: in the order of ``[migrator] orchestrators``
    :raises InvalidOrchestrator: its metadata name one that cannot be
    """
    said = server.metadata.get(KEY)
    if said is None:
        return tuple(
            Assignment(rule.orchestrator, rule.name_of(server))
            for rule in rules
            if rule.claims(server)
        )
    if said.strip().lower() == NONE:
        return ()
    by_name = {rule.orchestrator: rule for rule in rules}
    found = []
    for part in said.split(','):
        name, _, node = (word.strip() for word in part.partition('='))
        rule = by_name.get(name)
        if rule is None:
            raise InvalidOrchestrator(
                f'server metadata {KEY} = {said!r}: {name!r} is none of '
                f'[migrator] orchestrators = {", ".join(by_name)}; correct '
                'the metadata or add the orchestrator'
            )
        if not rule.admits(server):
            raise InvalidOrchestrator(
                f'server metadata {KEY} = {said!r}: [{name}] projects does '
                f'not list project {server.project_id} of the server; '
                'correct the metadata or add the project'
            )
        found.append(Assignment(name, node or rule.name_of(server)))
    return tuple(found)
