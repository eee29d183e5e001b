"""One node, as its own agent and as the cluster know it."""

import re
import time
from typing import Any

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.consul.agent_address import (
    NoAgent,
    agent_of,
    catalog_of,
    plain_host_name,
)

#: How the reasons of our maintenance begin, by which it is known as ours.
_OURS = 'steal-scheduler'
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
        """:raises NoAgent: there can be none"""
        self._client = agent_of(options, section, server, node)
        self._server = server
        self._node = node

    def identify(self, node_id: str) -> None:
        """Make sure that it is the node's, by the id in the catalog.

        :raises NoAgent: it is not
        """
        said = self._client.get('/v1/agent/self')
        try:
            found = said['Config']['NodeName'], said['Config']['NodeID']
        except (KeyError, TypeError):
            found = ('', '')
        if found != (self._node, node_id):
            raise NoAgent(
                f'{self._client.url} is not the agent of {self._node}, but '
                f'of {str(found[0])[:80]!r}'
            )

    def maintenance(self) -> Check | None:
        """The check that is there while it is in maintenance."""
        return maintenance(self._client.all('/v1/agent/checks', filter=_IS_IT))

    def is_ours(self, check: Check | None) -> bool:
        """Whether it is by us and for this server."""
        return server_of(check) == self._server.server_id

    def begin(self) -> Check:
        """Into maintenance; whatever is there already stays as it is.

        :returns: what is there then, be it ours or not
        """
        path = '/v1/agent/maintenance'
        # For the operator to read; nothing is decided by the time.
        now = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
        reason = f'{_OURS}: server {self._server.server_id} moves, since {now}'
        self._client.put(path, enable='true', reason=reason)
        check = self.maintenance()
        if check is None:
            raise OrchestratorError(
                f'{self._client.url}: the agent accepted the '
                'maintenance, and it is not there'
            )
        return check

    def end(self) -> None:
        """Out of it, if it is ours.

        NOTE: Consul knows no "only if": who replaces ours by his own between
        our look and our request loses it.
        """
        if not self.is_ours(self.maintenance()):
            return
        self._client.put('/v1/agent/maintenance', enable='false')
        if self.is_ours(self.maintenance()):
            raise OrchestratorError(
                f'{self._client.url}: the agent accepted the end of '
                'the maintenance, and it is still there'
            )


class Catalog:
    """What the cluster sees, as its leader knows it."""

    def __init__(self, options: Any, section: str) -> None:
        self._client = catalog_of(options, section)

    def identify(self, server: Server, node: str) -> str:
        """Make sure that a node of the cluster is this server.

        What a node says here of itself it had to have a right to say, and
        its address is no secret: so before anything is sent to a server its
        address by Nova has to be that of the node.

        :returns: the node's id
        :raises NoAgent: it is not, or there is no such node
        """
        found = self._client.all(
            '/v1/catalog/nodes',
            filter=f'Node == "{plain_host_name(node)}"',
            consistent='',
        )
        if not found:
            raise NoAgent(f'the catalog has no node {node}')
        node_id = str(found[0].get('ID'))
        tagged = found[0].get('TaggedAddresses') or {}
        proofs = {found[0].get('Address'), *tagged.values(), node_id}
        if proofs.isdisjoint({*server.addresses, server.server_id}):
            raise NoAgent(
                f'node {node} is another one: the catalog has it at '
                f'{found[0].get("Address")}, Nova has the server at '
                f'{", ".join(server.addresses) or "no address"}'
            )
        return node_id

    def maintenance(self, node: str) -> Check | None:
        """The check that it has of the node, while it is in maintenance."""
        return maintenance(
            self._client.all(
                f'/v1/health/node/{plain_host_name(node)}',
                # With one that is always there: nothing would mean that it
                # is hidden from us.
                filter=f'{_IS_IT} or CheckID == "{_ALIVE}"',
                consistent='',
            )
        )

    def ours(self) -> list[tuple[str, str]]:
        """Every node that is in maintenance by us, and for which server."""
        checks = self._client.all(
            '/v1/health/state/critical', filter=_IS_IT, consistent=''
        )
        return [
            (str(check.get('Node')), server_id)
            for check in checks
            if (server_id := server_of(check))
        ]


def maintenance(checks: list[Check]) -> Check | None:
    """The one among them that says that a node is in maintenance."""
    return next((c for c in checks if c.get('CheckID') == MAINTENANCE), None)


def server_of(check: Check | None) -> str | None:
    """The id of the server for which we wrote it; None if not we.

    Of ``steal-scheduler: server 5c3f moves, since 2026-11-28T12:00:00Z``
    it is 5c3f; of ``disk`` there is none.
    """
    pattern = rf'{_OURS}: server (\S+) moves, since \S+'
    found = re.fullmatch(pattern, notes(check) or '')
    return found and found[1]


def notes(check: Check | None) -> str | None:
    """The reason; None where there is no maintenance."""
    return None if check is None else str(check.get('Notes') or '')
