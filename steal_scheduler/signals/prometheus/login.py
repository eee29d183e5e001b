"""Who we are to a Prometheus: keystoneauth's log-in, or a token of a file."""

import pathlib
import re
from typing import Any

import requests
import requests.auth
from keystoneauth1 import exceptions, http_basic, loading
from keystoneauth1.identity.base import BaseIdentityPlugin
from oslo_config import cfg

from steal_scheduler.exception import ConfigError, SignalError

GROUP = 'prometheus'


class Login:
    """One session of keystoneauth; it logs in when it is first used."""

    def __init__(self, conf: Any) -> None:
        """Take the options; do no I/O.

        :raises ConfigError: an option is wrong, or two contradict each other
        """
        options = conf[GROUP]
        self._token_file = options.token_file
        #: Whose options say how to log in.
        self._section = options.auth_section or GROUP
        self._auth = self._load(conf)
        if self._auth is None and options.auth_section:
            raise ConfigError(
                f'[prometheus] auth_section = {self._section}: '
                f'[{self._section}] auth_type is not set. Set it, for example '
                'to password.'
            )
        if isinstance(self._auth, http_basic.HTTPBasicAuth) and (
            not self._auth.username or self._auth.password is None
        ):
            raise ConfigError(
                f'[{self._section}] auth_type = http_basic: username or '
                'password is not set. Set both.'
            )
        if self._auth is not None and self._token_file:
            raise ConfigError(
                f'[prometheus] token_file = {self._token_file} and '
                f'[{self._section}] auth_type exclude each other. Unset one.'
            )
        try:
            self.session = loading.load_session_from_conf_options(
                conf, GROUP, auth=self._auth
            )
        # Of OpenSSL.
        except OSError as e:
            raise ConfigError(
                f'[prometheus] tls_ciphers = {options.tls_ciphers}: {e}. '
                'Correct it, or leave it out.'
            ) from e

    def _load(self, conf: Any) -> Any:
        try:
            loading.register_auth_conf_options(conf, GROUP)
            return loading.load_auth_from_conf_options(conf, GROUP)
        except (cfg.NoSuchOptError, cfg.NoSuchGroupError) as e:
            # What is missing may be a piece of a password.
            raise ConfigError(
                f'[{self._section}] auth_type and its options: a $ in one '
                'refers to another option, and there is none of that name. '
                'Write $$ for a $.'
            ) from e
        except (exceptions.ClientException, cfg.Error) as e:
            raise ConfigError(
                f'[{self._section}] auth_type and its options: {e}. Correct '
                'them.'
            ) from e

    @property
    def _at_keystone(self) -> bool:
        return isinstance(self._auth, BaseIdentityPlugin)

    def begin(self) -> None:
        """Get a token of Keystone, unless there is one that still holds.

        :raises SignalError: Keystone does not let us in
        """
        if not self._at_keystone:
            return
        where = f'[{self._section}] auth_url'
        try:
            self.session.get_auth_headers()
        except exceptions.Unauthorized as e:
            raise SignalError(
                f'{where}: Keystone refuses the user: {e}. Check username, '
                f'password and project of [{self._section}].'
            ) from e
        # A missing cafile is an OSError.
        except (exceptions.ClientException, OSError) as e:
            raise SignalError(
                f'{where}: Keystone does not answer: {e}. Check auth_url and '
                '[prometheus] cafile, and that Keystone runs.'
            ) from e

    def renew(self) -> bool:
        """Forget a token that was refused; whether there can be another."""
        return self._at_keystone and self._auth.invalidate()

    def bearer(self) -> requests.auth.AuthBase:
        """What the token file adds to a request; it is read anew each time.

        :raises SignalError: the file holds no token
        """
        path = self._token_file
        if not path:
            return _Nothing()
        try:
            token = pathlib.Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as e:
            raise SignalError(
                f'[prometheus] token_file = {path} cannot be read: {e}. Let '
                'this service read it.'
            ) from e
        # Else the HTTP library would complain, and quote the token.
        if not re.fullmatch('[!-~]+', token):
            raise SignalError(
                f'[prometheus] token_file = {path} does not hold one line of '
                'printable ASCII. Write the token into it.'
            )
        return _Bearer(token)

    @property
    def cure(self) -> str:
        """What to do when the credentials are refused."""
        if self._token_file:
            return 'Check the token in [prometheus] token_file.'
        if self._at_keystone:
            return (
                f"Check the user of [{self._section}], and Aetos' "
                '[keystone_authtoken]: both must know the same Keystone.'
            )
        if self._auth is not None:
            return f'Check username and password of [{self._section}].'
        return (
            'Set [prometheus] auth_type = http_basic with username and '
            'password, or token_file.'
        )

    @property
    def role(self) -> str:
        """What a user needs before Aetos shows anything; '' elsewhere."""
        if not self._at_keystone:
            return ''
        return f'the user of [{self._section}] in the role admin or service'


class _Nothing(requests.auth.AuthBase):
    """Stands where requests would put what a .netrc says."""

    def __call__(
        self, r: requests.PreparedRequest
    ) -> requests.PreparedRequest:
        return r


class _Bearer(_Nothing):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(
        self, r: requests.PreparedRequest
    ) -> requests.PreparedRequest:
        r.headers['Authorization'] = f'Bearer {self._token}'
        return r
