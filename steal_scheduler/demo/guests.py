"""The servers as Nova shows them, and the cores that each asks for.

The metadata of a server say what it asks for, ``demo:load=12`` is 12 cores;
else it asks for what the story says. So whoever may change a server makes its
host hot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from steal_scheduler.demo.api import Api

LOAD = 'demo:load'
#: Cores that a server asks for of which the story does not tell.
_STRANGER = 0.4


class Guests:
    """All servers of the cloud; `where` asks Nova again."""

    def __init__(self, api: Api, tell: Callable[[str], None]) -> None:
        """Be told by nobody yet.

        :param api: of an admin, who sees all projects
        :param tell: takes each change of a server's metadata, as a sentence
        """
        #: Server id -> the cores it asks for, if its metadata say nothing.
        self.usual: Mapping[str, float] = {}
        #: The same, with what the metadata said at the last look.
        self.demands: dict[str, float] = {}
        #: Server id -> its name.
        self.names: dict[str, str] = {}
        self._api = api
        self._tell = tell
        self._said: dict[str, str | None] = {}

    def where(self) -> dict[str, str]:
        """The host of each server that is on one, by its id.

        Raises as `Api.call` does.
        """
        path = '/servers/detail?all_tenants=1&limit=1000'
        hosts = {}
        for server in self._api.call('GET', path)['servers']:
            if host := server['OS-EXT-SRV-ATTR:host']:
                id_ = server['id']
                hosts[id_] = host
                self.names[id_] = server['name']
                self.demands[id_] = self._demand(server)
        return hosts

    def _demand(self, server: Mapping[str, Any]) -> float:
        """Cores it asks for: not more than it has vCPUs."""
        if server['OS-EXT-STS:vm_state'] != 'active':
            return 0.0
        id_, name = server['id'], server['name']
        vcpus: int = server['flavor']['vcpus']
        said = server['metadata'].get(LOAD)
        cores = (
            self.usual.get(id_, _STRANGER) if said is None else _cores(said)
        )
        changed = said != self._said.get(id_)
        self._said[id_] = said
        if cores is None:
            if changed:
                self._tell(f'{name}: {LOAD}={said} is no number of cores')
            return self.usual.get(id_, _STRANGER)
        cores = min(cores, vcpus)
        if changed:
            self._tell(f'{name} asks for {cores:g} cores of its {vcpus} vCPUs')
        return cores


def _cores(text: str) -> float | None:
    try:
        cores = float(text)
    except ValueError:
        return None
    # NOTE: nan compares as false.
    return cores if cores >= 0 else None
