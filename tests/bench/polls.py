"""Both ways to measure the servers of one host, in turn.

Runs in the host's namespaces, where libvirt.py starts it: ``polls.py ROUNDS
SERVERS VCPUS``. It prints as JSON what each look cost, and how many cores the
servers used meanwhile.
"""

import json
import pathlib
import sys
import threading
import time
from collections.abc import Callable

from steal_scheduler.exporter.accumulator import Accumulator
from steal_scheduler.exporter.process import identify
from steal_scheduler.exporter.sampler import Proc, sample
from tests.bench import domstats

#: Seconds between two looks: long enough that the caches have gone cold.
INTERVAL = 0.4
#: Samples until everything has been looked at often enough.
WARM = 6
#: After which no other round is begun: on a full host, libvirt takes long.
SECONDS = 120


class Costs:
    """What is spent by us, by libvirtd, and by QEMU on behalf of libvirtd."""

    def __init__(self) -> None:
        self._qemus = []
        for path in pathlib.Path('/proc').glob('[0-9]*'):
            words = (path / 'cmdline').read_bytes()
            if identify(words):
                # Of the thread that answers; the vCPUs are others.
                self._qemus.append(path / 'task' / path.name / 'schedstat')
            elif words.split(b'\0')[0].endswith(b'libvirtd'):
                self._libvirtd = int(path.name)

    def of(self, look: Callable[[], object]) -> dict[str, float]:
        """Return seconds of CPU by who spent them, and of time."""
        before, begun = self._spent(), time.monotonic()
        look()
        wall = time.monotonic() - begun
        now = self._spent()
        return {who: now[who] - before[who] for who in now} | {'wall': wall}

    def _spent(self) -> dict[str, float]:
        return {
            'qemu': sum(
                int(path.read_text().split()[0]) for path in self._qemus
            )
            / 1e9,
            # Linux's clock of another process, in nanoseconds.
            'libvirtd': time.clock_gettime(~self._libvirtd << 3 | 2),
            'client': time.process_time(),
        }


def main(rounds: str, servers: str, vcpus: str) -> None:
    proc = Proc('/proc', '/sys/fs/cgroup')
    counters = Accumulator(1, wait_limit=10, load_limit=70)
    libvirt = domstats.Libvirt(b'qemu:///system')
    costs = Costs()
    looks: dict[str, Callable[[], object]] = {
        'exporter': lambda: sample(proc, counters),
        'vcpu': lambda: libvirt.poll(domstats.VCPU),
        'everything': lambda: libvirt.poll(domstats.EVERYTHING),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in looks}
    pause = threading.Event()
    for _ in range(WARM):
        sample(proc, counters)
        pause.wait(INTERVAL)
    until = time.monotonic() + SECONDS
    # One more: the first one is not counted.
    while len(found['everything']) <= int(rounds):
        for name, look in looks.items():
            found[name].append(costs.of(look))
            pause.wait(INTERVAL)
        if time.monotonic() > until:
            break
    # The same servers, or the comparison is none.
    seen = sum(s.vcpus for s in counters.servers.values())
    assert seen == int(vcpus), f'the exporter sees {seen} of {vcpus} vCPUs'
    running = libvirt.poll(domstats.VCPU)
    assert running == int(servers), f'libvirt tells {running} of {servers}'
    libvirt.close()
    proc.close()
    seconds = max(s.seconds for s in counters.servers.values())
    told = {
        'cores': counters.host_run_seconds / seconds,
        'looks': {name: spent[1:] for name, spent in found.items()},
    }
    json.dump(told, sys.stdout)


if __name__ == '__main__':
    main(*sys.argv[1:])
