"""A bound on all of an answer, not on each piece of it.

requests' own time-out is one for each piece that arrives: who sends a byte
every second would hold us, and with us every other move. So the sockets are
remembered, and cut off from outside.
"""

import contextlib
import socket
import threading
from typing import Any

import requests.adapters
import urllib3
import urllib3.connection


class BoundAdapter(requests.adapters.HTTPAdapter):
    """Connects to one place, whose answer may be cut off."""

    def __init__(self, server_name: str | None) -> None:
        """:param server_name: in its certificate; None: the host's"""
        self._name = server_name
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self.is_cut = False
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        if self._name:
            kwargs['server_hostname'] = self._name
        super().init_poolmanager(*args, **kwargs)
        remember = self._remember

        class Plain(urllib3.connection.HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return remember(super()._new_conn())

        class Secure(urllib3.connection.HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return remember(super()._new_conn())

        class PlainPool(urllib3.HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(urllib3.HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {
            'http': PlainPool,
            'https': SecurePool,
        }

    def cut(self) -> None:
        """End it now, whoever waits for it; from another thread."""
        with self._lock:
            self.is_cut = True
            for one in self._sockets:
                _shut(one)

    def let_go(self) -> None:
        with self._lock:
            for one in self._sockets:
                one.close()
            self._sockets.clear()

    def _remember(self, made: socket.socket) -> socket.socket:
        with self._lock:
            # A copy: TLS takes the original's place.
            self._sockets.append(made.dup())
            if self.is_cut:
                _shut(made)
        return made


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
