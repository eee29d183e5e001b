"""Who we are to a Prometheus: a password, a token of a file, or Keystone's."""

import pathlib
import re
from typing import Any

import requests
import requests.auth
from oslo_config import cfg

from steal_scheduler.exception import ConfigError, SignalError

OPTS = [
    cfg.StrOpt(
        'username',
        help="""
User name for HTTP basic authentication.

Possible values:

* A name
* Unset: no basic authentication

Related options:

* ``password``; not together with ``token_file`` or ``auth_section``
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

It is read again for every query, so that a token may be renewed.

Possible values:

* A path
* Unset: no bearer token

Related options:

* Not together with ``username`` or ``auth_section``
""",
    ),
    cfg.StrOpt(
        'auth_section',
        help="""
Section of this file that says how to log in to Keystone, for a Prometheus
that is asked through OpenStack's Aetos.

Its token is sent as ``X-Auth-Token``, and renewed when it has expired or is
refused. Aetos shows all metrics to the roles ``admin`` and ``service`` only;
to others it answers as if there were none.

Possible values:

* ``nova``: log in as to Nova
* The name of a section of your own, with keystoneauth's options
  (``auth_type``, ``auth_url``, ``username``, ``password``, ...)
* Unset: no Keystone

Related options:

* ``url``: Aetos' endpoint, as ``openstack endpoint list --service
  metric-storage`` shows it
* Not together with ``username`` or ``token_file``
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
    """Look for options that contradict each other.

    :raises ConfigError: two do
    """
    given = [
        option
        for option in ('username', 'token_file', 'auth_section')
        if options[option]
    ]
    if len(given) > 1:
        raise ConfigError(
            '[prometheus] '
            + ' and '.join(f'{o} = {options[o]}' for o in given)
            + ' exclude each other. Leave one.'
        )
    if options.password and not options.username:
        raise ConfigError(
            '[prometheus] username is not set but password is. Set both.'
        )


def cure(options: Any) -> str:
    """What to do when the credentials are refused."""
    if options.auth_section:
        return (
            f"Check the user of [{options.auth_section}], and Aetos' "
            '[keystone_authtoken]: both must know the same Keystone.'
        )
    return 'Check username and password, or token_file.'


def auth(options: Any) -> requests.auth.AuthBase | None:
    """Tell requests who we are, where Keystone has no part in it.

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
