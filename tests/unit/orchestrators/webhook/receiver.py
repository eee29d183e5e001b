"""A stand-in for a webhook's receiver: real HTTP, answers of the test.

It checks signatures by itself, with nothing of ours, from the text of the
specification.
"""

import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import ssl
import threading
from collections.abc import Callable
from typing import Any, Self

from oslo_config import cfg

from steal_scheduler.orchestrators.webhook.options import OPTS
from tests.unit.signals.options import configuration

KEY = bytes(range(32))
SECRET = 'whsec_' + base64.b64encode(KEY).decode()


class StandIn:
    """Listens on loopback; keeps what it was sent."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.status = 200
        self.said: bytes | str = ''
        self.headers: dict[str, str] = {}
        #: What was sent: the path, the headers and the body.
        self.sent: list[tuple[str, Any, bytes]] = []
        #: Instead of an answer, until whoever asked hangs up.
        self.instead: Callable[[Any], None] | None = None
        self._tls = tls

    def __enter__(self) -> Self:
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                stand_in._answer(self)

            def log_message(self, *args: Any) -> None:
                """Keep the test's output clean."""

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *args: Any) -> None:
                """A client that hangs up is what some tests want."""

        self._server = Server(('127.0.0.1', 0), Handler)
        scheme = 'http'
        if self._tls is not None:
            scheme = 'https'
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True
            )
        self.port = self._server.server_port
        self.url = f'{scheme}://127.0.0.1:{self.port}/steal?by=us'
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,)
        )
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers['Content-Length']))
        self.sent.append((request.path, request.headers, body))
        if self.instead is not None:
            request.close_connection = True
            with contextlib.suppress(OSError):
                self.instead(request)
            return
        said = self.said.encode() if isinstance(self.said, str) else self.said
        request.send_response(self.status)
        request.send_header('Content-Length', str(len(said)))
        for name, value in self.headers.items():
            request.send_header(name, value)
        request.end_headers()
        with contextlib.suppress(OSError):
            request.wfile.write(said)

    def ids(self) -> list[str]:
        """The ids of the messages, in order."""
        return [headers['webhook-id'] for _, headers, _ in self.sent]

    def documents(self) -> list[Any]:
        return [json.loads(body) for *_, body in self.sent]


def signed_by(headers: Any, body: bytes, key: bytes) -> bool:
    """Whether one of the message's signatures was made with this key."""
    content = b'.'.join(
        [
            headers['webhook-id'].encode(),
            headers['webhook-timestamp'].encode(),
            body,
        ]
    )
    right = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest())
    return f'v1,{right.decode()}' in headers['webhook-signature'].split(' ')


def options(directory: str, **values: Any) -> cfg.ConfigOpts:
    """A section [webhook] with a key that is as it should be."""
    path = pathlib.Path(directory, 'key')
    if not path.exists():
        path.write_text(SECRET + '\n')
        os.chmod(path, 0o600)
    values.setdefault('signing_key_file', str(path))
    return configuration('webhook', OPTS, **values)
