"""One node, as its own agent knows it.

Where the agent is, Nova and the server's tenant say. What a server is called
is written by its tenant. So a name is only ever a plain host name: it cannot
say more of a URL than the host that the configuration lets it name.
"""

import contextlib
import dataclasses
import ipaddress
import re
import time
from collections.abc import Sequence
from typing import Any, Self

from steal_scheduler.edge.checks import fields_of
from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.consul.client import ConsulClient

#: How the reasons of our maintenance begin, by which it is known as ours.
_OURS = 'steal-scheduler'
#: What Consul calls the check that ``consul maint`` adds to a node.
MAINTENANCE = '_node_maintenance'
IS_IT = f'CheckID == "{MAINTENANCE}"'

_LABEL = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
_HOST_NAME = re.compile(rf'(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\Z')

_NUMBER = re.compile('[0-9]+|0[xX][0-9a-fA-F]*')


class NoAgent(OrchestratorError):
    """No agent can be this server's: asking again does not help."""


@dataclasses.dataclass(frozen=True, slots=True)
class Agent(ConsulClient):
    """The truth about a node; it syncs the catalog.

    NOTE: nothing is sent to it before ``Catalog.identify`` has vouched for it.
    """

    node: str
    #: Of the server by Nova: what of them the catalog has to have.
    addresses: frozenset[str]

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
        found = _addresses(options, server)
        if 'address' in wanted:
            if options.networks:
                found = found[:1]
            values['address'] = _host(found, section, server)
        return cls(
            options,
            section,
            options.address.format_map(values),
            server.server_id,
            name and name.format_map(values),
            node,
            frozenset(map(str, found)),
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
        return reason_of(self.all('/v1/agent/checks', filter=IS_IT))

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


def plain_host_name(name: str) -> str:
    """The name, which may stand in a URL, a filter or a path.

    :raises NoAgent: it is more than letters, digits, hyphens and dots
    """
    if not is_plain(name):
        raise NoAgent(f'{name[:80]!r} is no plain host name')
    return name


def is_plain(name: str) -> bool:
    """Whether it is a host name, and none that is taken for an address.

    The resolver takes a number behind the last dot for one.
    """
    last = name.rpartition('.')[2]
    return bool(_HOST_NAME.match(name)) and not _NUMBER.fullmatch(last)


def _addresses(
    options: Any, server: Server
) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Those by Nova at which its agent can be."""
    own = []
    for address in server.addresses:
        # What is none is nowhere that we would send a token to.
        with contextlib.suppress(ValueError):
            own.append(ipaddress.ip_address(address))
    if options.networks:
        return [a for n in options.networks for a in own if a in n]
    # Where the controller itself answers, or anybody.
    return [
        a
        for a in own
        if not (a.is_loopback or a.is_link_local or a.is_multicast)
        and not (a.is_unspecified or a.is_reserved)
    ]


def _host(found: Sequence[Any], section: str, server: Server) -> str:
    """The one of them, as it stands in a URL."""
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
    # It may become part of a URL of Nova.
    pattern = rf'{_OURS}: server ([\w-]{{1,64}}) moves, since \S+'
    found = re.fullmatch(pattern, reason or '', re.ASCII)
    return found and found[1]


def reason_of(checks: list[dict[str, Any]]) -> str | None:
    """That of a maintenance, if one of the checks says that there is one."""
    for check in checks:
        if check.get('CheckID') == MAINTENANCE:
            return str(check.get('Notes') or '')
    return None
