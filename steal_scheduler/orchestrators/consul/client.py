"""Consul's HTTP API, as the few requests that we make.

An agent runs inside a tenant's server, so nothing it sends is trusted: it
has a deadline for all of an answer and a limit of bytes, is not followed
elsewhere, and cannot make us print the token.
"""

import dataclasses
import json
from typing import Any

import requests

from steal_scheduler.edge import http
from steal_scheduler.edge.secret_file import read_token
from steal_scheduler.edge.sense import sensible
from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import OrchestratorError, StealError

#: Bytes of an answer. /v1/agent/self has 30 KiB.
_LARGEST = 4 * 1024 * 1024
_HIDDEN = 'X-Consul-Results-Filtered-By-ACLs'


class Unreachable(OrchestratorError):
    """Nobody answers there."""


class Forbidden(OrchestratorError):
    """It answers, and our token may not do that."""


@dataclasses.dataclass(frozen=True, slots=True)
class ConsulClient:
    """One agent, or the catalog; a request each, since they are far apart."""

    options: Any
    section: str
    url: str
    #: What stands for ``{id}`` in the path of its token.
    whose: str
    #: Whom its certificate names; None: the host in the URL.
    server_name: str | None

    def get(self, path: str, **query: str) -> Any:
        """:raises OrchestratorError: Unreachable, Forbidden or another"""
        return self._json(self._send('GET', path, query))

    def put(self, path: str, **query: str) -> None:
        """:raises OrchestratorError: Unreachable, Forbidden or another"""
        self._send('PUT', path, query)

    def all(self, path: str, **query: str) -> list[dict[str, Any]]:
        """The nodes or health checks that match.

        :raises OrchestratorError: also where some may be hidden from us
        """
        response = self._send('GET', path, query)
        found = self._json(response)
        if isinstance(found, dict):
            found = list(found.values())
        if not isinstance(found, list) or not all(
            isinstance(each, dict) for each in found
        ):
            raise OrchestratorError(self._text(f'{path} is no list'))
        if found:
            return found
        # NOTE: Consul answers "nothing" to who may see nothing.
        if response.headers.get(_HIDDEN) == 'true':
            lacks = 'the token lacks node:read or service:read'
            raise Forbidden(self._text(f'{path} hides something: {lacks}'))
        if not self.options.token_file:
            # Without ACLs this is allowed, with them it is not.
            self.get('/v1/agent/self')
        return found

    def _json(self, response: requests.Response) -> Any:
        with sensible(self._text('its answer'), OrchestratorError):
            return json.loads(response.content)

    def _send(
        self, verb: str, path: str, query: dict[str, str]
    ) -> requests.Response:
        """An answer of status 200."""
        options, name = self.options, self.server_name
        file = options.token_file and options.token_file.format(id=self.whose)
        try:
            token = read_token(file) if file else ''
            response = http.exchange(
                verb,
                self.url.rstrip('/') + path,
                http.Tls(
                    options.cafile, options.certfile, name, options.insecure
                ),
                seconds=2 * options.timeout,
                most=_LARGEST,
                params=query,
                headers={'X-Consul-Token': token} if token else {},
            )
        except StealError as error:
            silent = isinstance(error, http.NoAnswer)
            failed = Unreachable if silent else OrchestratorError
            raise failed(self._text(error)) from error
        status = response.status_code
        if status == 200:
            return response
        said = response.content[:2000].decode(errors='replace')
        if token:
            said = said.replace(token, '***')
        kind = Forbidden if status in (401, 403) else OrchestratorError
        text = f'{verb} {path} answered {status}: {one_line(said)}'
        raise kind(self._text(text))

    def _text(self, what: object) -> str:
        return f'[{self.section}] {self.url}: {what}'
