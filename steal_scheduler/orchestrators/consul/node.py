"""One node, as its own agent and as the cluster know it."""

import dataclasses
import re
import time
from typing import Any

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.consul.agent_address import (
    NoAgent,
    plain_host_name,
)
from steal_scheduler.orchestrators.consul.client import ConsulClient

#: How the reasons of our maintenance begin, by which it is known as ours.
_OURS = 'steal-scheduler'
#: What Consul calls the check that ``consul maint`` adds to a node.
MAINTENANCE = '_node_maintenance'
_IS_IT = f'CheckID == "{MAINTENANCE}"'
#: Which every node of the cluster has.
_ALIVE = 'serfHealth'


@dataclasses.dataclass(frozen=True, slots=True)
class Agent:
    """The truth about a node; it syncs the catalog."""

    client: ConsulClient
    node: str
    server_id: str

    def identify(self, node_id: str) -> None:
        """Make sure that it is the node's, by the id in the catalog.

        :raises NoAgent: it is not
        """
        said = self.client.get('/v1/agent/self')
        try:
            found = said['Config']['NodeName'], said['Config']['NodeID']
        except (KeyError, TypeError):
            found = ('', '')
        if found != (self.node, node_id):
            raise NoAgent(
                f'{self.client.url} is not the agent of {self.node}, but '
                f'of {str(found[0])[:80]!r}'
            )

    def maintenance(self) -> str | None:
        """Why it is in maintenance; None while it is not."""
        return _reason(self.client.all('/v1/agent/checks', filter=_IS_IT))

    def is_ours(self, reason: str | None) -> bool:
        """Whether it is by us and for this server."""
        return server_of(reason) == self.server_id

    def begin(self) -> str:
        """Into maintenance; whatever is there already stays as it is.

        :returns: why it is in then, be it by us or not
        """
        path = '/v1/agent/maintenance'
        # For the operator to read; nothing is decided by the time.
        now = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
        reason = f'{_OURS}: server {self.server_id} moves, since {now}'
        self.client.put(path, enable='true', reason=reason)
        found = self.maintenance()
        if found is None:
            raise OrchestratorError(
                f'{self.client.url}: the agent accepted the '
                'maintenance, and it is not there'
            )
        return found

    def end(self) -> None:
        """Out of it, if it is ours.

        NOTE: Consul knows no "only if": who replaces ours by his own between
        our look and our request loses it.
        """
        if not self.is_ours(self.maintenance()):
            return
        self.client.put('/v1/agent/maintenance', enable='false')
        if self.is_ours(self.maintenance()):
            raise OrchestratorError(
                f'{self.client.url}: the agent accepted the end of '
                'the maintenance, and it is still there'
            )


@dataclasses.dataclass(frozen=True, slots=True)
class Catalog:
    """What the cluster sees, as its leader knows it."""

    client: ConsulClient

    def identify(self, server: Server, node: str) -> str:
        """Make sure that a node of the cluster is this server.

        What a node says here of itself it had to have a right to say, and
        its address is no secret: so before anything is sent to a server its
        address by Nova has to be that of the node.

        :returns: the node's id
        :raises NoAgent: it is not, or there is no such node
        """
        found = self.client.all(
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

    def maintenance(self, node: str) -> str | None:
        """Why it has the node in maintenance; None while it has not."""
        return _reason(
            self.client.all(
                f'/v1/health/node/{plain_host_name(node)}',
                # With one that is always there: nothing would mean that it
                # is hidden from us.
                filter=f'{_IS_IT} or CheckID == "{_ALIVE}"',
                consistent='',
            )
        )

    def ours(self) -> dict[str, set[str]]:
        """By the id of a server: the nodes in maintenance by us for it.

        Mostly one. A server that was renamed during a move may have two.
        """
        checks = self.client.all(
            '/v1/health/state/critical', filter=_IS_IT, consistent=''
        )
        found: dict[str, set[str]] = {}
        for check in checks:
            server_id = server_of(_reason([check]))
            if server_id:
                found.setdefault(server_id, set()).add(str(check.get('Node')))
        return found


def server_of(reason: str | None) -> str | None:
    """The id of the server for which we wrote it; None if not we.

    Of ``steal-scheduler: server 5c3f moves, since 2026-11-28T12:00:00Z``
    it is 5c3f; of ``disk`` there is none.
    """
    pattern = rf'{_OURS}: server (\S+) moves, since \S+'
    found = re.fullmatch(pattern, reason or '')
    return found and found[1]


def _reason(checks: list[dict[str, Any]]) -> str | None:
    """That of a maintenance, if one of the checks says that there is one."""
    for check in checks:
        if check.get('CheckID') == MAINTENANCE:
            return str(check.get('Notes') or '')
    return None
