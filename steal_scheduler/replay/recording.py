"""A recording: which servers a cloud had, and how many cores they wanted."""

import dataclasses
from typing import Any

import numpy as np

#: float64, servers in the last axis; hosts where it says so.
Floats = np.ndarray[Any, np.dtype[np.float64]]
#: Indices of hosts, a server each.
Places = np.ndarray[Any, np.dtype[np.int64]]


@dataclasses.dataclass(frozen=True, slots=True)
class RecordedHost:
    name: str
    zone: str
    cores: float
    ram_mb: float
    disk_gb: float


@dataclasses.dataclass(frozen=True, slots=True)
class RecordedServer:
    id: str
    name: str
    project: str
    role: str | None
    vcpus: int
    ram_mb: int
    disk_gb: int
    host: str
    work: str


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """A hard server group; its servers by their index."""

    policy: str
    servers: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Recording:
    hosts: tuple[RecordedHost, ...]
    servers: tuple[RecordedServer, ...]
    groups: tuple[Group, ...]
    #: Seconds since its begin at which each row begins; and where it ends.
    seconds: Floats
    end: float
    #: Cores wanted: rows, servers.
    demand: Floats

    @property
    def places(self) -> Places:
        """Index of the host that each server is on at first."""
        index = {host.name: n for n, host in enumerate(self.hosts)}
        return np.array([index[s.host] for s in self.servers])

    def wanted(self, begin: float, seconds: int) -> Floats:
        """Cores wanted from a second on: seconds, servers.

        Of a time in which nothing changes one second stands for all.
        """
        rows = self.rows(begin, begin + seconds)
        if len(rows) == 1:
            return self.demand[rows.start : rows.stop]
        at = begin + np.arange(seconds)
        return self.demand[self.seconds.searchsorted(at, side='right') - 1]

    def rows(self, begin: float, end: float) -> range:
        """Those of which a part lies between two seconds."""
        first = int(np.searchsorted(self.seconds, begin, side='right')) - 1
        return range(first, int(np.searchsorted(self.seconds, end)))
