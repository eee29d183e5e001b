"""A stand-in for Consul: real HTTP, one node, faults on demand.

It knows as much as the tests of timing and faults need, as the real one was
seen to answer. What a real one does is for ``tests/integration``.
"""

import contextlib
import http.server
import json
import socketserver
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any, Self

from steal_scheduler.conf import orchestrators
from steal_scheduler.orchestrators.consul.plugin import Consul
from tests.unit.signals.options import configuration

NODE_ID = '22222222-2222-4222-8222-222222222222'

Query = dict[str, str]
#: A status and a body, which is sent as JSON unless it is bytes.
Said = tuple[int, Any]


class HttpPlace:
    """Where somebody answers."""

    def __init__(self, answer: Callable[[str, str, Query], Said]) -> None:
        self._answer = answer
        #: It ends each connection without an answer.
        self.down = False
        #: By path: what is done instead, with the handler.
        self.instead: dict[str, Callable[[Any], None]] = {}
        #: Sent with each answer.
        self.headers: dict[str, str] = {}
        #: What was asked: verb and path, and the tokens that came with it.
        self.asked: list[tuple[str, str]] = []
        self.tokens: set[str | None] = set()

    def __enter__(self) -> Self:
        place = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                place.serve(self)

            def do_PUT(self) -> None:
                place.serve(self)

            def log_message(self, *args: Any) -> None:
                """Keep the test's output clean."""

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *args: Any) -> None:
                """Whom nobody listens to is cut off; that is the test."""

        self._server = Server(('127.0.0.1', 0), Handler)
        self.port = self._server.server_port
        self.url = f'http://127.0.0.1:{self.port}'
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,)
        )
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self, handler: Any) -> None:
        path, _, query = handler.path.partition('?')
        self.asked.append((handler.command, path))
        self.tokens.add(handler.headers['X-Consul-Token'])
        if self.down:
            handler.close_connection = True
            return
        if path in self.instead:
            self.instead[path](handler)
            return
        known = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.send(handler, *self._answer(handler.command, path, known))

    def send(self, handler: Any, status: int, said: Any) -> None:
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        handler.send_response(status)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header('Content-Length', str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


class Cluster(contextlib.ExitStack):
    """One node of that name, and the catalog that knows it."""

    def __init__(self, node: str = 'web-1') -> None:
        super().__init__()
        self.node = {'Node': node, 'ID': NODE_ID, 'Address': '127.0.0.1'}
        #: What the catalog has; none after it has left.
        self.nodes = [self.node]
        #: Why the agent has the node in maintenance.
        self.reason: str | None = None
        #: Why the catalog has nodes in maintenance, by their names.
        self.shown: dict[str, str] = {}
        #: The agent tells the catalog at once.
        self.syncs = True
        #: Called before the agent obeys.
        self.before: Callable[[bool], Any] = lambda enable: None
        #: The agent does what it is told.
        self.obeys = True

    def __enter__(self) -> Self:
        super().__enter__()
        self.agent = self.enter_context(HttpPlace(self._agent))
        self.catalog = self.enter_context(HttpPlace(self._catalog))
        return self

    def sync(self) -> None:
        name = self.node['Node']
        self.shown.pop(name, None)
        if self.reason is not None:
            self.shown[name] = self.reason

    def consul(self, **options: Any) -> Consul:
        """The orchestrator of this cluster."""
        values = {
            'address': f'http://{{address}}:{self.agent.port}',
            'networks': ['127.0.0.0/8'],
            'catalog': self.catalog.url,
            'settle': 0,
            'timeout': 1,
        }
        return Consul(
            configuration(
                'consul',
                [*orchestrators.OPTS, *Consul.OPTS],
                **(values | options),
            ),
            'consul',
        )

    def _agent(self, verb: str, path: str, query: Query) -> Said:
        name = self.node['Node']
        if path == '/v1/agent/self':
            return 200, {'Config': {'NodeName': name, 'NodeID': NODE_ID}}
        if path == '/v1/agent/checks':
            found = [] if self.reason is None else [_check(name, self.reason)]
            return 200, {check['CheckID']: check for check in found}
        enable = query['enable'] == 'true'
        self.before(enable)
        if self.obeys and not enable:
            self.reason = None
        elif self.obeys and self.reason is None:
            self.reason = query['reason']
        if self.syncs:
            self.sync()
        return 200, b''

    def _catalog(self, verb: str, path: str, query: Query) -> Said:
        if path == '/v1/agent/self':
            return 200, {}
        if path == '/v1/catalog/nodes':
            wanted = query['filter'].split('"')[1]
            return 200, [n for n in self.nodes if n['Node'] == wanted]
        shown = [_check(name, why) for name, why in self.shown.items()]
        if path == '/v1/health/state/critical':
            return 200, shown
        node = path.rpartition('/')[2]
        alive = {'Node': node, 'CheckID': 'serfHealth', 'Notes': ''}
        return 200, [alive, *(c for c in shown if c['Node'] == node)]


def _check(node: str, reason: str) -> dict[str, str]:
    return {'Node': node, 'CheckID': '_node_maintenance', 'Notes': reason}
