"""What every stand-in is: a WSGI app with a table of routes."""

import dataclasses
import fnmatch
import http
import json
import re
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any, NoReturn

from tests.standins.transport import SOCKET, Environ

#: A status and a body, which is sent as JSON unless it is bytes; perhaps
#: headers.
Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    method: str
    #: Decoded, without the query.
    path: str
    query: dict[str, str]
    #: By their names in small letters.
    headers: dict[str, str]
    body: bytes
    #: While it is served on loopback: what leads to whoever asks.
    socket: Any

    def __str__(self) -> str:
        return f'{self.method} {self.path}'

    @property
    def json(self) -> Any:
        """What the body says; None for an empty one."""
        return json.loads(self.body or 'null')


Route = Callable[..., Answer]


def route(method: str, path: str) -> Callable[[Route], Route]:
    """Let a method answer what is asked so.

    :param path: ``/nodes/{}`` for one that gives what stands there to the
        method, behind the request; ``{}`` holds no slash
    """

    def mark(answer: Route) -> Route:
        pattern = re.compile(re.escape(path).replace(r'\{\}', '([^/]+)'))
        answer.asked_by = method, pattern  # type: ignore[attr-defined]
        return answer

    return mark


def hang_up(request: Request) -> NoReturn:
    """End the connection without an answer."""
    raise ConnectionAbortedError


def raw(said: bytes, drop: bytes = b'') -> Callable[[Request], NoReturn]:
    """Send bytes as they are, over loopback, and end the connection.

    :param drop: sent behind it again and again, each sooner than any
        time-out, until whoever asks hangs up
    """

    def answer(request: Request) -> NoReturn:
        request.socket.sendall(said)
        pause = threading.Event()
        while drop:
            request.socket.sendall(drop)
            pause.wait(0.05)
        hang_up(request)

    return answer


class StandIn:
    """Answers by its routes, unless the test wants something else."""

    _routes: tuple[Route, ...] = ()

    def __init_subclass__(cls) -> None:
        found = [
            value for value in vars(cls).values() if hasattr(value, 'asked_by')
        ]
        cls._routes = (*found, *cls._routes)

    def __init__(self) -> None:
        #: What is answered instead, by a pattern of what is asked:
        #: ``'POST */eviction': (429, {})``, ``'*': hang_up``. Of what can be
        #: called the answer counts, unless it is None.
        self.instead: dict[
            str, Answer | Callable[[Request], Answer | None]
        ] = {}
        #: Called before each answer.
        self.before: Callable[[Request], Any] = lambda request: None
        #: Sent with each answer.
        self.headers: dict[str, str] = {}
        #: All that was asked.
        self.asked: list[Request] = []

    def calls(self) -> list[str]:
        """What was asked: ``GET /api/v1/nodes``."""
        return [str(request) for request in self.asked]

    def __call__(
        self, environ: Environ, start_response: Callable[..., Any]
    ) -> list[bytes]:
        request = _request(environ)
        self.asked.append(request)
        self.before(request)
        status, body, *more = self._instead(request) or self.answer(request)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = 'text/plain' if raw is body else 'application/json'
        headers = {
            'Content-Type': kind,
            'Content-Length': str(len(raw)),
            **self.headers,
            **(more[0] if more else {}),
        }
        try:
            phrase = http.HTTPStatus(status).phrase
        except ValueError:
            phrase = 'Unknown'
        start_response(f'{status} {phrase}', [*headers.items()])
        return [raw]

    def answer(self, request: Request) -> Answer:
        """Do what is asked."""
        methods = set()
        for way in self._routes:
            method, pattern = way.asked_by  # type: ignore[attr-defined]
            found = pattern.fullmatch(request.path)
            if found and method == request.method:
                return way(self, request, *found.groups())
            if found:
                methods.add(method)
        if methods:
            return 405, b'', {'Allow': ', '.join(sorted(methods))}
        return self.no_route(request)

    def no_route(self, request: Request) -> Answer:
        return 404, {'message': f'{request}: not found'}

    def _instead(self, request: Request) -> Answer | None:
        for pattern, said in self.instead.items():
            if fnmatch.fnmatchcase(str(request), pattern):
                answer = said(request) if callable(said) else said
                if answer is not None:
                    return answer
        return None


def _request(environ: Environ) -> Request:
    size = int(environ.get('CONTENT_LENGTH') or 0)
    query = urllib.parse.parse_qsl(
        environ['QUERY_STRING'], keep_blank_values=True
    )
    headers = {
        name.removeprefix('HTTP_').lower().replace('_', '-'): value
        for name, value in environ.items()
        if name.startswith(('HTTP_', 'CONTENT_'))
    }
    return Request(
        method=environ['REQUEST_METHOD'],
        path=environ['PATH_INFO'].encode('latin-1').decode(),
        query=dict(query),
        headers=headers,
        body=environ['wsgi.input'].read(size),
        socket=environ.get(SOCKET),
    )
