"""Tokens of Keystone, for a Prometheus behind Aetos."""

import contextlib
from collections.abc import Iterator
from typing import Any

import requests
import requests.auth
from keystoneauth1 import exceptions, loading
from oslo_config import cfg

from steal_scheduler.exception import ConfigError, SignalError


class _Headers(requests.auth.AuthBase):
    """As an auth object, so that no .netrc adds to it."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    def __call__(
        self, r: requests.PreparedRequest
    ) -> requests.PreparedRequest:
        r.headers.update(self._headers)
        return r


class Keystone:
    """One log-in, kept until its token has expired or is refused."""

    def __init__(self, conf: Any) -> None:
        """Take the section that ``auth_section`` names; do no I/O.

        :raises ConfigError: it is missing or incomplete
        """
        self._section = section = conf.prometheus.auth_section
        self._option = f'[prometheus] auth_section = {section}'
        if section == 'prometheus':
            raise ConfigError(
                f'{self._option} is the section of these options. Use '
                'nova, or a section of its own.'
            )
        try:
            loading.register_session_conf_options(conf, section)
            loading.register_auth_conf_options(conf, section)
            plugin = loading.load_auth_from_conf_options(conf, section)
            self._session = loading.load_session_from_conf_options(
                conf,
                section,
                auth=plugin,
                # As long as for Prometheus itself: both delay a reading.
                timeout=conf.prometheus.timeout,
            )
        except (exceptions.ClientException, cfg.Error) as e:
            raise ConfigError(f'{self._option}: {e}. Mend [{section}].') from e
        if plugin is None:
            raise ConfigError(
                f'{self._option}: [{section}] auth_type is not set. Set it, '
                'for example to password.'
            )

    def auth(self) -> requests.auth.AuthBase:
        """Tell requests who we are; log in where that is needed.

        :raises SignalError: Keystone does not let us in
        """
        with self._errors():
            headers = self._session.get_auth_headers()
        return _Headers(dict(headers or {}))

    def renew(self) -> None:
        """Forget the token: the next request logs in again."""
        self._session.invalidate()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        section = self._section
        try:
            yield
        except exceptions.Unauthorized as e:
            raise SignalError(
                f'{self._option}: Keystone refuses the user: {e}. Check '
                f'username, password and project of [{section}].'
            ) from e
        # A missing cafile is an OSError.
        except (exceptions.ClientException, OSError) as e:
            raise SignalError(
                f'{self._option}: Keystone does not answer: {e}. Check '
                f'auth_url and cafile of [{section}], and that it runs.'
            ) from e
