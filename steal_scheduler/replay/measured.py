"""A recording out of the past of the operator's own cloud. Pure."""

import collections
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from steal_scheduler.decision.demand import IDLE, demand
from steal_scheduler.model.cloud import Server, ServerSignal
from steal_scheduler.model.demand import History
from steal_scheduler.model.past import Past
from steal_scheduler.model.room import Room
from steal_scheduler.replay.calm import CalmHours
from steal_scheduler.replay.recording import (
    Floats,
    Group,
    RecordedHost,
    RecordedServer,
    Recording,
)

#: Of a host of which nobody tells what it has left: room for all.
BOUNDLESS = 1e12


def recording(past: Past) -> Recording:
    """What servers wanted, as far as what they used and waited for tells.

    Hosts of which no cores are known are left out, and so are the servers
    that are there now. Of a step in which a server was not measured the one
    before tells; before the first of all it wanted nothing.
    """
    fleet, cores = past.fleet, past.cores
    servers = [
        server
        for server in fleet.servers.values()
        if server.host in cores and server.vcpus
    ]
    here = collections.defaultdict[str | None, list[Server]](list)
    for server in servers:
        here[server.host].append(server)
    wanted = _wanted(past, servers)
    return Recording(
        hosts=tuple(
            _host(name, here[name], past)
            for name in cores
            if name in fleet.hosts
        ),
        servers=tuple(map(_server, servers)),
        groups=tuple(_groups(past.room, servers)),
        seconds=past.step * np.arange(len(wanted), dtype=np.float64),
        end=past.step * len(wanted),
        demand=wanted,
    )


def _host(name: str, servers: Iterable[Server], past: Past) -> RecordedHost:
    """What it has left, and what those take that are there now."""
    ram, disk = BOUNDLESS, BOUNDLESS
    room = past.room.hosts.get(name)
    if room is not None and room.free is not None:
        left = room.free.left
        ram = left.get('MEMORY_MB', 0) + sum(s.ram_mb for s in servers)
        if 'DISK_GB' in left:
            disk = left['DISK_GB'] + sum(s.disk_gb for s in servers)
    zone = past.fleet.hosts[name].zone
    return RecordedHost(name, zone, past.cores[name], ram, disk)


def _server(server: Server) -> RecordedServer:
    return RecordedServer(
        id=server.server_id,
        name=server.name,
        project=server.project_id,
        role=server.role,
        vcpus=server.vcpus,
        ram_mb=server.ram_mb,
        disk_gb=server.disk_gb,
        host=server.host or '',
        work='queueing',
    )


def _groups(room: Room, servers: Sequence[Server]) -> Iterable[Group]:
    index = {server.server_id: n for n, server in enumerate(servers)}
    groups = {id(g): g for each in room.groups.values() for g in each}
    for group in groups.values():
        if members := tuple(index[s] for s in group.members if s in index):
            yield Group(group.policy, members)


def _wanted(past: Past, servers: Sequence[Server]) -> Floats:
    """Cores: steps, servers."""
    calm = CalmHours(past.step)
    table = np.zeros((len(past.readings), len(servers)))
    row = np.zeros(len(servers))
    for n, reading in enumerate(past.readings):
        busy = _busy(past, reading)
        signals = [reading.get(server.server_id) for server in servers]
        used = [s.used if s else np.nan for s in signals]
        waited = [s.contention if s else np.nan for s in signals]
        calm.add(np.array(used), np.array(waited))
        histories = _histories(calm, signals, busy)
        for column, signal in enumerate(signals):
            if signal is not None:
                share = busy.get(signal.host, 1.0)
                told = demand(signal, histories.get(column), share)
                row[column] = min(told.expected, servers[column].vcpus)
        table[n] = row
    return table


def _histories(
    calm: CalmHours,
    signals: Sequence[ServerSignal | None],
    busy: Mapping[str | None, float],
) -> dict[int, History]:
    """Of those for which it matters what they used, by their column."""
    columns = [
        column
        for column, signal in enumerate(signals)
        if signal is not None
        and signal.contention
        and busy.get(signal.host, 1.0) > IDLE
    ]
    found = calm.of(np.array(columns, dtype=np.int64))
    return dict(zip(columns, found, strict=True))


def _busy(
    past: Past, reading: Mapping[str, ServerSignal]
) -> dict[str | None, float]:
    """Share of the cores of each host that was in use, where that is known."""
    used = collections.defaultdict[str | None, float](float)
    for signal in reading.values():
        used[signal.host] += signal.used
    return {
        host: cores / there
        for host, cores in used.items()
        if (there := past.cores.get(host or ''))
    }
