"""How a cluster is reached: the official library, made from a kubeconfig file.

It is imported when a cluster is asked, and not before: the other orchestrators
do without it, and it takes half a second.
"""

import importlib.util
import json
import re
from typing import Any

from steal_scheduler.exception import ConfigError, OrchestratorError
from steal_scheduler.orchestrators.kubernetes.kubeconfig import (
    Kubeconfig,
    Unusable,
)


class Connection:
    """One API server and who we are to it. Connects when it is asked."""

    def __init__(self, options: Any, section: str) -> None:
        """Read the files that the options name; send nothing.

        :raises ConfigError: an option is wrong, or the library is missing
        """
        self._options = options
        self._section = section
        self._api: Any = None
        #: Where it is, for messages.
        self.url = options.kubeconfig or ''
        if importlib.util.find_spec('kubernetes') is None:
            raise ConfigError(
                f'[{section}] driver = kubernetes needs a library that is '
                "missing: pip install 'steal-scheduler[kubernetes]'"
            )
        if not options.kubeconfig:
            raise ConfigError(
                f'[{section}] kubeconfig is not set. Set it to the path of '
                'the kubeconfig file of the cluster.'
            )
        self._kubeconfig = self._read_kubeconfig()

    def api(self) -> Any:
        """The library's ApiClient, with a token of now.

        :raises OrchestratorError: a file can not be read any more
        """
        try:
            if self._api is None:
                self._api = self._connect()
            self._kubeconfig.read_token()
        except (OSError, Unusable, ValueError) as error:
            raise OrchestratorError(str(self._wrong(error))) from error
        except ConfigError as error:
            raise OrchestratorError(str(error)) from error
        return self._api

    def failed(self, what: str, error: Exception) -> OrchestratorError:
        """Say what went wrong, and its cure; no token is in it.

        :param what: what was asked: ``list nodes``
        :param error: of the library, or of urllib3 below it
        """
        status = getattr(error, 'status', None)
        said = (said_by(error) or {}).get('message') or str(error)
        cure = ''
        if not status or status in (401, 403):
            # Files may have been renewed, or be gone: read them all again.
            self._api = None
        if status == 401:
            cure = ' Renew the token, or the certificate, of the migrator.'
        elif status == 403:
            cure = (
                ' Grant it: etc/kubernetes/steal-migrator-rbac.yaml has all '
                'the rights.'
            )
        elif 'CERTIFICATE' in said:
            cure = (
                ' Set certificate-authority in the kubeconfig file to the '
                'authority that signed it.'
            )
        text = ' '.join(said.split())[:400].rstrip('.')
        return OrchestratorError(
            f'[{self._section}] {self.url} did not {what}: '
            f'{f"{status} " if status else ""}{text}.{cure}'
        )

    def _read_kubeconfig(self) -> Kubeconfig:
        options = self._options
        try:
            return Kubeconfig(options.kubeconfig, options.context)
        except (OSError, Unusable) as error:
            raise self._wrong(error) from error

    def _connect(self) -> Any:
        from kubernetes import client

        settings = client.Configuration()
        # Kept: it keeps files that the library needs.
        self._kubeconfig = self._read_kubeconfig()
        self._kubeconfig.put_into(settings)
        self.url = re.sub(r'//[^/@]*@', '//', settings.host)
        if not self.url.startswith('https://') and settings.verify_ssl:
            raise self._wrong(
                f'{self.url} would carry the token in clear text: use '
                'https, or set insecure-skip-tls-verify in the file'
            )
        # One look, one answer: the next look is the retry. The library would
        # ask four times, and wait as long as the server says in between.
        settings.retries = False
        return client.ApiClient(settings)

    def _wrong(self, reason: object) -> ConfigError:
        return ConfigError(
            f'[{self._section}] kubeconfig = {self._options.kubeconfig!r}: '
            f'{reason}.'
        )


def said_by(error: Exception) -> dict[str, Any] | None:
    """The Status object in the answer that an ApiException stands for."""
    try:
        said = json.loads(getattr(error, 'body', None) or 'null')
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
