"""The options of Consul: which agents, who we are to them, how long.

Each help says what a value is; what follows from it, and which belong
together, doc/source/configuration/consul.rst tells.
"""

import ipaddress
import re
from collections.abc import Iterator
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

#: What is sent to these hosts does not leave the machine.
_THIS_MACHINE = re.compile(r'localhost|127(\.\d{1,3}){3}|::1', re.ASCII)

OPTS = [
    cfg.StrOpt(
        'address',
        default='https://{address}:8501',
        help="""
The URL of the Consul agent that runs in a server: ``http://`` or ``https://``,
a host, a port. In it ``{address}`` is the server's own address in Nova, which
no tenant can invent, ``{node}`` what the server is called in Consul,
``{name}`` its name in Nova and ``{id}`` its id.
""",
    ),
    cfg.ListOpt(
        'networks',
        item_type=Parsed('network', ipaddress.ip_network),
        default=[],
        help="""
Which of a server's addresses is ``{address}``: the first in the first of
these networks, such as ``10.20.0.0/16``; empty: the only one that it has. The
drain of a server without one is refused. Take networks that no tenant can make
a second time.
""",
    ),
    cfg.StrOpt(
        'catalog',
        default='http://127.0.0.1:8500',
        help="""
The URL at which the catalog of the cluster is read: of an agent on this
controller, or of a Consul server, in the datacenter of the nodes. It begins
with ``http://`` or ``https://`` and has no path.
""",
    ),
    cfg.StrOpt(
        'token_file',
        help="""
File with the ACL token for the agents and the catalog, which is read again for
each request. Consul keeps it on the disk of the node for as long as the
maintenance lasts, where root can read it. So it must not reach a stranger: set
``projects``, or ``cafile`` with an ``https://`` address, or use ``{id}``.
With ``{id}`` in its path each server has a token of its own, and the catalog
has the word ``catalog`` in that place.
""",
    ),
    *TLS,
    cfg.StrOpt(
        'tls_server_name',
        help="""
The name that the certificate of an agent must have, instead of the host in
``address``. The certificates that Consul makes hold no addresses, so with
``{address}`` in ``address`` they are only accepted by this option.
``client.dc1.consul`` stands for any agent that Consul's CA made a certificate
for, ``{node}.node.dc1.consul`` for that node alone; ``{name}`` and ``{id}``
may stand there, too.
""",
    ),
    cfg.BoolOpt(
        'insecure',
        default=False,
        help="""
Do not verify certificates, and let tokens pass over plain ``http://``: anybody
on the way can read them then. Not with ``cafile``.
""",
    ),
    number(
        'timeout',
        default=3.0,
        allowed='0.1 to 15 seconds',
        help="""
Seconds for a connection, and twice that for all of an answer. Other servers of
this orchestrator wait meanwhile.
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
    check_trust(section, options)
    for option, fault in _faults(options):
        shown = re.sub('//.*@', '//***@', options[option])
        raise ConfigError(f'[{section}] {option} = {shown}: {fault}.')


def _faults(options: Any) -> Iterator[tuple[str, str]]:
    """Options that are wrong, and what is, and what to do about it."""
    token = options.token_file
    for option, known in _FIELDS.items():
        if not fields_of(options[option]) <= set(known):
            names = ' or '.join(f'{{{name}}}' for name in known)
            yield (
                option,
                'its braces stand for nothing that is known here. Use '
                f'{names} in it, and no other braces',
            )
    for option in ('address', 'catalog'):
        url = http_url(re.sub(r'\{\w+\}', 'x', options[option]))
        if url is None or url.path not in ('', '/') or url.query:
            yield (
                option,
                'it is no address of an agent. Use http:// or https://, a '
                'host and a port, and no more',
            )
        elif (
            token
            and not options.insecure
            and url.scheme == 'http'
            and not _THIS_MACHINE.fullmatch(url.hostname or '')
        ):
            yield (
                option,
                'the token would pass in the clear. Use https://, or say '
                'insecure = True',
            )
    proven = options.cafile and options.address.startswith('https:')
    entitled = options.projects or fields_of(token) or proven
    if token and not entitled:
        yield (
            'token_file',
            'any server whose owner says that it belongs to this cluster '
            'would be sent the token. Set projects; or cafile, with https:// '
            'in address; or give each server its own token with {id}',
        )
