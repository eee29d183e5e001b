"""One node, as its own agent and as the cluster know it.

Where the agent is, Nova and the server's tenant say. What a server is called
is written by its tenant. So a name is only ever a plain host name: it cannot
say more of a URL than the host that the configuration lets it name.
"""

import dataclasses
import ipaddress
import re
import time
from typing import Any, Self

from steal_scheduler.edge.checks import fields_of
from steal_scheduler.edge.sense import sensible
from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.consul.client import ConsulClient

#: How the reasons of our maintenance begin, by which it is known as ours.
_OURS = 'steal-scheduler'
#: What Consul calls the check that ``consul maint`` adds to a node.
MAINTENANCE = '_node_maintenance'
_IS_IT = f'CheckID == "{MAINTENANCE}"'
#: Which every node of the cluster has.
_ALIVE = 'serfHealth'

_LABEL = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
_HOST_NAME = re.compile(rf'(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\Z')

_NUMBER = re.compile('[0-9]+|0[xX][0-9a-fA-F]*')


class NoAgent(OrchestratorError):
    """No agent can be this server's: asking again does not help."""


@dataclasses.dataclass(frozen=True, slots=True)
class Agent(ConsulClient):
    """The truth about a node; it syncs the catalog."""

    node: str

    @classmethod
    def of(cls, options: Any, section: str, server: Server, node: str) -> Self:
        """The agent of a server.

        :param node: what it is called in Consul
        :raises NoAgent: nowhere that we would send a token to
        """
        values = {'node': node, 'name': server.name, 'id': server.server_id}
        name = options.tls_server_name
        wanted = fields_of(options.address) | fields_of(name)
        for field in {'node', 'id', *wanted} & values.keys():
            plain_host_name(values[field])
        if 'address' in wanted:
            values['address'] = _address(options, section, server)
        return cls(
            options,
            section,
            options.address.format_map(values),
            server.server_id,
            name and name.format_map(values),
            node,
        )

    def identify(self, node_id: str) -> None:
        """Make sure that it is the node's, by the id in the catalog.

        :raises NoAgent: it is not
        """
        said = self.get('/v1/agent/self')
        try:
            found = said['Config']['NodeName'], said['Config']['NodeID']
        except (KeyError, TypeError):
            found = ('', '')
        if found != (self.node, node_id):
            raise NoAgent(
                f'{self.url} is not the agent of {self.node}, but '
                f'of {str(found[0])[:80]!r}'
            )

    def maintenance(self) -> str | None:
        """Why it is in maintenance; None while it is not."""
        return _reason(self.all('/v1/agent/checks', filter=_IS_IT))

    def is_ours(self, reason: str | None) -> bool:
        """Whether it is by us and for this server."""
        return server_of(reason) == self.whose

    def begin(self) -> str:
        """Into maintenance; whatever is there already stays as it is.

        :returns: why it is in then, be it by us or not
        """
        path = '/v1/agent/maintenance'
        # For the operator to read; nothing is decided by the time.
        now = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
        reason = f'{_OURS}: server {self.whose} moves, since {now}'
        self.put(path, enable='true', reason=reason)
        found = self.maintenance()
        if found is None:
            raise OrchestratorError(
                self._text('the maintenance was accepted, and is not there')
            )
        return found

    def end(self) -> None:
        """Out of it, if it is ours.

        NOTE: Consul knows no "only if": who replaces ours by his own between
        our look and our request loses it.
        """
        if not self.is_ours(self.maintenance()):
            return
        self.put('/v1/agent/maintenance', enable='false')
        if self.is_ours(self.maintenance()):
            raise OrchestratorError(
                self._text('the maintenance was ended, and is still there')
            )


class Catalog(ConsulClient):
    """What the cluster sees, as its leader knows it."""

    def identify(self, server: Server, node: str) -> str:
        """Make sure that a node of the cluster is this server.

        What a node says here of itself it had to have a right to say, and
        its address is no secret: so before anything is sent to a server its
        address by Nova has to be that of the node.

        :returns: the node's id
        :raises NoAgent: it is not, or there is no such node
        """
        found = self.all(
            '/v1/catalog/nodes',
            filter=f'Node == "{plain_host_name(node)}"',
            consistent='',
        )
        if not found:
            raise NoAgent(f'the catalog has no node {node}')
        node_id = str(found[0].get('ID'))
        with sensible(f'{self.url}: node {node}', OrchestratorError):
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
            self.all(
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
        checks = self.all(
            '/v1/health/state/critical', filter=_IS_IT, consistent=''
        )
        found: dict[str, set[str]] = {}
        for check in checks:
            server_id = server_of(_reason([check]))
            if server_id:
                found.setdefault(server_id, set()).add(str(check.get('Node')))
        return found


def plain_host_name(name: str) -> str:
    """The name, which may stand in a URL, a filter or a path.

    :raises NoAgent: it is more than letters, digits, hyphens and dots
    """
    # The resolver takes a number behind the last dot for an address.
    last = name.rpartition('.')[2]
    if not _HOST_NAME.match(name) or _NUMBER.fullmatch(last):
        raise NoAgent(f'{name[:80]!r} is no plain host name')
    return name


def _address(options: Any, section: str, server: Server) -> str:
    """Nova's own address of the server, as it stands in a URL."""
    own = [ipaddress.ip_address(a) for a in server.addresses]
    if options.networks:
        found = [a for n in options.networks for a in own if a in n][:1]
    else:
        # Where the controller itself answers, or anybody.
        found = [
            a
            for a in own
            if not (a.is_loopback or a.is_link_local or a.is_multicast)
            and not (a.is_unspecified or a.is_reserved)
        ]
    if len(found) != 1:
        known = ', '.join(server.addresses) or 'none'
        raise NoAgent(
            f'{len(found)} addresses of the server in Nova ({known}) can be '
            f'that of its agent, and it has to be one: set [{section}] '
            'networks'
        )
    return f'[{found[0]}]' if found[0].version == 6 else str(found[0])


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
