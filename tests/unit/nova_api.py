"""A stand-in for Nova's API: real HTTP, answers that the test sets.

It says nothing about what a real Nova answers, that is what the tests in
``tests/functional`` are for; only about what becomes of an answer here.
"""

import contextlib
import http.server
import json
import socketserver
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any, Self

from oslo_config import cfg

from steal_scheduler.conf import nova

#: A status and a body; None for a connection that is dropped.
Answer = tuple[int, Any] | None


class NovaApi:
    def __init__(self) -> None:
        #: By verb and path; the query is given to those that are callable.
        self.answers: dict[str, Answer | Callable[[dict], Answer]] = {}
        #: What was asked: verb and path, query, headers, body.
        self.asked: list[tuple[str, dict[str, str], Any, Any]] = []

    def __enter__(self) -> Self:
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                api.answer(self)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

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

    def conf(self, *args: str, **options: Any) -> cfg.ConfigOpts:
        """A configuration that leads here, without a Keystone."""
        conf = cfg.ConfigOpts()
        nova.register(conf)
        conf(list(args), default_config_files=[], default_config_dirs=[])
        auth = {'auth_type': 'none', 'endpoint_override': self.url}
        for name, value in (auth | options).items():
            conf.set_override(name, value, group='nova')
        return conf

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        size = int(request.headers.get('Content-Length') or 0)
        body = json.loads(request.rfile.read(size)) if size else None
        url = urllib.parse.urlsplit(request.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        asked = f'{request.command} {urllib.parse.unquote(url.path)}'
        self.asked.append((asked, query, request.headers, body))
        answer = self.answers.get(asked, (599, f'not expected: {asked}'))
        if callable(answer):
            answer = answer(query)
        if answer is None:
            request.close_connection = True
            return
        status, said = answer
        if not isinstance(said, bytes):
            said = json.dumps(said).encode()
        request.send_response(status)
        request.send_header('Content-Type', 'application/json')
        request.send_header('Content-Length', str(len(said)))
        request.end_headers()
        with contextlib.suppress(BrokenPipeError):
            request.wfile.write(said)


def fault(status: int, message: str = 'so it is') -> Answer:
    """How Nova says no."""
    return status, {'fault': {'code': status, 'message': message}}


def server(server_id: str = 's', **other: Any) -> dict[str, Any]:
    """As ``GET /servers/detail`` of microversion 2.80 gives it."""
    return {
        'id': server_id,
        'name': 'web-1',
        'status': 'ACTIVE',
        'OS-EXT-SRV-ATTR:host': 'a',
        'OS-EXT-AZ:availability_zone': 'az1',
        'flavor': {
            'vcpus': 4,
            'ram': 4096,
            'disk': 20,
            'ephemeral': 5,
            'swap': 2048,
            'extra_specs': {},
        },
        'image': {'id': 'i'},
        'metadata': {'role': 'web'},
        'locked': False,
        'tags': ['blue'],
        'addresses': {
            'private': [{'addr': '10.0.0.5', 'version': 4}],
            'public': [{'addr': '203.0.113.5', 'version': 4}],
        },
    } | other


def migration(**other: Any) -> dict[str, Any]:
    """As ``GET /os-migrations`` of microversion 2.80 gives it."""
    return {
        'id': 7,
        'uuid': 'm7',
        'instance_uuid': 's',
        'status': 'running',
        'source_compute': 'a',
        'dest_compute': 'b',
        'created_at': '2026-01-01T00:00:00.000000',
        'updated_at': '2026-01-01T00:00:05.500000',
        'user_id': 'us',
        'project_id': 'p',
        'migration_type': 'live-migration',
    } | other
