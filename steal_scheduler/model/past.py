"""The past of a cloud, as its signals tell it; Nova keeps nothing of it."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from steal_scheduler.model.cloud import Fleet, ServerSignal
from steal_scheduler.model.room import Room
from steal_scheduler.model.threads import Spent, Threads

#: Of a server that was not measured.
_NOWHERE = -1


class Readings:
    """What was measured, step by step, in 16 bytes for each server.

    A week of 6,000 servers is 12 million signals: 200 MB here, and 3 GB as
    objects. Kept is what demand is told from: cores used and waited for
    without its own quota, of vCPUs and of other threads; and the host.
    """

    def __init__(
        self, readings: Iterable[Mapping[str, ServerSignal]] = ()
    ) -> None:
        #: By server id and by host, their columns and numbers. They only
        #: grow, so that an earlier row may be shorter.
        self._servers: dict[str, int] = {}
        self._hosts: dict[str | None, int] = {}
        #: Used, waited and used by other threads, a server each; and where.
        self._rows: list[
            tuple[
                np.ndarray[Any, np.dtype[np.float32]],
                np.ndarray[Any, np.dtype[np.int32]],
            ]
        ] = []
        for reading in readings:
            self.append(reading)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, ServerSignal]]:
        """By server id, a reading at a time; empty where none could be had."""
        ids, names = [*self._servers], [*self._hosts]
        for cores, hosts in self._rows:
            at = np.flatnonzero(hosts != _NOWHERE)
            yield {
                ids[n]: ServerSignal(
                    ids[n],
                    names[host],
                    used,
                    waited,
                    at=0.0,
                    threads=Threads(others=Spent(others)),
                )
                for n, host, used, waited, others in zip(
                    at.tolist(),
                    hosts[at].tolist(),
                    *cores[:, at].tolist(),
                    strict=True,
                )
            }

    def append(self, reading: Mapping[str, ServerSignal]) -> None:
        """Take one more."""
        servers, names = self._servers, self._hosts
        for server_id, signal in reading.items():
            servers.setdefault(server_id, len(servers))
            names.setdefault(signal.host, len(names))
        cores = np.zeros((3, len(servers)), dtype=np.float32)
        hosts = np.full(len(servers), _NOWHERE, dtype=np.int32)
        if reading:
            told = reading.values()
            at = [servers[server_id] for server_id in reading]
            hosts[at] = [names[signal.host] for signal in told]
            cores[:, at] = (
                [signal.used for signal in told],
                [signal.contention for signal in told],
                [signal.threads.others.used for signal in told],
            )
        self._rows.append((cores, hosts))

    def turn(self) -> None:
        """The last one comes first; those at the end that are empty go."""
        while self._rows and (self._rows[-1][1] == _NOWHERE).all():
            self._rows.pop()
        self._rows.reverse()


@dataclasses.dataclass(frozen=True, slots=True)
class Past:
    #: What Nova and Placement tell now.
    fleet: Fleet
    room: Room
    #: What each host has now, by name.
    cores: Mapping[str, float]
    #: Seconds of which each value of a reading is a mean, and between two.
    step: float
    #: The oldest first.
    readings: Readings
