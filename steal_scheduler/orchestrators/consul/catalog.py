"""The nodes of a cluster, as its leader knows them.

Whatever is read here, a node had to have a right to say. But it may say of
itself what it likes: that it is in maintenance for a server of somebody else.
"""

import contextlib
import dataclasses
import ipaddress
from collections.abc import Sequence
from typing import Any, Self

from steal_scheduler.edge.sense import sensible
from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.consul.client import ConsulClient
from steal_scheduler.orchestrators.consul.node import (
    IS_IT,
    Agent,
    NoAgent,
    plain_host_name,
    reason_of,
    server_of,
)

#: Which every node of the cluster has.
_ALIVE = 'serfHealth'
#: Nodes that are asked for at once: their names stand in a URL.
_BATCH = 20


class Catalog(ConsulClient):
    """What the cluster sees, as its leader knows it."""

    def identify(self, agent: Agent) -> str:
        """Make sure that a node of the cluster is this server.

        What a node says here of itself it had to have a right to say, and
        its address is no secret: so before anything is sent to a server its
        address by Nova has to be that of the node.

        :returns: the node's id
        :raises NoAgent: it is not, or there is no such node
        """
        name = plain_host_name(agent.node)
        node = self.nodes([name]).get(name)
        if node is None:
            raise NoAgent(f'the catalog has no node {name}')
        if doubt := node.doubt(agent):
            raise NoAgent(doubt)
        return node.node_id

    def nodes(self, names: Sequence[str]) -> dict[str, 'CatalogNode']:
        """Those that there are, by name.

        :param names: plain host names
        """
        found = []
        for begin in range(0, len(names), _BATCH):
            batch = names[begin : begin + _BATCH]
            terms = [f'Node == "{name}"' for name in batch]
            found += self.all(
                '/v1/catalog/nodes', filter=' or '.join(terms), consistent=''
            )
        return {str(each.get('Node')): CatalogNode.of(each) for each in found}

    def maintenance(self, node: str) -> str | None:
        """Why it has the node in maintenance; None while it has not."""
        return reason_of(
            self.all(
                f'/v1/health/node/{plain_host_name(node)}',
                # With one that is always there: nothing would mean that it
                # is hidden from us.
                filter=f'{IS_IT} or CheckID == "{_ALIVE}"',
                consistent='',
            )
        )

    def ours(self) -> dict[str, set[str]]:
        """By the id of a server: the nodes in maintenance by us for it.

        Mostly one. A server that was renamed during a move may have two.
        """
        checks = self.all(
            '/v1/health/state/critical', filter=IS_IT, consistent=''
        )
        found: dict[str, set[str]] = {}
        for check in checks:
            server_id = server_of(reason_of([check]))
            if server_id:
                found.setdefault(server_id, set()).add(str(check.get('Node')))
        return found


@dataclasses.dataclass(frozen=True, slots=True)
class CatalogNode:
    """A node, as it could register itself."""

    name: str
    node_id: str
    addresses: frozenset[str]

    @classmethod
    def of(cls, said: dict[str, Any]) -> Self:
        name = str(said.get('Node'))
        with sensible(f'node {one_line(name, 80)}', OrchestratorError):
            tagged = said.get('TaggedAddresses') or {}
            every = (said.get('Address') or '', *tagged.values())
            return cls(
                name, str(said.get('ID')), frozenset(map(_spelled, every))
            )

    def doubt(self, agent: Agent) -> str:
        """Why it is not the server whose agent this would be; or empty.

        Of several addresses only those count that no tenant can make: with
        one of a network of his own he could claim any node, and be sent the
        token at another.
        """
        if self.node_id == agent.whose or self.addresses & agent.addresses:
            return ''
        return (
            f'node {one_line(self.name, 80)} is another one: the catalog has '
            f'it at {one_line(", ".join(sorted(self.addresses)), 200)}, Nova '
            f'has the server at {", ".join(sorted(agent.addresses)) or "none"}'
        )


def _spelled(address: str) -> str:
    """In the one spelling that is used here: IPv6 has many."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(address.strip()))
    # A host name proves nothing.
    return address
