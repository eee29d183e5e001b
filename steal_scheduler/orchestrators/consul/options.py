"""The options of Consul: which agents, who we are to them, how long.

Each help says what a value is; what follows from it, and which belong
together, doc/source/configuration/consul.rst tells.
"""

import ipaddress
import re
from typing import Any

from oslo_config import cfg

from steal_scheduler.edge.checks import check_trust, fields_of, http_url
from steal_scheduler.edge.option import Parsed, number, one_of
from steal_scheduler.exception import ConfigError
from steal_scheduler.orchestrators.shared_options import TLS

#: Which names may stand in which option.
_FIELDS = {
    'address': ('address', 'node', 'name', 'id'),
    'tls_server_name': ('node', 'name', 'id'),
    'token_file': ('id',),
}

OPTS = [
    cfg.StrOpt(
        'address',
        default='https://{address}:8501',
        help="""
The URL of the Consul agent that runs in a server.

Possible values:

* ``http://`` or ``https://``, a host, a port. In it ``{address}`` is the
  server's own address in Nova, which no tenant can invent, ``{node}`` what the
  server is called in Consul, ``{name}`` its name in Nova and ``{id}`` its id.
""",
    ),
    cfg.ListOpt(
        'networks',
        item_type=Parsed('network', ipaddress.ip_network),
        default=[],
        help="""
Which of a server's addresses is ``{address}``: the first in the first of
these networks. The drain of a server without one is refused.

Possible values:

* Networks that no tenant can make a second time: ``10.20.0.0/16``.
* Empty (default): the only address that the server has.
""",
    ),
    cfg.StrOpt(
        'catalog',
        default='http://127.0.0.1:8500',
        help="""
The URL at which the catalog of the cluster is read: of an agent on this
controller, or of a Consul server, in the datacenter of the nodes.

Possible values:

* An ``http://`` or ``https://`` URL without a path.
""",
    ),
    cfg.StrOpt(
        'token_file',
        help="""
File with the ACL token for the agents and the catalog, which is read again for
each request. Consul keeps it on the disk of the node for as long as the
maintenance lasts, where root can read it. So it must not reach a stranger: set
``projects``, or ``cafile`` with an ``https://`` address, or use ``{id}``.

Possible values:

* A path. With ``{id}`` in it each server has a token of its own, and the
  catalog has the word ``catalog`` in that place.
""",
    ),
    *TLS,
    cfg.StrOpt(
        'tls_server_name',
        help="""
The name that the certificate of an agent must have, instead of the host in
``address``. The certificates that Consul makes hold no addresses, so with
``{address}`` in ``address`` they are only accepted by this option.

Possible values:

* ``client.dc1.consul``: any agent that Consul's CA made a certificate for.
* ``{node}.node.dc1.consul``: that node alone. So do ``{name}``, ``{id}``.
""",
    ),
    cfg.BoolOpt(
        'insecure',
        default=False,
        help="""
Do not verify certificates, and let tokens pass over plain ``http://``.

Possible values:

* ``True``: anybody on the way can read the token. Not with ``cafile``.
""",
    ),
    number(
        'timeout',
        default=3.0,
        allowed='0.1 to 15 seconds',
        help="""
Seconds for a connection, and twice that for all of an answer. All other moves
wait meanwhile.
""",
    ),
    number(
        'settle',
        default=10.0,
        allowed='0 to 3600 seconds',
        help="""
Seconds between the moment at which the catalog shows the maintenance of a node
and the migration. Give more than the TTL of DNS answers and than
consul-template waits before it acts, and less than ``drain_timeout``.
""",
    ),
    one_of(
        'unreachable',
        default='refuse',
        words={
            'refuse': 'the server is not moved',
            'proceed': 'it is moved as if its node were in maintenance',
        },
        help="""
What to do with a server whose agent does not answer when it should be drained.
An agent that answers and says no is always a refusal.
""",
    ),
]


def check_options(options: Any, section: str) -> None:
    """Look for options that are wrong, or together give the token away.

    Who owns a server may claim that it belongs to a cluster which is not his.
    So a token goes to servers of known projects, or to who proves with a
    certificate of Consul's own CA that he is of the cluster, or it is good for
    nothing but that one server.

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
    _check_url(options, section, 'address')
    _check_url(options, section, 'catalog')
    check_trust(section, options)
    _check_token(options, section)


def _check_url(options: Any, section: str, option: str) -> None:
    url = options[option]
    parts = http_url(re.sub(r'\{\w+\}', 'x', url))
    if parts is None or parts.path not in ('', '/') or parts.query:
        shown = re.sub('//.*@', '//***@', url)
        raise ConfigError(
            f'[{section}] {option} = {shown} is no address of an agent: use '
            'http:// or https://, a host and a port, and no more.'
        )
    clear = parts.scheme == 'http' and not _is_loopback(parts.hostname or '')
    if options.token_file and clear and not options.insecure:
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
