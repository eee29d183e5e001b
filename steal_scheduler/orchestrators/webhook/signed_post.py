"""One signed request and its bounded answer, for ``plugin.py``.

The signature is that of the open specification Standard Webhooks 1.0
(https://www.standardwebhooks.com), which has libraries for receivers.

It is sent with http.client: there an end can be set to the whole exchange.
The time-outs of requests begin anew with every byte, and all moves wait
meanwhile. Nor are there proxies, .netrc or redirects to turn off.
"""

import base64
import contextlib
import dataclasses
import hashlib
import hmac
import http.client
import re
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping

#: Bytes of a key: what the specification allows.
_KEY = range(24, 65)
_PREFIX = 'whsec_'
#: Bytes of an answer: ids of 25,000 servers.
_LONGEST = 1024 * 1024


def read_keys(path: str) -> list[bytes]:
    """The keys of a file, one a line; all of them sign.

    :raises OSError: it cannot be read
    :raises ValueError: what is wrong with it; it does not tell the key
    """
    with open(path, encoding='ascii', errors='replace') as file:
        lines = file.read().split()
    if not lines:
        raise ValueError('the file is empty')
    return [_key(line) for line in lines]


def _key(line: str) -> bytes:
    # Unpadded base64 is common.
    text = line.removeprefix(_PREFIX).rstrip('=')
    valid = line.startswith(_PREFIX) and re.fullmatch('[A-Za-z0-9+/]+', text)
    key = b''
    if valid and len(text) % 4 != 1:
        key = base64.b64decode(text + '=' * (-len(text) % 4))
    if len(key) not in _KEY:
        raise ValueError(
            f'a line of the file is not {_PREFIX} and the base64 of '
            f'{_KEY[0]} to {_KEY[-1]} bytes'
        )
    return key


def sign(
    keys: Iterable[bytes], message_id: str, at: int, body: bytes
) -> dict[str, str]:
    """The three headers of the specification.

    :param at: epoch seconds; receivers allow for five minutes
    """
    signed = f'{message_id}.{at}.'.encode() + body
    signatures = [
        base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        for key in keys
    ]
    return {
        'webhook-id': message_id,
        'webhook-timestamp': str(at),
        'webhook-signature': ' '.join(f'v1,{s}' for s in signatures),
    }


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    status: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Receiver:
    """Where it goes, and what is needed to trust who answers there."""

    url: urllib.parse.SplitResult
    #: Seconds for everything, from the connection to the answer's last byte.
    timeout: float
    cafile: str | None = None
    certfile: str | None = None
    keyfile: str | None = None

    def tls(self) -> ssl.SSLContext | None:
        """Read the certificates, which may be renewed at any time.

        :raises OSError: one cannot be read, or is none
        """
        if self.url.scheme != 'https':
            return None
        context = ssl.create_default_context(cafile=self.cafile)
        if self.certfile:
            # A password, or OpenSSL would ask for one on the terminal.
            context.load_cert_chain(self.certfile, self.keyfile, password='')
        return context

    def post(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send it, and wait for the answer.

        :raises OSError, http.client.HTTPException, ValueError: there is none
        """
        deadline = time.monotonic() + self.timeout
        tls = self.tls()
        host = self.url.hostname or ''
        connection = http.client.HTTPConnection(host, self._port)
        with self._connect(deadline) as tcp:
            connection.sock = tcp
            if tls is not None:
                connection.default_port = 443
                connection.sock = tls.wrap_socket(
                    tcp, server_hostname=host, do_handshake_on_connect=False
                )
            with connection.sock, _ended(connection.sock, deadline):
                if isinstance(connection.sock, ssl.SSLSocket):
                    connection.sock.do_handshake()
                connection.request('POST', self._path, body, dict(headers))
                with connection.getresponse() as response:
                    said = response.read(_LONGEST + 1)
        if len(said) > _LONGEST:
            raise ValueError(f'the answer has more than {_LONGEST} bytes')
        return Reply(response.status, said.decode(errors='replace'))

    @property
    def _port(self) -> int:
        return self.url.port or (443 if self.url.scheme == 'https' else 80)

    @property
    def _path(self) -> str:
        query = f'?{self.url.query}' if self.url.query else ''
        return (self.url.path or '/') + query

    def _connect(self, deadline: float) -> socket.socket:
        """To the first of its addresses that answers, each in its share."""
        trouble: OSError = TimeoutError('no time is left')
        found = socket.getaddrinfo(
            self.url.hostname, self._port, type=socket.SOCK_STREAM
        )
        for i, (*_, address) in enumerate(found):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                return socket.create_connection(
                    (str(address[0]), int(address[1])), left / (len(found) - i)
                )
            except OSError as error:
                trouble = error
        raise trouble


@contextlib.contextmanager
def _ended(sock: socket.socket, deadline: float) -> Iterator[None]:
    """Hang up at the deadline, however much is still to come.

    :raises TimeoutError: that was necessary
    """
    late = threading.Event()

    def hang_up() -> None:
        late.set()
        with contextlib.suppress(OSError):
            # NOTE: an SSLSocket's own would let the rest go out in clear.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    left = max(0.0, deadline - time.monotonic())
    # By the timer alone, or a slow byte at the end would be too much.
    sock.settimeout(None)
    timer = threading.Timer(left, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if not late.is_set():
            raise
    finally:
        timer.cancel()
    if late.is_set():
        raise TimeoutError
