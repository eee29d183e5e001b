"""Who we are to a Prometheus: keystoneauth's log-in, or a token of a file."""

from typing import Any

import requests
from keystoneauth1 import exceptions, http_basic
from keystoneauth1.identity.base import BaseIdentityPlugin

from steal_scheduler.edge import keystone, secret_file
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
        self._section = section = options.auth_section or GROUP
        self._auth = auth = keystone.load_auth(
            conf, GROUP, needed=bool(options.auth_section)
        )
        self._at_keystone = isinstance(auth, BaseIdentityPlugin)
        if isinstance(auth, http_basic.HTTPBasicAuth) and (
            not auth.username or auth.password is None
        ):
            raise ConfigError(
                f'[{section}] auth_type = http_basic: username or password '
                'is not set. Set both.'
            )
        if auth is not None and self._token_file:
            raise ConfigError(
                f'[prometheus] token_file = {self._token_file} and '
                f'[{section}] auth_type exclude each other. Unset one.'
            )
        self.session = keystone.load_session(conf, GROUP, auth)
        # It also stands where requests would put what a .netrc says.
        self.session.session.auth = self._show_token

    def _show_token(
        self, request: requests.PreparedRequest
    ) -> requests.PreparedRequest:
        """Add the token of the file, which is read anew each time."""
        if self._token_file:
            token = secret_file.read_token(self._token_file)
            request.headers['Authorization'] = f'Bearer {token}'
        return request

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
                f'{where}: {keystone.refused(self._section, e)}'
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
