"""Made-up clouds of any size, the same for the same seed."""

import collections
import random
import uuid

from steal_scheduler.model.cloud import (
    Fleet,
    Host,
    HostSignal,
    Server,
    ServerSignal,
    Signals,
)
from steal_scheduler.model.room import Free, HostRoom, Room

CORES = 32
ZONES = 3


def cloud(
    hosts: int, servers: int, now: float, seed: int = 1, hot: float = 0.1
) -> tuple[Fleet, Signals]:
    """A cloud in which this share of the hosts is asked for too much.

    Elsewhere a host is asked for 20 to 80 % of its cores.
    """
    chance = random.Random(seed)
    names = [f'compute{n:05}' for n in range(hosts)]
    on_host: dict[str, list[Server]] = {name: [] for name in names}
    fleet_hosts = {
        name: Host(name, f'zone{n % ZONES}') for n, name in enumerate(names)
    }
    for n in range(servers):
        name = names[n % hosts]
        vcpus = chance.choice((2, 4, 8))
        server = Server(
            server_id=str(uuid.UUID(int=chance.getrandbits(128))),
            name=f'server{n}',
            host=name,
            zone=fleet_hosts[name].zone,
            status='ACTIVE',
            vcpus=vcpus,
            ram_mb=vcpus * 2048,
            disk_gb=vcpus * 5,
            role=f'role{chance.randrange(max(servers // 20, 1))}',
        )
        on_host[name].append(server)
    signals: dict[str, ServerSignal] = {}
    for n, name in enumerate(names):
        asked = chance.uniform(0.2, 0.8) * CORES
        if n < hosts * hot:
            asked = chance.uniform(1.1, 1.6) * CORES
        _share_out(on_host[name], asked, now, chance, signals)
    fleet = Fleet(
        {s.server_id: s for found in on_host.values() for s in found},
        fleet_hosts,
        {},
    )
    host_signals = {name: HostSignal(name, CORES, now) for name in names}
    return fleet, Signals(signals, host_signals, now)


def room(fleet: Fleet, filled: float = 0.9) -> Room:
    """Hosts of whose memory this share is taken, and nothing else is short."""
    taken = collections.Counter[str | None]()
    for server in fleet.servers.values():
        taken[server.host] += server.ram_mb
    return Room(
        {
            name: HostRoom(
                Free(
                    {
                        'VCPU': 16 * CORES,
                        'MEMORY_MB': int(taken[name] * (1 / filled - 1)),
                        'DISK_GB': 10_000,
                    }
                )
            )
            for name in fleet.hosts
        }
    )


def _share_out(
    servers: list[Server],
    asked: float,
    now: float,
    chance: random.Random,
    signals: dict[str, ServerSignal],
) -> None:
    """Let the servers of one host ask for so many cores together."""
    weights = {s.server_id: chance.uniform(0.1, 1) * s.vcpus for s in servers}
    total = sum(weights.values())
    # Who runs waits a little, always.
    got = min(0.998, CORES / asked)
    for server in servers:
        demand = asked * weights[server.server_id] / total
        # Its vCPUs run or wait, and cannot do more.
        demand = min(demand, float(server.vcpus))
        signals[server.server_id] = ServerSignal(
            server_id=server.server_id,
            host=server.host,
            used=demand * got,
            waited=demand * (1 - got),
            load=demand,
            at=now,
        )
