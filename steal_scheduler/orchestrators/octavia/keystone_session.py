"""One HTTP request to Octavia, as somebody whom Keystone knows."""

import re
from typing import Any

import requests
from keystoneauth1 import exceptions, loading
from oslo_config import cfg

from steal_scheduler.exception import ConfigError, OrchestratorError


class KeystoneSession:
    """A session of keystoneauth; the first request logs in."""

    def __init__(self, conf: Any, section: str) -> None:
        """Take the options; do no I/O.

        :param section: of the orchestrator
        :raises ConfigError: the section that its ``auth_section`` names is
            missing or incomplete
        """
        options = conf[section]
        #: Whose user it is: the name of a section.
        self.section = login = options.auth_section
        self._where = f'[{section}] auth_section = {login}'
        if login == section:
            raise ConfigError(
                f'{self._where} is the section of these options. Use nova, '
                'or a section of its own.'
            )
        try:
            loading.register_session_conf_options(conf, login)
            loading.register_auth_conf_options(conf, login)
            conf.register_opts(_catalog_opts(), group=login)
            auth = loading.load_auth_from_conf_options(conf, login)
            self._session = loading.load_session_from_conf_options(
                conf, login, auth=auth, timeout=options.timeout
            )
        except (cfg.NoSuchOptError, cfg.NoSuchGroupError) as error:
            # What is missing may be a piece of a password.
            raise ConfigError(
                f'{self._where}: a $ in an option of [{login}] refers to '
                'another option, and there is none of that name. Write $$ '
                'for a $.'
            ) from error
        # An OSError is of OpenSSL.
        except (exceptions.ClientException, cfg.Error, OSError) as error:
            raise ConfigError(
                f'{self._where}: {error}. Correct [{login}].'
            ) from error
        if auth is None:
            raise ConfigError(
                f'{self._where}: [{login}] auth_type is not set. Set it, for '
                'example to password.'
            )
        found = conf[login]
        self._catalog = {
            'service_type': 'load-balancer',
            'interface': found.valid_interfaces or ['internal', 'public'],
            'region_name': found.region_name,
        }

    def request(
        self, method: str, path: str, timeout: float, **arguments: Any
    ) -> requests.Response:
        """Send it; whatever status it has, it is an answer.

        :param path: below ``/v2/lbaas/``
        :param timeout: seconds to wait for each part of the answer
        :raises OrchestratorError: there is no answer
        """
        try:
            return self._session.request(
                f'{self._endpoint()}/v2/lbaas/{path}',
                method,
                raise_exc=False,
                # Or the token would go wherever an answer points to.
                redirect=False,
                timeout=timeout,
                **arguments,
            )
        except exceptions.Unauthorized as error:
            raise OrchestratorError(
                f'{self._where}: Keystone refused the user: {error}. Check '
                f'username, password and project of [{self.section}].'
            ) from error
        except exceptions.CatalogException as error:
            raise OrchestratorError(
                f'{self._where}: Keystone lists no Octavia: {error}. Check '
                f'region_name and valid_interfaces of [{self.section}].'
            ) from error
        # A missing cafile is an OSError.
        except (exceptions.ClientException, OSError) as error:
            raise OrchestratorError(
                f'Octavia did not answer {method} {path}: {error}'
            ) from error

    def _endpoint(self) -> str:
        """Where Keystone's catalog says that it is."""
        url = self._session.get_endpoint(skip_discovery=True, **self._catalog)
        return re.sub(r'/v2(\.0)?$', '', str(url).rstrip('/'))


def _catalog_opts() -> list[Any]:
    """Where to look in the catalog; of ``[nova]`` they exist already."""
    return [
        opt
        for opt in loading.get_adapter_conf_options(include_deprecated=False)
        if opt.dest in ('valid_interfaces', 'region_name')
    ]
