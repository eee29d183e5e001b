"""Consul's HTTP API, as the few requests that we make.

An agent runs inside a tenant's server, so nothing it sends is trusted: it
has a deadline for all of an answer and a limit of bytes, is not followed
elsewhere, and cannot make us print the token.
"""

import json
import pathlib
import re
import threading
from typing import Any

import requests
import urllib3

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.consul.agent_address import Endpoint
from steal_scheduler.orchestrators.consul.bounded_adapter import BoundAdapter

#: Bytes of an answer. /v1/agent/self has 30 KiB.
_LARGEST = 4 * 1024 * 1024
#: None in time, or none that is whole.
_NO_ANSWER = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    urllib3.exceptions.HTTPError,
)
_HIDDEN = 'X-Consul-Results-Filtered-By-ACLs'


class Unreachable(OrchestratorError):
    """Nobody answers there."""


class Forbidden(OrchestratorError):
    """It answers, and our token may not do that."""


class ConsulClient:
    """One agent; a request each, since they are far apart."""

    def __init__(self, options: Any, section: str, endpoint: Endpoint) -> None:
        self._options = options
        self._section = section
        self._endpoint = endpoint

    def get(self, path: str, **query: str) -> Any:
        """:raises OrchestratorError: Unreachable, Forbidden or another"""
        return self._decoded(self._send('GET', path, query)[1])

    def put(self, path: str, **query: str) -> None:
        """:raises OrchestratorError: Unreachable, Forbidden or another"""
        self._send('PUT', path, query)

    def all(self, path: str, **query: str) -> list[dict[str, Any]]:
        """The nodes or health checks that match.

        :raises OrchestratorError: also where some may be hidden from us
        """
        response, body, token = self._send('GET', path, query)
        found = self._decoded(body)
        if isinstance(found, dict):
            found = list(found.values())
        if not isinstance(found, list) or not all(
            isinstance(each, dict) for each in found
        ):
            raise self._error(f'{path} is no list')
        if found:
            return found
        # NOTE: Consul answers "nothing" to who may see nothing.
        if response.headers.get(_HIDDEN) == 'true':
            raise Forbidden(
                self._text(
                    f'{path} hides something: the token lacks node:read or '
                    'service:read'
                )
            )
        if not token:
            # Without ACLs this is allowed, with them it is not.
            self.get('/v1/agent/self')
        return found

    def _send(
        self, verb: str, path: str, query: dict[str, str]
    ) -> tuple[requests.Response, bytes, str]:
        options = self._options
        token = self._token()
        with requests.Session() as session:
            # No proxy, no .netrc, no other CA than the option's.
            session.trust_env = False
            adapter = BoundAdapter(self._endpoint.server_name)
            session.mount('https://', adapter)
            session.mount('http://', adapter)
            late = threading.Timer(2 * options.timeout, adapter.cut)
            late.daemon = True
            late.start()
            try:
                response = session.request(
                    verb,
                    self._endpoint.url + path,
                    params=query,
                    headers={
                        'Accept-Encoding': 'identity',
                        **({'X-Consul-Token': token} if token else {}),
                    },
                    timeout=options.timeout,
                    verify=not options.insecure and (options.cafile or True),
                    cert=self._certificate(),
                    allow_redirects=False,
                    stream=True,
                )
                body = response.raw.read(_LARGEST + 1, decode_content=False)
            except requests.exceptions.SSLError as error:
                raise self._error(
                    f'TLS failed: {_reason(error)}. Check cafile, certfile '
                    'and tls_server_name'
                ) from error
            except _NO_ANSWER as error:
                what = 'no answer' if adapter.is_cut else _reason(error)
                raise Unreachable(self._text(what)) from error
            # Such as a missing cafile.
            except OSError as error:
                raise self._error(str(error)) from error
            finally:
                late.cancel()
                adapter.let_go()
        if len(body) > _LARGEST:
            raise self._error('its answer is too long')
        if adapter.is_cut or response.raw.length_remaining:
            raise Unreachable(self._text('its answer has no end'))
        self._check_status(response.status_code, verb, path, body, token)
        return response, body, token

    def _check_status(
        self, status: int, verb: str, path: str, body: bytes, token: str
    ) -> None:
        if status == 200:
            return
        said = body[:2000].decode(errors='replace')
        if token:
            said = said.replace(token, '***')
        said = ' '.join(re.sub(r'[^\x20-\x7e]', ' ', said).split())[:300]
        text = self._text(f'{verb} {path} answered {status}: {said}')
        raise (Forbidden if status in (401, 403) else OrchestratorError)(text)

    def _decoded(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except ValueError as error:
            raise self._error('its answer is no JSON') from error

    def _token(self) -> str:
        file = self._endpoint.token_file
        if not file:
            return ''
        try:
            token = pathlib.Path(file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self._error(
                f'the token file {file} cannot be read: {type(error).__name__}'
            ) from error
        # Else the HTTP library would complain, and quote the token.
        if not re.fullmatch('[!-~]+', token):
            raise self._error(f'the token file {file} holds no token')
        return token

    def _certificate(self) -> tuple[str, str] | None:
        file = self._options.certfile
        # Named as the key's as well: only then urllib3 looks whether that has
        # a password, for which OpenSSL would ask on the terminal.
        return (file, file) if file else None

    def _error(self, what: str) -> OrchestratorError:
        return OrchestratorError(self._text(what))

    def _text(self, what: str) -> str:
        return f'[{self._section}] {self._endpoint.url}: {what}'


def _reason(error: Exception) -> str:
    """The innermost text: the outer ones repeat the URL and the classes."""
    cause: BaseException = error
    while cause.__context__ is not None:
        cause = cause.__context__
    return str(cause) or type(cause).__name__
