"""One node, as its own agent and as the cluster know it."""

from typing import Any

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.consul.api import Api
from steal_scheduler.orchestrators.consul.mark import Marker
from steal_scheduler.orchestrators.consul.place import (
    Unfit,
    agent_of,
    catalog_of,
    plain,
)

#: What Consul calls the check that ``consul maint`` adds to a node.
MAINTENANCE = '_node_maintenance'
_IS_IT = f'CheckID == "{MAINTENANCE}"'
#: Which every node of the cluster has.
_ALIVE = 'serfHealth'

Check = dict[str, Any]


class Agent:
    """The truth about a node; it syncs the catalog."""

    def __init__(
        self, options: Any, section: str, server: Server, node: str
    ) -> None:
        """:raises Unfit: there can be none"""
        self._place = agent_of(options, section, server, node)
        self._api = Api(options, section, self._place)
        self._options = options
        self._server = server
        self._node = node

    def identify(self, node_id: str) -> None:
        """Make sure that it is the node's, by the id in the catalog.

        :raises Unfit: it is not
        """
        said = self._api.get('/v1/agent/self')
        try:
            found = said['Config']['NodeName'], said['Config']['NodeID']
        except (KeyError, TypeError):
            found = ('', '')
        if found != (self._node, node_id):
            raise Unfit(
                f'{self._place.url} is not the agent of {self._node}, but '
                f'of {str(found[0])[:80]!r}'
            )

    def maintenance(self) -> Check | None:
        """The check that is there while it is in maintenance."""
        return maintenance(self._api.all('/v1/agent/checks', filter=_IS_IT))

    def is_ours(self, check: Check | None) -> bool:
        """Whether it is by us and for this server."""
        marker = Marker(self._options.mark)
        return marker.server(check) == self._server.server_id

    def begin(self, reason: str) -> Check:
        """Into maintenance; whatever is there already stays as it is.

        :returns: what is there then, be it ours or not
        """
        path = '/v1/agent/maintenance'
        self._api.put(path, enable='true', reason=reason)
        check = self.maintenance()
        if check is None:
            raise OrchestratorError(
                f'{self._place.url}: said to be in maintenance, and is not'
            )
        return check

    def end(self) -> None:
        """Out of it, if it is ours.

        NOTE: Consul knows no "only if": who replaces ours by his own between
        our look and our request loses it.
        """
        if not self.is_ours(self.maintenance()):
            return
        self._api.put('/v1/agent/maintenance', enable='false')
        if self.is_ours(self.maintenance()):
            raise OrchestratorError(
                f'{self._place.url}: said to be out of maintenance, and is not'
            )


class Catalog:
    """What the cluster sees, as its leader knows it."""

    def __init__(self, options: Any, section: str) -> None:
        place = catalog_of(options)
        self._api = Api(options, section, place)
        self._marker = Marker(options.mark)

    def identify(self, server: Server, node: str) -> str:
        """Make sure that a node of the cluster is this server.

        What a node says here of itself it had to have a right to say, and
        its address is no secret: so before anything is sent to a server its
        address by Nova has to be that of the node.

        :returns: the node's id
        :raises Unfit: it is not, or there is no such node
        """
        found = self._api.all(
            '/v1/catalog/nodes',
            filter=f'Node == "{plain(node)}"',
            consistent='',
        )
        if not found:
            raise Unfit(f'the catalog has no node {node}')
        node_id = str(found[0].get('ID'))
        tagged = found[0].get('TaggedAddresses') or {}
        proofs = {found[0].get('Address'), *tagged.values(), node_id}
        if proofs.isdisjoint({*server.addresses, server.server_id}):
            raise Unfit(
                f'node {node} is another one: the catalog has it at '
                f'{found[0].get("Address")}, Nova has the server at '
                f'{", ".join(server.addresses) or "no address"}'
            )
        return node_id

    def maintenance(self, node: str) -> Check | None:
        """The check that it has of the node, while it is in maintenance."""
        return maintenance(
            self._api.all(
                f'/v1/health/node/{plain(node)}',
                # With one that is always there: nothing would mean that it
                # is hidden from us.
                filter=f'{_IS_IT} or CheckID == "{_ALIVE}"',
                consistent='',
            )
        )

    def ours(self) -> list[tuple[str, str]]:
        """Every node that is in maintenance by us, and for which server."""
        checks = self._api.all(
            '/v1/health/state/critical', filter=_IS_IT, consistent=''
        )
        return [
            (str(check.get('Node')), server_id)
            for check in checks
            if (server_id := self._marker.server(check))
        ]


def maintenance(checks: list[Check]) -> Check | None:
    """The one among them that says that a node is in maintenance."""
    for check in checks:
        if check.get('CheckID') == MAINTENANCE:
            return check
    return None
