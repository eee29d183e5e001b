"""How a stand-in is reached: in memory, or over loopback.

A stand-in is a WSGI app. In memory no packet is sent and no thread runs: the
app is called when its client reads the answer, so the order of all calls is
the caller's and a call takes a fraction of a millisecond::

    with mounted({'http://192.0.2.1:8500': app}):
        requests.get('http://192.0.2.1:8500/v1/agent/self')

It works below HTTP, in the place of a TCP connection. So whatever our code
and its libraries do about HTTP, they do: urllib3, requests, keystoneauth, the
official client of Kubernetes, and http.client on a socket of our own. (The
library wsgi-intercept takes the place of the connection classes instead;
Consul's and the webhook's connections are our own, and would pass it by.)

Over loopback (``served``) are the tests of what TCP and TLS do: time-outs,
answers without an end, certificates.
"""

import contextlib
import errno
import functools
import io
import socket
import socketserver
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self
from unittest import mock
from wsgiref import simple_server

import urllib3.util.connection

Environ = dict[str, Any]
App = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

#: In the environ, while it is served: the socket, for what is no HTTP.
SOCKET = 'standins.socket'

_MODULES = (socket, urllib3.util.connection)
_REAL = [module.create_connection for module in _MODULES]


@contextlib.contextmanager
def mounted(apps: Mapping[str, App]) -> Iterator[None]:
    """Let each app answer at its URL, without a socket.

    :param apps: by ``http://IP:PORT``. It may change meanwhile: at what is
        taken out of it nobody listens any more
    """

    def connect(original: Any, address: Any, *args: Any, **more: Any) -> Any:
        host, port = address[:2]
        app = apps.get(f'http://{host}:{port}')
        if app is not None:
            timeout = args[0] if args else more.get('timeout')
            return _Wire(app, (host, port), timeout)
        if original in _REAL and host.startswith('192.0.2.'):
            # For documentation only (RFC 5737): there is nobody.
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, 'Connection refused'
            )
        return original(address, *args, **more)

    with contextlib.ExitStack() as stack:
        for module in _MODULES:
            name = 'create_connection'
            instead = functools.partial(connect, getattr(module, name))
            stack.enter_context(mock.patch.object(module, name, instead))
        yield


class _Wire(socket.socket):
    """A client's end of a connection that leads into an app.

    It is a real socket, which is connected to nothing: so it can be given a
    time-out, be copied and be shut like any other.
    """

    def __init__(
        self, app: App, address: tuple[str, int], timeout: Any
    ) -> None:
        super().__init__()
        if isinstance(timeout, int | float):
            self.settimeout(timeout)
        self._app = app
        self._address = address
        self._sent = bytearray()

    def dup(self) -> socket.socket:
        """Copy only what can be shut and closed."""
        return socket.socket(fileno=socket.dup(self.fileno()))

    def sendall(self, data: Any, *flags: int) -> None:
        self._sent += data

    def makefile(self, *args: Any, **more: Any) -> Any:
        """Return the answer to what was sent."""
        sent = io.BytesIO(self._sent)
        self._sent = bytearray()
        return io.BytesIO(_answer(self._app, sent, self._address))


def _answer(app: App, sent: io.BytesIO, address: tuple[str, int]) -> bytes:
    """Call the app with one HTTP request; return its answer, as sent."""
    method, target, _ = sent.readline().decode('latin-1').split(' ')
    path, _, query = target.partition('?')
    environ: Environ = {
        'REQUEST_METHOD': method,
        'SCRIPT_NAME': '',
        'PATH_INFO': urllib.parse.unquote(path, 'latin-1'),
        'QUERY_STRING': query,
        'SERVER_NAME': address[0],
        'SERVER_PORT': str(address[1]),
        'SERVER_PROTOCOL': 'HTTP/1.1',
        'wsgi.url_scheme': 'http',
        'wsgi.input': sent,
    }
    while line := sent.readline().decode('latin-1').rstrip('\r\n'):
        name, _, value = line.partition(':')
        name = name.upper().replace('-', '_')
        if name not in ('CONTENT_TYPE', 'CONTENT_LENGTH'):
            name = f'HTTP_{name}'
        environ[name] = value.strip()
    head: list[str] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], *error: Any
    ) -> None:
        head[:] = [f'HTTP/1.1 {status}', 'Connection: close']
        head.extend(f'{name}: {value}' for name, value in headers)

    try:
        body = b''.join(app(environ, start_response))
    except ConnectionError:
        # Closed without an answer, as seen from here.
        return b''
    except TimeoutError:
        raise
    except Exception as error:
        # Nobody shall take it for trouble of the network.
        raise AssertionError(f'{method} {target} broke the app') from error
    return '\r\n'.join([*head, '', '']).encode('latin-1') + body


class served:  # noqa: N801
    """Let an app answer on loopback, each request in a thread of its own."""

    def __init__(self, app: App, tls: ssl.SSLContext | None = None) -> None:
        """:param tls: with the server's certificate; None for plain HTTP"""
        self._server = simple_server.make_server(
            '127.0.0.1', 0, app, _Server, _Handler
        )
        self._server.tls = tls
        self.port = self._server.server_port
        scheme = 'http' if tls is None else 'https'
        self.url = f'{scheme}://127.0.0.1:{self.port}'
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,)
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port. What is being answered still is."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    tls: ssl.SSLContext | None = None

    def server_bind(self) -> None:
        # NOTE: HTTPServer would look the host's name up in DNS here.
        socketserver.TCPServer.server_bind(self)
        self.server_name = '127.0.0.1'
        self.server_port = self.socket.getsockname()[1]
        self.setup_environ()

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.tls is not None:
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, *args: Any) -> None:
        """Whom nobody listens to is cut off; some tests want it."""


class _Handler(simple_server.WSGIRequestHandler):
    # Headers and body in one piece, or the client waits for an ACK.
    wbufsize = 65536

    def get_environ(self) -> Environ:
        return {**super().get_environ(), SOCKET: self.connection}

    def log_message(self, *args: Any) -> None:
        """Keep the test's output clean."""
