"""A stand-in for Prometheus: real HTTP, answers that the test sets.

It says nothing about what a real Prometheus answers; that is what the tests
in ``tests/integration`` are for.
"""

import contextlib
import http.server
import json
import socketserver
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, Self


def vector(*series: tuple[dict[str, str], Any, float]) -> dict[str, Any]:
    """An answer's body, from (labels, value, time)."""
    return {
        'status': 'success',
        'data': {
            'resultType': 'vector',
            'result': [
                {'metric': labels, 'value': [at, str(value)]}
                for labels, value, at in series
            ],
        },
    }


class StandIn:
    """Listens on loopback; ``answers`` maps a PromQL to what is said."""

    def __init__(self) -> None:
        #: By PromQL: the body (bytes are sent as they are, others as JSON),
        #: or a status and a body.
        self.answers: Mapping[str, Any] = {}
        #: Tells by the headers whether to answer; 401 if not.
        self.guard: Callable[[Any], bool] = lambda headers: True
        #: Called before each answer.
        self.before: Callable[[], Any] = lambda: None
        #: What was asked: path, headers and form.
        self.requests: list[tuple[str, Any, dict[str, str]]] = []

    def __enter__(self) -> Self:
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, _, form = self.path.partition('?')
                stand_in.answer(self, path, form)

            def log_message(self, *args: Any) -> None:
                """Keep the test's output clean."""

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

        self._server = Server(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self._server.server_port}'
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,)
        )
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(
        self,
        request: http.server.BaseHTTPRequestHandler,
        path: str,
        query: str,
    ) -> None:
        form = dict(urllib.parse.parse_qsl(query))
        self.requests.append((path, request.headers, form))
        self.before()
        status, body = (
            self._look_up(form['query'])
            if self.guard(request.headers)
            else (401, b'Unauthorized')
        )
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        request.send_response(status)
        if status == 302:
            request.send_header('Location', self.url + '/elsewhere')
        request.send_header('Content-Length', str(len(body)))
        request.end_headers()
        # Whoever ran out of time does not listen any more.
        with contextlib.suppress(BrokenPipeError):
            request.wfile.write(body)

    def _look_up(self, promql: str) -> tuple[int, Any]:
        body = self.answers[promql]
        return body if isinstance(body, tuple) else (200, body)
