"""Finds the node that runs on a server."""

from collections.abc import Iterator

from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import Answer, State
from steal_scheduler.orchestrators.kubernetes.client import KubernetesClient
from steal_scheduler.orchestrators.kubernetes.node_identity import (
    Whose,
    best,
    is_name,
    whose,
)
from steal_scheduler.orchestrators.kubernetes.objects import Node


class NodeFinder:
    """Remembers where a server was seen, to save the list of all nodes.

    What it remembers proves no more than any other name.
    """

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def forget(self, server: Server) -> None:
        self._seen.pop(server.server_id, None)

    def find(
        self, client: KubernetesClient, server: Server, name: str
    ) -> Node | Answer:
        """The server's node, or why there is none to be drained."""
        other = ''
        for node in self._named(client, server, name):
            kin = whose(node, server.server_id)
            if kin in (Whose.PROVIDER, Whose.SYSTEM):
                return self._remember(server, node)
            other = _why_not(node, kin)
        found = best(client.nodes(), server.server_id)
        if len(found) == 1:
            return self._remember(server, found[0])
        if found:
            names = ', '.join(node.name for node in found)
            other = f'several nodes have the id of this server: {names}'
        return Answer(
            State.REFUSED,
            other
            or f'no node has the id of this server, or the name {name!r}',
        )

    def _named(
        self, client: KubernetesClient, server: Server, name: str
    ) -> Iterator[Node]:
        """Nodes that it may be, by name: a request each, for a few KiB."""
        names = dict.fromkeys((self._seen.get(server.server_id, name), name))
        for each in names:
            node = client.node(each) if is_name(each) else None
            if node is not None:
                yield node

    def _remember(self, server: Server, node: Node) -> Node:
        self._seen[server.server_id] = node.name
        return node


def _why_not(node: Node, kin: Whose) -> str:
    if kin is Whose.OTHER:
        says = node.provider_id or f'system UUID {node.system_uuid}'
        return f'node {node.name} is another server: {says}'
    return (
        f'node {node.name} has no provider id of OpenStack and no system '
        'UUID: nothing proves that it is this server'
    )
