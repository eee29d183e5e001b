"""How to reach a Prometheus: address, patience, certificates."""

import re
import urllib.parse
from typing import Any

from oslo_config import cfg

from steal_scheduler.exception import ConfigError

OPTS = [
    cfg.StrOpt(
        'url',
        default='http://127.0.0.1:9090',
        help="""
Base URL of the Prometheus, or of anything that speaks its HTTP API.

``/api/v1/query`` is appended to it. Thanos, Mimir and VictoriaMetrics work
as well; give the path prefix that they need. So does OpenStack's Aetos.

Possible values:

* An http:// or https:// URL without query or fragment

Related options:

* ``username``, ``token_file``, ``auth_section``; ``cafile``, ``insecure``
""",
    ),
    cfg.IntOpt(
        'timeout',
        default=10,
        min=1,
        help="""
Seconds to wait for a connection, and then for an answer to each query.

There are at most three queries for each reading, however many servers: one
for servers, one for hosts, one for guests.

Possible values:

* Less than a quarter of the polling interval
""",
    ),
    cfg.StrOpt(
        'cafile',
        help="""
File with the certificates (PEM) that vouch for the server's certificate.

Possible values:

* A path
* Unset: the system's, or those that ``REQUESTS_CA_BUNDLE`` names

Related options:

* ``url``, ``insecure``
""",
    ),
    cfg.BoolOpt(
        'insecure',
        default=False,
        help="""
Do not verify the server's certificate.

Possible values:

* True: anybody on the way can read the password or token, and can make this
  service move servers
* False

Related options:

* Not together with ``cafile``
""",
    ),
]


def check(options: Any) -> None:
    """Look for options that are wrong or contradict each other.

    :raises ConfigError: one is, or two do
    """
    _check_url(options.url)
    if options.insecure and options.cafile:
        raise ConfigError(
            f'[prometheus] insecure = True and cafile = {options.cafile} '
            'exclude each other. Unset one.'
        )


def _check_url(url: str) -> None:
    bare = re.sub('//[^/]*@', '//', url)
    if bare != url:
        raise ConfigError(
            f'[prometheus] url = {bare} holds credentials, which would be '
            'logged. Use username and password.'
        )
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        host = None
    if not host or parts.scheme not in ('http', 'https'):
        raise ConfigError(
            f'[prometheus] url = {re.sub("//.*@", "//***@", url)!r} is no '
            'address of a server. Use, '
            'for example, http://127.0.0.1:9090.'
        )
    if parts.query or parts.fragment:
        raise ConfigError(
            f'[prometheus] url = {url} has a query or a fragment. Remove '
            'it: /api/v1/query is appended.'
        )


def verify(options: Any) -> bool | str:
    """Tell requests what to verify certificates with."""
    if options.insecure:
        return False
    return str(options.cafile) if options.cafile else True
