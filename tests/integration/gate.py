"""A gate in front of nova-api that goes wrong for some calls of ours."""

import enum
import threading
from collections.abc import Iterable
from typing import Any

from steal_scheduler.demo import http

#: As the client of Nova names itself that the migrator uses.
_OURS = 'python-novaclient'


class Wrong(enum.Enum):
    """What becomes of a call."""

    UNHEARD = 'hung up on before Nova hears of it'
    LOST = 'heard by Nova, and hung up on before the answer'
    ERROR = 'answered with 503'


class Gate:
    """A WSGI application around another one."""

    def __init__(self, app: http.App) -> None:
        self._app = app
        self._lock = threading.Lock()
        #: Calls of ours so far.
        self.calls = 0
        self._first = self._last = 0
        self._how: Wrong | None = None

    def open(self) -> None:
        """Count anew, and let everything through."""
        with self._lock:
            self.calls = 0
            self._how = None

    def fail(self, first: int, last: int, how: Wrong) -> None:
        """Let the calls with these numbers go wrong, counted from now."""
        with self._lock:
            self.calls = 0
            self._first, self._last, self._how = first, last, how

    @property
    def busy(self) -> bool:
        """There may be more to come."""
        return self._how is not None and self.calls <= self._last

    def __call__(
        self, environ: http.Environ, start_response: Any
    ) -> Iterable[bytes]:
        how = self._next(environ.get('HTTP_USER_AGENT', ''))
        if how is Wrong.UNHEARD:
            # wsgiref takes this for a client that has gone, and hangs up.
            raise ConnectionAbortedError
        if how is Wrong.ERROR:
            error = {'error': {'code': 503, 'message': 'as the test says'}}
            return http.reply(start_response, error, '503 Unavailable')
        if how is Wrong.LOST:
            list(self._app(environ, lambda *_: None))
            raise ConnectionAbortedError
        return self._app(environ, start_response)

    def _next(self, agent: str) -> Wrong | None:
        if _OURS not in agent:
            return None
        with self._lock:
            self.calls += 1
            hit = self._first <= self.calls <= self._last
            return self._how if hit else None
