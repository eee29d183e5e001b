"""Hosts that are asked for too much, played: what servers truly want.

``replay/work.py`` plays them, so the truth is known, and beside it is what a
source of signals would tell: what was used and waited for, and what was used
while nobody waited.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from steal_scheduler.decision.demand import demand
from steal_scheduler.model.cloud import ServerSignal
from steal_scheduler.model.demand import History
from steal_scheduler.replay.calm import CalmHours
from steal_scheduler.replay.cloud import Cloud
from steal_scheduler.replay.recording import (
    Floats,
    RecordedHost,
    RecordedServer,
    Recording,
)
from steal_scheduler.replay.work import Queueing

#: Cores of a host, and the work of its servers.
CORES = (1, 2, 4, 8, 16, 32)
WORKS = (('queueing',), ('batch',), ('queueing', 'queueing', 'batch'))
#: What is asked for, in cores of the host.
LEAST, MOST = 0.8, 2.0
#: Means of five minutes: so many without a wait at the work of now, and up to
#: so many with less to do.
SAME, LESS = 6, 12
#: By how much the work of now differs from one mean to the next.
NOISE = 0.1
#: Minutes until queues are as long as they get, and of a measurement.
UNTIL, MINUTES = 20, 5
#: On this many times their cores nobody waits.
PLENTY = 20
#: How far a host and a server may be off, as shares of the truth.
HOST, SERVER = 0.20, 0.35


@dataclasses.dataclass(frozen=True)
class Played:
    """What is told of some hosts, and the truth."""

    cloud: Cloud
    #: Cores, a server each.
    wanted: Floats
    used: Floats
    waited: Floats
    histories: Sequence[History]

    def expected(self) -> Floats:
        """What each server is expected to ask for."""
        busy = self.cloud.on_hosts(self.used) / self.cloud.cores
        return np.array(
            [
                demand(
                    ServerSignal('s', 'h', float(used), float(waited), 0.0),
                    history,
                    float(busy[host]),
                ).expected
                for used, waited, history, host in zip(
                    self.used,
                    self.waited,
                    self.histories,
                    self.cloud.places,
                    strict=True,
                )
            ]
        )

    def near(self) -> tuple[float, float]:
        """Percent of the hosts, and of the servers, that are told nearly."""
        found, sums = self.expected(), self.cloud.on_hosts
        return (
            _within(HOST, sums(found), sums(self.wanted)),
            _within(SERVER, found, self.wanted),
        )


def play(hosts: int, seed: int, same: int = SAME) -> Played:
    """Of so many hosts, the same ones for the same seed.

    :param same: means without a wait at the work of now; 0 for no history
    """
    draw = np.random.default_rng(seed)
    made = _drawn(hosts, draw)
    wanted, vcpus = made.demand[0], Cloud(made, 0).vcpus
    calm = CalmHours()
    roomy = dataclasses.replace(
        made,
        hosts=tuple(
            dataclasses.replace(host, cores=host.cores * PLENTY)
            for host in made.hosts
        ),
    )
    less = int(draw.integers(LESS + 1)) if same else 0
    shares = [
        *draw.lognormal(0, NOISE, (same, len(wanted))),
        *draw.uniform(0.2, 0.8, (less, len(wanted))),
    ]
    for n in draw.permutation(len(shares)):
        then = np.minimum(wanted * shares[n], vcpus)
        calm.add(*_means(Cloud(roomy, 0), then, int(n), 0))
    cloud = Cloud(made, 0)
    used, waited = _means(cloud, wanted, seed, UNTIL)
    return Played(cloud, wanted, used, waited, calm.of(np.arange(len(wanted))))


def _within(share: float, told: Floats, truth: Floats) -> float:
    return float(100 * np.mean(np.abs(told / truth - 1) <= share))


def _means(
    cloud: Cloud, wanted: Floats, seed: int, until: int
) -> tuple[Floats, Floats]:
    """Cores used and waited for in some minutes, after others."""
    does = Queueing(cloud, seed)
    minutes = [does(cloud, wanted[np.newaxis]) for _ in range(until + MINUTES)]
    late = minutes[until:]
    return (
        np.mean([minute.used for minute in late], axis=0),
        np.mean([minute.waited for minute in late], axis=0),
    )


def _drawn(hosts: int, draw: np.random.Generator) -> Recording:
    servers: list[RecordedServer] = []
    wanted: list[float] = []
    made = []
    for n in range(hosts):
        cores = float(draw.choice(CORES))
        host = RecordedHost(f'h{n}', 'az1', cores, 1e9, 1e9)
        works = WORKS[draw.integers(len(WORKS))]
        share = draw.uniform(LEAST, MOST)
        vcpus: list[int] = []
        while sum(vcpus) < cores * share * draw.uniform(1.3, 4):
            vcpus.append(int(draw.choice((1, 2, 4, 8))))
        wanted += _shared_out(cores * share, np.array(vcpus), draw)
        servers += (
            RecordedServer(
                id=f'{host.name}-{i}',
                name='',
                project='p',
                role=None,
                vcpus=each,
                ram_mb=1,
                disk_gb=0,
                host=host.name,
                work=str(draw.choice(works)),
            )
            for i, each in enumerate(vcpus)
        )
        made.append(host)
    return Recording(
        tuple(made),
        tuple(servers),
        (),
        np.zeros(1),
        300.0,
        np.array([wanted]),
    )


def _shared_out(
    cores: float, vcpus: Floats, draw: np.random.Generator
) -> list[float]:
    """Cores wanted of each, none more than nearly all its vCPUs."""
    most = 0.98 * vcpus
    weights = vcpus * np.minimum(draw.lognormal(0, 0.8, len(vcpus)), 6)
    wanted = np.zeros(len(vcpus))
    while cores - wanted.sum() > 1e-9 and (free := wanted < most).any():
        rest = (cores - wanted.sum()) * weights * free
        wanted = np.minimum(wanted + rest / rest.sum(), most)
    found: list[float] = wanted.tolist()
    return found
