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
from collections.abc import Callable
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
        self.answers: dict[str, Any] = {}
        #: Called before each answer.
        self.before: Callable[[], Any] = lambda: None
        #: What was asked: path, headers and form.
        self.requests: list[tuple[str, Any, dict[str, str]]] = []

    def __enter__(self) -> Self:
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                stand_in.answer(self)

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

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        size = int(request.headers['Content-Length'])
        form = dict(urllib.parse.parse_qsl(request.rfile.read(size).decode()))
        self.requests.append((request.path, request.headers, form))
        self.before()
        status, body = 200, self.answers[form['query']]
        if isinstance(body, tuple):
            status, body = body
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
