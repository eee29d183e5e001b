"""The official client, made from the options; its errors made ours.

It is imported when a cluster is asked, and not before: the other orchestrators
do without it, and it takes half a second.
"""

import importlib.util
import json
import pathlib
import re
import ssl
from typing import Any

from steal_scheduler.exception import ConfigError, OrchestratorError
from steal_scheduler.orchestrators.kubernetes.config import (
    Kubeconfig,
    Unusable,
)


class Client:
    """One API server and who we are to it. Connects when it is asked."""

    def __init__(self, options: Any, section: str) -> None:
        """Read the files that the options name; send nothing.

        :raises ConfigError: an option is wrong, or the library is missing
        """
        self._options = options
        self._section = section
        self._api: Any = None
        #: Where it is, for messages.
        self.url = options.server or options.kubeconfig or ''
        if importlib.util.find_spec('kubernetes') is None:
            raise ConfigError(
                f'[{section}] is a Kubernetes cluster, and the library for it '
                "is missing: pip install 'steal-scheduler[kubernetes]'"
            )
        if bool(options.kubeconfig) == bool(options.server):
            raise ConfigError(
                f'[{section}] needs one of kubeconfig and server, not '
                f'{"both" if options.server else "none"}.'
            )
        if options.server:
            self._check_server()
        else:
            self._check_kubeconfig()

    def api(self) -> Any:
        """The library's ApiClient, with a token of now.

        :raises OrchestratorError: a file can not be read any more
        """
        try:
            if self._api is None:
                self._api = self._connect()
            if self._options.server:
                token = self._token()
                self._api.set_default_header('Authorization', token)
        except (ConfigError, OSError, ValueError) as error:
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
            cure = ' ca_file, or the kubeconfig, has to name who signed it.'
        text = ' '.join(said.split())[:400].rstrip('.')
        return OrchestratorError(
            f'[{self._section}] {self.url} did not {what}: '
            f'{f"{status} " if status else ""}{text}.{cure}'
        )

    def _check_server(self) -> None:
        options = self._options
        if not re.fullmatch(r'https?://[^/@\s]+(/[^@\s]*)?', options.server):
            raise self._wrong('server', 'is no URL: https://10.0.0.10:6443')
        self._check_scheme(options.server)
        if options.context:
            raise self._wrong('context', 'belongs to kubeconfig')
        if not options.token_file:
            raise ConfigError(
                f'[{self._section}] server needs token_file as well.'
            )
        self._token()
        if options.ca_file:
            try:
                ssl.create_default_context(cafile=options.ca_file)
            except OSError as error:
                raise self._wrong('ca_file', str(error)) from error

    def _check_kubeconfig(self) -> Kubeconfig:
        options = self._options
        for name in ('token_file', 'ca_file'):
            if options[name]:
                raise self._wrong(name, 'belongs to server')
        try:
            return Kubeconfig(options.kubeconfig, options.context)
        except (OSError, Unusable) as error:
            raise self._wrong('kubeconfig', str(error)) from error

    def _connect(self) -> Any:
        from kubernetes import client

        options = self._options
        settings = client.Configuration()
        if options.server:
            settings.host = options.server
            settings.ssl_ca_cert = options.ca_file
        else:
            # Kept: it keeps files that the library needs.
            self._kubeconfig = self._check_kubeconfig()
            try:
                self._kubeconfig.put_into(settings)
            except Unusable as error:
                raise self._wrong('kubeconfig', str(error)) from error
        self.url = re.sub(r'//[^/@]*@', '//', settings.host)
        self._check_scheme(settings.host)
        settings.verify_ssl = not options.insecure
        # One look, one answer: the next look is the retry. The library would
        # ask four times, and wait as long as the server says in between.
        settings.retries = False
        return client.ApiClient(settings)

    def _check_scheme(self, url: str) -> None:
        if not url.startswith('https://') and not self._options.insecure:
            raise ConfigError(
                f'[{self._section}] {self.url} would carry the token in the '
                'open: use https, or set insecure.'
            )

    def _token(self) -> str:
        path = self._options.token_file
        try:
            token = pathlib.Path(path).read_text('utf-8').strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self._wrong('token_file', str(error)) from error
        if not re.fullmatch(r'[\x21-\x7e]+', token):
            raise self._wrong('token_file', 'holds no token')
        return f'Bearer {token}'

    def _wrong(self, option: str, why: str) -> ConfigError:
        value = self._options[option]
        return ConfigError(f'[{self._section}] {option} = {value!r}: {why}.')


def said_by(error: Exception) -> dict[str, Any] | None:
    """The Status object in the answer that an ApiException stands for."""
    try:
        said = json.loads(getattr(error, 'body', None) or 'null')
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
