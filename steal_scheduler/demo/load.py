"""The load on the hosts, and the signals that follow from it.

Each server asks for cores; a host that is asked for more than it has gives
each its share and lets it wait for the rest. So a server that moves really
changes what is measured, on the host it leaves and on the one it joins.
"""

from __future__ import annotations

import json
import os
import pathlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests

from steal_scheduler.demo.api import ApiError

#: Share of what it asks for that a server gets where nobody is in its way:
#: who runs waits for some microseconds, always.
_ALONE = 0.998

#: Server id -> Nova's name of the host it is on.
Hosts = Mapping[str, str]


def signals(
    hosts_of: Hosts,
    demands: Mapping[str, float],
    hosts: tuple[str, ...],
    cores: float,
    now: float,
) -> dict[str, Any]:
    """What exporters would tell, in the form of the static signal source.

    :param demands: cores that each server asks for
    """
    asked = dict.fromkeys(hosts, 0.0)
    for server_id, host in hosts_of.items():
        asked[host] += demands[server_id]
    servers = {}
    for server_id, host in hosts_of.items():
        demand = demands[server_id]
        used = demand * min(_ALONE, cores / asked[host]) if demand else 0.0
        servers[server_id] = {
            'host': host,
            'used': used,
            'waited': demand - used,
            'load': demand,
        }
    return {
        'taken_at': now,
        # What the servers do at this moment, not a mean.
        'window': 0,
        'servers': servers,
        'hosts': {host: {'cores': cores} for host in hosts},
    }


class Load:
    """Writes the signals' file anew, as the servers move about."""

    def __init__(
        self,
        path: pathlib.Path,
        where: Callable[[], Hosts],
        hosts: tuple[str, ...],
        cores: float,
    ) -> None:
        """:param where: asks Nova where each server is"""
        self.path = path
        #: Cores that each server asks for; may be changed at any time.
        self.demands: Mapping[str, float] = {}
        #: Takes what is measured every half second.
        self.watch: Callable[[Mapping[str, Any]], None] = lambda _: None
        self._where = where
        self._hosts = hosts
        self._cores = cores
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name='load', daemon=True
        )

    def start(self) -> None:
        """Write from now on, every half second."""
        self.write()
        self._thread.start()

    def stop(self) -> None:
        """Write no more; also if it has not begun."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def write(self) -> dict[str, Any]:
        """Measure now: the file's content."""
        with self._lock:
            found = signals(
                self._where(),
                self.demands,
                self._hosts,
                self._cores,
                time.time(),
            )
            part = self.path.with_suffix('.part')
            part.write_text(json.dumps(found))
            os.replace(part, self.path)
        return found

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            try:
                self.watch(self.write())
            except (ApiError, requests.RequestException):
                # Then the file grows old, as a dead exporter's numbers do.
                continue
