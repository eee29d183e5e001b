"""What goes wrong between a client and a service, around any stand-in."""

import enum
import io
from collections.abc import Callable, Iterable
from typing import Any

from tests.standins.transport import SOCKET, App, Environ


class Fault(enum.Enum):
    """What becomes of one call."""

    REFUSED = 'the connection ends, and nothing was done'
    LOST = 'it is done, and the connection ends without an answer'
    LATE = 'it is done, and whoever asks runs out of time before the answer'
    DELAYED = 'it is done, and answered after a while'
    UNAVAILABLE = 'nothing is done, and the answer is 503'
    GARBLED = 'it is done, and the answer is no JSON'
    TWICE = 'it is done twice, as by a proxy that asks again'


def faulty(
    app: App,
    draw: Callable[[str], Fault | None],
    wait: Callable[[Environ], Any] = lambda environ: None,
) -> App:
    """Put faults around an app.

    :param draw: tells the fault of a call, by what is asked
        (``PUT /v1/agent/maintenance``); None for none. It is asked once for
        each call. NOTE: several threads may ask in any order, so draw from
        what is asked, not from how many there were
    :param wait: lets the time of DELAYED and LATE pass, by the test's clock
    """

    def answer(
        environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        what = f'{environ["REQUEST_METHOD"]} {environ["PATH_INFO"]}'
        fault = draw(what)
        if fault is Fault.REFUSED:
            raise ConnectionAbortedError
        if fault is Fault.UNAVAILABLE:
            return _say('503 Service Unavailable', start_response)
        size = int(environ.get('CONTENT_LENGTH') or 0)
        body = environ['wsgi.input'].read(size)
        head: list[Any] = []
        for _ in range(2 if fault is Fault.TWICE else 1):
            again = {**environ, 'wsgi.input': io.BytesIO(body)}
            said = app(again, lambda *args: head.append(args))
        if fault in (Fault.DELAYED, Fault.LATE):
            wait(environ)
        if fault is Fault.LATE:
            _outlast(environ)
        if fault is Fault.LOST:
            raise ConnectionAbortedError
        if fault is Fault.GARBLED:
            return _say('200 OK', start_response)
        start_response(*head[-1])
        return said

    return answer


def _say(status: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
    text = b'<html>a proxy says that'
    start_response(status, [('Content-Length', str(len(text)))])
    return [text]


def _outlast(environ: Environ) -> None:
    """Answer nothing until whoever asks has hung up."""
    if SOCKET not in environ:
        raise TimeoutError('timed out')
    environ[SOCKET].recv(1)
    raise ConnectionAbortedError
