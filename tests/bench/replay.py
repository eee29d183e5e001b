"""What our rule makes of a day, beside those of others; and how long it takes.

The day is made up, the same each time: servers that are busy by day or by
night, with noise, and an hour of a peak for some. A recording of yours is
replayed instead where ``STEAL_REPLAY`` names its folder.
"""

import os
import time

import numpy as np

from steal_scheduler.replay import folder as files
from steal_scheduler.replay import recording as recorded
from steal_scheduler.replay import replay
from tests.unit.make import rules

HOSTS, SERVERS, VCPUS, ROWS = 80, 1000, 4, 288
#: vCPUs for each core.
OVERCOMMIT = 5.0


def day(seed: int = 1) -> recorded.Recording:
    """A day of 1,000 servers on 80 hosts in two zones, 60 % of RAM filled."""
    draw = np.random.default_rng(seed)
    cores = SERVERS * VCPUS / HOSTS / OVERCOMMIT
    hosts = [
        recorded.RecordedHost(f'h{n:02}', f'az{n % 2}', cores, 170_000, 10_000)
        for n in range(HOSTS)
    ]
    servers = [
        recorded.RecordedServer(
            id=f's{n:04}',
            name=f'server{n:04}',
            project=f'p{n % 20}',
            role=f'r{n % 100}',
            vcpus=VCPUS,
            ram_mb=8192,
            disk_gb=0,
            host=hosts[n % HOSTS].name,
            work='queueing',
        )
        for n in range(SERVERS)
    ]
    hours = np.arange(ROWS)[:, np.newaxis] / 12
    busy = draw.lognormal(-2.2, 0.8, SERVERS)
    noon = draw.normal(14, 3, SERVERS)
    swing = 1 + 0.6 * np.cos((hours - noon) * np.pi / 12)
    noise = draw.lognormal(0, 0.35, (ROWS, SERVERS))
    peaks = (hours - draw.uniform(0, 24, SERVERS)) % 24 < 1
    peaks &= draw.random(SERVERS) < 0.3
    share = busy * swing * noise + 0.6 * peaks
    return recorded.Recording(
        tuple(hosts),
        tuple(servers),
        (),
        np.arange(ROWS) * 300.0,
        ROWS * 300.0,
        np.minimum(share, 1.0) * VCPUS,
    )


def main() -> None:
    folder = os.environ.get('STEAL_REPLAY')
    recording = files.read(folder) if folder else day()
    print(
        f'{"rule":16} {"bursts":>6} {"lost":>8} {"moves":>6} {"a day":>6} '
        f'{"most":>4} {"contended":>9} {"seconds":>8}'
    )
    for bursts in (None, 1):
        setting = replay.Setting(rules(), bursts=bursts)
        for name in replay.NAMES:
            begun = time.process_time()
            result = replay.replay(recording, name, setting)
            print(
                f'{name:16} {"no" if bursts is None else "yes":>6} '
                f'{result.demand_lost_percent:>7.3f}% {result.moves:>6} '
                f'{result.moves_per_server_day:>6.2f} '
                f'{result.max_moves_of_a_server:>4} '
                f'{result.contended_server_minutes_percent:>8.2f}% '
                f'{time.process_time() - begun:>8.1f}',
                flush=True,
            )


if __name__ == '__main__':
    main()
