"""Finds the node that a server is."""

from collections.abc import Iterator

from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import Answer, State
from steal_scheduler.orchestrators.kubernetes import nodes
from steal_scheduler.orchestrators.kubernetes.api import KubeApi
from steal_scheduler.orchestrators.kubernetes.nodes import Whose, whose
from steal_scheduler.orchestrators.kubernetes.objects import Node


class Finder:
    """Remembers where a server was seen, to save the list of all nodes.

    It believes that no more than any other name.
    """

    def __init__(self, trust_names: bool) -> None:
        """:param trust_names: the option"""
        self._trust_names = trust_names
        self._seen: dict[str, str] = {}

    def forget(self, server: Server) -> None:
        self._seen.pop(server.server_id, None)

    def find(self, api: KubeApi, server: Server, name: str) -> Node | Answer:
        """The server's node, or why there is none to be drained."""
        other = ''
        for node in self._named(api, server, name):
            kin = whose(node, server.server_id)
            known = self._seen.get(server.server_id) == node.name
            if kin in (Whose.PROVIDER, Whose.SYSTEM) or (
                kin is Whose.UNKNOWN and known and self._trust_names
            ):
                return self._remember(server, node)
            other = _why_not(node, kin)
            if kin is Whose.UNKNOWN and self._trust_names:
                return self._best(api, server) or self._remember(server, node)
        return self._best(api, server) or Answer(
            State.REFUSED,
            other
            or f'no node has the id of this server, or the name {name!r}',
        )

    def _named(
        self, api: KubeApi, server: Server, name: str
    ) -> Iterator[Node]:
        """Nodes that it may be, by name: a request each, for a few KiB."""
        names = dict.fromkeys((self._seen.get(server.server_id, name), name))
        for each in names:
            node = api.node(each) if nodes.is_name(each) else None
            if node is not None:
                yield node

    def _best(self, api: KubeApi, server: Server) -> Node | Answer | None:
        """The node with the server's id: a list of all nodes."""
        found = nodes.best(api.nodes(), server.server_id)
        if len(found) > 1:
            names = ', '.join(node.name for node in found)
            return Answer(
                State.REFUSED, f'several nodes have the id of it: {names}'
            )
        return self._remember(server, found[0]) if found else None

    def _remember(self, server: Server, node: Node) -> Node:
        self._seen[server.server_id] = node.name
        return node


def _why_not(node: Node, kin: Whose) -> str:
    if kin is Whose.OTHER:
        says = node.provider_id or f'system UUID {node.system_uuid}'
        return f'node {node.name} is another server: {says}'
    return (
        f'node {node.name} has no provider id of OpenStack and no system '
        'UUID, and trust_names is off'
    )
