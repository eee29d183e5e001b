"""HTTP with a bound on the whole exchange, in seconds and in bytes.

The time-out of requests, and of urllib3 below it, begins anew with every
piece that arrives: who sends a byte now and then holds us for ever, and with
us every other move. So the sockets of an exchange are known here, and are
shut down at its end, whatever it waits for: a connection, a handshake, a
header, a body.
"""

import contextlib
import contextvars
import dataclasses
import functools
import io
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import requests
import requests.adapters
import urllib3

from steal_scheduler.exception import StealError

#: Bytes of an answer that is as large as the cloud: a million samples.
MOST = 256 * 1024 * 1024


class ExchangeFailed(StealError):
    """There is no answer that can be used; the text says why."""


class NoAnswer(ExchangeFailed):
    """None in time, or none that is whole."""


@dataclasses.dataclass(frozen=True, slots=True)
class Tls:
    """How it is made sure who answers, and who asks."""

    #: PEM of the authority; None: those that the system trusts.
    cafile: str | None = None
    #: PEM of our certificate and its key.
    certfile: str | None = None
    #: Whom the certificate must name; None: the host in the URL.
    server_name: str | None = None
    insecure: bool = False


def exchange(
    method: str,
    url: str,
    tls: Tls,
    *,
    seconds: float,
    most: int,
    **request: Any,
) -> requests.Response:
    """Ask once, of a stranger: no proxy, no .netrc, no redirect, no retry.

    ``exchange('GET', url, Tls(), seconds=6, most=4096, params={...})``

    :param seconds: of all of it; half of them for one connection
    :param most: bytes of the answer
    :param request: what ``requests`` takes: headers, params, data
    :raises ExchangeFailed: there is no whole answer; whatever status one has,
        it is an answer
    """
    system = ssl.get_default_verify_paths()
    trusted = tls.cafile or system.cafile or system.capath or True
    # Named as the key's file as well: only then urllib3 looks whether that
    # has a password, for which OpenSSL would ask on the terminal.
    cert = (tls.certfile, tls.certfile) if tls.certfile else None
    with requests.Session() as session:
        session.trust_env = False
        adapter = requests.adapters.HTTPAdapter()
        adapter.init_poolmanager(1, 1, server_hostname=tls.server_name)
        session.mount('https://', adapter)
        bind(session, most)
        try:
            return session.request(
                method,
                url,
                timeout=seconds,
                verify=not tls.insecure and trusted,
                cert=cert,
                allow_redirects=False,
                **request,
            )
        except requests.exceptions.SSLError as error:
            # We do not trust who answers, or he does not trust us.
            raise ExchangeFailed(
                f'TLS failed: {reason(error)}. Check cafile, certfile, and '
                'whom the certificate there names'
            ) from error
        except requests.exceptions.Timeout as error:
            raise NoAnswer(f'no answer in {seconds:g} s') from error
        except (
            requests.exceptions.ConnectionError,
            urllib3.exceptions.HTTPError,
        ) as error:
            raise NoAnswer(reason(error)) from error
        # A missing cafile, an answer that is too long.
        except OSError as error:
            raise ExchangeFailed(str(error)) from error


def bind(session: requests.Session, most: int = MOST) -> None:
    """Bound every exchange of a session, also of keystoneauth's.

    The time-out of a request is from now on that of the whole exchange.

    :param most: bytes of an answer
    """
    # keystoneauth has one for both prefixes.
    for adapter in {*session.adapters.values()}:
        # Whoever made the adapter has set up its TLS, which has to stay.
        bounded_send = functools.partial(_send, adapter, adapter.send, most)
        adapter.send = bounded_send  # type: ignore[method-assign]


def reason(error: Exception) -> str:
    """The innermost text: the outer ones repeat the URL and the classes."""
    cause: BaseException = error
    while cause.__context__ is not None:
        cause = cause.__context__
    return str(cause) or type(cause).__name__


def unanswered(error: Exception) -> str:
    """What keystoneauth says of a connection, without what it says twice.

    'Unable to establish connection to http://x/v3: [Errno 111] Connection
    refused'
    """
    said, _, more = str(error).partition(': HTTP')
    return f'{said}: {reason(error)}' if more else said.removesuffix('.')


