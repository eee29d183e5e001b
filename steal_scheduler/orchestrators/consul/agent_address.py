"""Where the agent of a server is, by what Nova and its tenant say.

What a server is called is written by its tenant. So a name is only ever a
plain host name: it cannot say more of a URL than the host that the
configuration lets it name.
"""

import ipaddress
import re
from typing import Any

from steal_scheduler.edge.checks import fields_of
from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.consul.client import ConsulClient

_LABEL = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
_HOST_NAME = re.compile(rf'(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\Z')

_NUMBER = re.compile('[0-9]+|0[xX][0-9a-fA-F]*')


class NoAgent(OrchestratorError):
    """No agent can be this server's: asking again does not help."""


def agent_of(
    options: Any, section: str, server: Server, node: str
) -> ConsulClient:
    """The agent of a server.

    :param node: what it is called in Consul
    :raises NoAgent: nowhere that we would send a token to
    """
    values = {'node': node, 'name': server.name, 'id': server.server_id}
    wanted = fields_of(options.address) | fields_of(options.tls_server_name)
    for field in {'node', *wanted} & values.keys():
        plain_host_name(values[field])
    if 'address' in wanted:
        values['address'] = _address(options, section, server)
    name = options.tls_server_name
    return ConsulClient(
        options,
        section,
        options.address.format_map(values),
        plain_host_name(server.server_id),
        name and name.format_map(values),
    )


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
