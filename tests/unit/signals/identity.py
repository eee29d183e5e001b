"""A stand-in for Keystone: one user, tokens, and discovery."""

import contextlib
import http.server
import json
import socketserver
import threading
import uuid
from collections.abc import Callable
from typing import Any, Self

USER = 'monitor'
PASSWORD = 'hush-hush'
PROJECT = 'service'


class Identity:
    """Listens on loopback; the identity API is below ``/v3``."""

    def __init__(self) -> None:
        #: Those that were given out.
        self.tokens: list[str] = []
        #: A status to answer instead, and what to wait for before.
        self.fault: int | None = None
        self.before: Callable[[], Any] = lambda: None

    def __enter__(self) -> Self:
        identity = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                identity.answer(self, identity.version())

            def do_POST(self) -> None:
                size = int(self.headers['Content-Length'])
                given = json.loads(self.rfile.read(size))
                identity.answer(self, identity.log_in(given))

            def log_message(self, *args: Any) -> None:
                """Keep the test's output clean."""

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

        self._server = Server(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self._server.server_port}/v3'
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

    def version(self) -> tuple[int, dict[str, str], Any]:
        links = [{'rel': 'self', 'href': self.url}]
        version = {'id': 'v3.14', 'status': 'stable', 'links': links}
        return 200, {}, {'version': version}

    def log_in(self, given: Any) -> tuple[int, dict[str, str], Any]:
        auth = given['auth']
        user = auth['identity']['password']['user']
        if (user['name'], user['password'], auth['scope']['project']) != (
            USER,
            PASSWORD,
            {'name': PROJECT, 'domain': {'id': 'default'}},
        ):
            error = {'code': 401, 'message': 'The request requires a log-in.'}
            return 401, {}, {'error': error}
        self.tokens.append(uuid.uuid4().hex)
        token = {
            'methods': ['password'],
            'expires_at': '2999-01-01T00:00:00.000000Z',
            'issued_at': '2026-01-01T00:00:00.000000Z',
            'user': {'id': 'u', 'name': USER, 'domain': {'id': 'default'}},
            'catalog': [],
        }
        return 201, {'X-Subject-Token': self.tokens[-1]}, {'token': token}

    def answer(
        self,
        request: http.server.BaseHTTPRequestHandler,
        answer: tuple[int, dict[str, str], Any],
    ) -> None:
        self.before()
        status, headers, body = answer
        raw = json.dumps(body).encode()
        request.send_response(self.fault or status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header('Content-Type', 'application/json')
        request.send_header('Content-Length', str(len(raw)))
        # Whoever ran out of time does not listen any more.
        with contextlib.suppress(BrokenPipeError):
            request.end_headers()
            request.wfile.write(raw)
