"""How to reach a Prometheus: address, credentials, certificates."""

import pathlib
import re
import urllib.parse
from typing import Any

import requests
import requests.auth
from oslo_config import cfg

from steal_scheduler.exception import ConfigError, SignalError

OPTS = [
    cfg.StrOpt(
        'url',
        default='http://127.0.0.1:9090',
        help="""
Base URL of the Prometheus, or of anything that speaks its HTTP API.

``/api/v1/query`` is appended to it. Thanos, Mimir and VictoriaMetrics work
as well; give the path prefix that they need.

Possible values:

* An http:// or https:// URL without query or fragment

Related options:

* ``username``, ``password``, ``token_file``, ``cafile``, ``insecure``
""",
    ),
    cfg.IntOpt(
        'timeout',
        default=10,
        min=1,
        help="""
Seconds to wait for a connection, and then for an answer to each query.

There are at most four queries for each reading, however many servers.

Possible values:

* Less than a quarter of the polling interval
""",
    ),
    cfg.StrOpt(
        'username',
        help="""
User name for HTTP basic authentication.

Possible values:

* A name
* Unset: no basic authentication

Related options:

* ``password``; not together with ``token_file``
""",
    ),
    cfg.StrOpt(
        'password',
        secret=True,
        help="""
Password for HTTP basic authentication.

Possible values:

* Any text

Related options:

* ``username``
""",
    ),
    cfg.StrOpt(
        'token_file',
        help="""
File with a bearer token.

It is read again for every reading, so that a token may be renewed.

Possible values:

* A path
* Unset: no bearer token

Related options:

* Not together with ``username``
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


class _Bearer(requests.auth.AuthBase):
    """A token. As an auth object, so that no .netrc replaces it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(
        self, r: requests.PreparedRequest
    ) -> requests.PreparedRequest:
        r.headers['Authorization'] = f'Bearer {self._token}'
        return r


def check(options: Any) -> None:
    """Look for options that are wrong or contradict each other.

    :raises ConfigError: one is, or two do
    """
    _check_url(options.url)
    for one, other, wrong in (
        ('username', 'token_file', options.username and options.token_file),
        ('insecure', 'cafile', options.insecure and options.cafile),
    ):
        if wrong:
            raise ConfigError(
                f'[prometheus] {one} = {options[one]} and {other} = '
                f'{options[other]} exclude each other. Unset one.'
            )
    if options.password and not options.username:
        raise ConfigError(
            '[prometheus] username is not set but password is. Set both.'
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


def auth(options: Any) -> requests.auth.AuthBase | None:
    """Tell requests who we are.

    :raises SignalError: the token cannot be read
    """
    if options.username:
        # Bytes, since requests would encode text as Latin-1.
        return requests.auth.HTTPBasicAuth(
            options.username.encode(), (options.password or '').encode()
        )
    if not options.token_file:
        return None
    try:
        token = pathlib.Path(options.token_file).read_text().strip()
    except (OSError, UnicodeDecodeError) as e:
        raise SignalError(
            f'[prometheus] token_file = {options.token_file} cannot be read: '
            f'{e}. Let this service read it.'
        ) from e
    # Else the HTTP library would complain, and quote the token.
    if not re.fullmatch('[!-~]+', token):
        raise SignalError(
            f'[prometheus] token_file = {options.token_file} does not hold '
            'one line of printable ASCII. Write the token into it.'
        )
    return _Bearer(token)
