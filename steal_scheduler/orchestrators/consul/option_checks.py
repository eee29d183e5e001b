"""Which options are wrong, or together give the token away.

Who owns a server may claim that it belongs to a cluster which is not his. So
a token goes to servers of known projects, or to who proves with a
certificate of Consul's own CA that he is of the cluster, or it is good for
nothing but that one server.
"""

import ipaddress
import re
from typing import Any

from steal_scheduler.edge.checks import check_trust, fields_of, http_url
from steal_scheduler.exception import ConfigError
from steal_scheduler.orchestrators.consul.agent_address import catalog_of

#: Which names may stand in which option.
_FIELDS = {
    'address': ('address', 'node', 'name', 'id'),
    'tls_server_name': ('node', 'name', 'id'),
    'token_file': ('id',),
}


def check_options(options: Any, section: str) -> None:
    """Look for options that are wrong, or together give the token away.

    :raises ConfigError: some are or do
    """
    for option, known in _FIELDS.items():
        text = options[option] or ''
        if not fields_of(text) <= set(known):
            names = ' or '.join(f'{{{name}}}' for name in known)
            raise ConfigError(
                f'[{section}] {option} = {text}: use {names} in it, and no '
                'other braces.'
            )
    _check_url(options, section, 'address', options.token_file)
    catalog = catalog_of(options, section)
    _check_url(options, section, 'catalog', catalog.token_file)
    for network in options.networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise ConfigError(
                f'[{section}] networks: {error}. Write 10.20.0.0/16.'
            ) from error
    check_trust(section, options)
    _check_token(options, section)


def _check_url(
    options: Any, section: str, option: str, token_file: str | None
) -> None:
    url = options[option]
    parts = http_url(re.sub(r'\{\w+\}', 'x', url))
    if parts is None or parts.path not in ('', '/') or parts.query:
        shown = re.sub('//.*@', '//***@', url)
        raise ConfigError(
            f'[{section}] {option} = {shown} is no address of an agent: use '
            'http:// or https://, a host and a port, and no more.'
        )
    clear = parts.scheme == 'http' and not _is_loopback(parts.hostname or '')
    if token_file and clear and not options.insecure:
        raise ConfigError(
            f'[{section}] {option} = {url}: the token would pass in the '
            'clear. Use https://, or say insecure = True.'
        )


def _check_token(options: Any, section: str) -> None:
    """Whoever may get it must be entitled to it."""
    proven = options.cafile and options.address.startswith('https:')
    if (
        options.token_file
        and not options.projects
        and not fields_of(options.token_file)
        and not proven
    ):
        raise ConfigError(
            f'[{section}] token_file = {options.token_file}: any server '
            'whose owner says that it belongs to this cluster would be sent '
            'the token. Set projects; or cafile, with https:// in address; '
            'or give each server its own token with {id}.'
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'
