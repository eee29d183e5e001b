"""One HTTP server on loopback in front of all the cloud's APIs."""

from __future__ import annotations

import enum
import json
import socketserver
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref import simple_server

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


def reply(
    start_response: StartResponse,
    body: Any,
    status: str = '200 OK',
    headers: Iterable[tuple[str, str]] = (),
) -> list[bytes]:
    """Answer a WSGI request with JSON (or nothing, if body is None)."""
    raw = b'' if body is None else json.dumps(body).encode()
    start_response(
        status,
        [
            ('Content-Type', 'application/json'),
            ('Content-Length', str(len(raw))),
            *headers,
        ],
    )
    return [raw]


def read(environ: Environ) -> bytes:
    """The body of a request."""
    size = int(environ.get('CONTENT_LENGTH') or 0)
    raw: bytes = environ['wsgi.input'].read(size)
    return raw


def read_json(environ: Environ) -> Any:
    """The JSON body of a request. Raises ValueError if it is not JSON."""
    return json.loads(read(environ))


class Fault(enum.Enum):
    """What a service does instead of answering, for tests."""

    UNREACHABLE = 'drop the connection without an answer'
    ERROR = 'answer 500'
    HANG = 'answer nothing until the fault is lifted, then 500'


class _Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def server_bind(self) -> None:
        # NOTE: HTTPServer would look the host's name up in DNS here.
        socketserver.TCPServer.server_bind(self)
        self.server_name = '127.0.0.1'
        self.server_port = self.socket.getsockname()[1]
        self.setup_environ()


class _Handler(simple_server.WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Say nothing: Nova logs its requests itself."""


class Http:
    """Serve `apps` by the first part of the path, each in its own thread.

    ``http.apps['compute'] = app`` serves app below ``/compute``. The fault of
    a service, if any, is in `faults`: ``http.faults['compute'] = Fault.HANG``;
    `lift` ends them all.
    """

    def __init__(self, port: int = 0) -> None:
        """Bind to the port (0: a free one). Raises OSError if it is taken."""
        self.apps: dict[str, App] = {}
        self.faults: dict[str, Fault] = {}
        self._lifted = threading.Event()
        self._server = simple_server.make_server(
            '127.0.0.1',
            port,
            self._dispatch,
            server_class=_Server,
            handler_class=_Handler,
        )
        self.url = f'http://127.0.0.1:{self._server.server_port}'
        self._thread = threading.Thread(
            target=self._server.serve_forever, name='demo-http', daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port; requests that hang are released."""
        self.lift()
        # NOTE: shutdown() would wait for ever for a loop that never ran.
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def lift(self) -> None:
        """End all faults."""
        self.faults.clear()
        released, self._lifted = self._lifted, threading.Event()
        released.set()

    def _dispatch(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        _, name, rest = (environ['PATH_INFO'] + '/').split('/', 2)
        if name in self.faults:
            return self._fail(self.faults[name], start_response)
        app = self.apps.get(name)
        if app is None:
            services = {'services': sorted(self.apps)}
            return reply(start_response, services, '404 Not Found')
        environ['SCRIPT_NAME'] = '/' + name
        environ['PATH_INFO'] = '/' + rest.removesuffix('/')
        return app(environ, start_response)

    def _fail(
        self, fault: Fault, start_response: StartResponse
    ) -> Iterable[bytes]:
        if fault is Fault.UNREACHABLE:
            # wsgiref takes this for a client that has gone, and hangs up.
            raise ConnectionAbortedError
        if fault is Fault.HANG:
            self._lifted.wait()
        error = {'error': {'code': 500, 'message': 'fault on demand'}}
        return reply(start_response, error, '500 Internal Server Error')
