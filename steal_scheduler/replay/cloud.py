"""The cloud that is replayed: who is where, and what Nova would do."""

import collections
import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from steal_scheduler.model.room import AFFINITY
from steal_scheduler.replay.recording import Floats, Group, Places, Recording


@dataclasses.dataclass(frozen=True, slots=True)
class Flight:
    """A server on its way; server and hosts by their index."""

    server: int
    source: int
    target: int
    #: Second at which it arrives.
    due: float


class Cloud:
    """Changed by migrations, and by nothing else.

    As in Placement, a server that is on its way takes its memory and disk on
    both hosts.
    """

    def __init__(self, recording: Recording, move_seconds: float) -> None:
        self.recording = recording
        #: Index of the host of each server; cores of each host.
        self.places: Places = recording.places
        self.cores: Floats = np.array([h.cores for h in recording.hosts])
        self.vcpus: Floats = np.array(
            [float(server.vcpus) for server in recording.servers]
        )
        zones = [host.zone for host in recording.hosts]
        self.zones = np.unique(zones, return_inverse=True)[1]
        self.in_flight: dict[int, Flight] = {}
        #: How often each server has been moved, and when it arrived last.
        self.moves = np.zeros(len(recording.servers), dtype=np.int64)
        self.arrived = np.full(len(recording.servers), -np.inf)
        self.copied_mb = 0.0
        self._move_seconds = move_seconds
        self._ram: Floats = np.array([h.ram_mb for h in recording.hosts])
        self._disk: Floats = np.array([h.disk_gb for h in recording.hosts])
        for server, host in zip(recording.servers, self.places, strict=True):
            self._ram[host] -= server.ram_mb
            self._disk[host] -= server.disk_gb
        self._groups: Mapping[int, list[Group]] = collections.defaultdict(list)
        for group in recording.groups:
            for member in group.servers:
                self._groups[member].append(group)

    def on_hosts(self, values: Floats) -> Floats:
        """The sum over the servers of each host.

        :param values: servers in the last axis; hosts are in the result's
        """
        rows = values.reshape(-1, values.shape[-1])
        hosts = len(self.cores)
        at = self.places + hosts * np.arange(len(rows))[:, np.newaxis]
        sums: Floats = np.bincount(
            at.ravel(), rows.ravel(), hosts * len(rows)
        ).astype(float)
        return sums.reshape(*values.shape[:-1], hosts)

    def others(self, server: int) -> Places:
        """Hosts of its zone but its own."""
        here = self.places[server]
        same = self.zones == self.zones[here]
        same[here] = False
        return np.flatnonzero(same)

    def fits(self, server: int, host: int) -> bool:
        """Whether Nova could place the server there."""
        asked = self.recording.servers[server]
        return (
            self._ram[host] >= asked.ram_mb
            and self._disk[host] >= asked.disk_gb
            and all(
                self._allows(g, server, host) for g in self._groups[server]
            )
        )

    @property
    def left(self) -> Sequence[Mapping[str, int]]:
        """What each host has left, as Placement would tell it."""
        return [
            {'MEMORY_MB': math.floor(ram), 'DISK_GB': math.floor(disk)}
            for ram, disk in zip(self._ram, self._disk, strict=True)
        ]

    def migrate(self, server: int, target: int, now: float) -> None:
        """Let it begin; the caller has asked whether it fits."""
        asked = self.recording.servers[server]
        self._ram[target] -= asked.ram_mb
        self._disk[target] -= asked.disk_gb
        self.copied_mb += asked.ram_mb
        self.in_flight[server] = Flight(
            server,
            int(self.places[server]),
            target,
            now + self._move_seconds,
        )

    def arrivals(self, now: float) -> Iterator[Flight]:
        """Let those arrive that are due by now, and say which."""
        due = [f for f in self.in_flight.values() if f.due <= now]
        for flight in due:
            del self.in_flight[flight.server]
            asked = self.recording.servers[flight.server]
            self._ram[flight.source] += asked.ram_mb
            self._disk[flight.source] += asked.disk_gb
            self.places[flight.server] = flight.target
            self.moves[flight.server] += 1
            self.arrived[flight.server] = now
            yield flight

    def _allows(self, group: Group, server: int, host: int) -> bool:
        """Nova's rules, as in ``decision/room.py``.

        NOTE: its own host is one of the group's, to Nova. So the only member
        of an affinity group cannot leave.
        """
        others = [other for other in group.servers if other != server]
        if group.policy == AFFINITY:
            return any(self.places[other] == host for other in others)
        return all(host not in self._hosts_of(other) for other in others)

    def _hosts_of(self, server: int) -> Iterator[int]:
        yield int(self.places[server])
        if server in self.in_flight:
            yield self.in_flight[server].target