@contextlib.contextmanager
def bounded(pool: Any, seconds: float) -> Iterator[None]:
    """Hang up in so many seconds, whatever this thread waits for then.

    Who answers a byte each second, a hundred bytes in all, is a hundred
    seconds within any time-out of one second; here he has one.

    :param seconds: or fewer, see ``within``
    :param pool: urllib3's HTTPConnectionPool that is used inside
    :raises requests.exceptions.Timeout: that was necessary
    """
    seconds = min(seconds, _UNTIL.get() - time.monotonic())
    pool.ConnectionCls = _known(pool.ConnectionCls)
    end = _End(seconds)
    end.start()
    before = _END.set(end)
    try:
        yield
    except (OSError, urllib3.exceptions.HTTPError):
        if not end.has_come:
            raise
    finally:
        _END.reset(before)
        end.forget()
    # Its beginning is no answer, whatever its status says.
    if end.has_come:
        raise requests.exceptions.ReadTimeout(f'no answer in {seconds:g} s')


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let all exchanges inside take so many seconds together, at most."""
    before = _UNTIL.set(min(_UNTIL.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _UNTIL.reset(before)


def read(raw: urllib3.BaseHTTPResponse, most: int) -> bytes:
    """The body of an answer, as it was sent.

    :raises requests.exceptions.RequestException: it has more bytes than
        that, or less than it says
    """
    body = raw.read(most + 1, decode_content=False)
    if len(body) > most:
        raw.close()
        raise requests.exceptions.RequestException(
            f'the answer is too long: more than {most} bytes'
        )
    if getattr(raw, 'length_remaining', None):
        raise requests.exceptions.ConnectionError('the answer has no end')
    raw.release_conn()
    return body


class _End(threading.Timer):
    """Of one exchange. It hangs up, whatever is waited for then.

    NOTE: no lock is needed. Who adds a socket looks afterwards whether the
    end has come, and so shuts what came too late for ``hang_up`` to see.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(max(seconds, 0), self.hang_up)
        self.daemon = True
        self.has_come = False
        #: Copies, since TLS takes an original's place.
        self._sockets: list[socket.socket] = []

    def add(self, made: socket.socket) -> None:
        self._sockets.append(socket.socket(fileno=os.dup(made.fileno())))
        if self.has_come:
            self.hang_up()

    def hang_up(self) -> None:
        self.has_come = True
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        """The exchange is over. A number of a file may be another's soon."""
        self.cancel()
        self.join()
        for one in self._sockets:
            one.close()


#: When the exchanges of this thread have to be over, monotonic.
_UNTIL: contextvars.ContextVar[float] = contextvars.ContextVar(
    'until', default=math.inf
)
#: Of the exchange that this thread is in.
_END: contextvars.ContextVar[_End] = contextvars.ContextVar('end')


class _Known:
    """Before a connection class of urllib3: its sockets are known."""

    sock: socket.socket | None

    def _new_conn(self) -> socket.socket:
        made: socket.socket = super()._new_conn()  # type: ignore[misc]
        _END.get().add(made)
        return made

    def request(self, *args: Any, **kwargs: Any) -> None:
        # One that was kept open after the exchange before.
        if self.sock is not None:
            _END.get().add(self.sock)
        super().request(*args, **kwargs)  # type: ignore[misc]


@functools.cache
def _known(kind: type) -> type:
    if issubclass(kind, _Known):
        return kind
    return type(kind.__name__, (_Known, kind), {})


def _send(
    adapter: Any,
    send: Any,
    most: int,
    request: requests.PreparedRequest,
    *,
    timeout: float,
    stream: bool,
    **where: Any,
) -> requests.Response:
    """In the place of an adapter's own."""
    # What is packed may unpack to a thousand times its size.
    request.headers['Accept-Encoding'] = 'identity'
    pool = adapter.get_connection_with_tls_context(request, **where)
    with bounded(pool, timeout):
        # The second of a host's addresses gets its half.
        response: requests.Response = send(
            request, stream=True, timeout=(timeout / 2, timeout), **where
        )
        response.raw = io.BytesIO(read(response.raw, most))
    return response
