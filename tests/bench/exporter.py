"""What steal-exporter costs: sampling, and answering a scrape."""

import statistics
import threading
import time

import prometheus_client as prometheus

from steal_scheduler.exporter.accumulator import Accumulator
from steal_scheduler.exporter.collector import ExporterCollector
from steal_scheduler.exporter.sampler import Proc, sample
from tests.unit.exporter import guest

SIZES = (100, 400, 1600)
#: vCPUs of a server.
WIDTH = 4
#: Seconds between samples: long enough that the caches have gone cold.
INTERVAL = 0.4
SAMPLES = 20
#: Until every process and thread has been looked at often enough.
WARM = 6


def main() -> None:
    print(f'{SAMPLES} samples of real, idle threads, {WIDTH} in a process')
    print(
        f'{"vCPUs":>6} {"CPU, a sample":>14} {"of one core at 1 Hz":>20} '
        f'{"per 100 vCPUs":>14} {"scrape":>9} {"page":>8}'
    )
    for vcpus in SIZES:
        uuid = '00000000-0000-4000-8000-000000000000'
        process = guest.start(uuid, 'bench', WIDTH, servers=vcpus // WIDTH)
        try:
            measure(vcpus)
        finally:
            guest.stop(process)


def measure(vcpus: int) -> None:
    proc = Proc('/proc', '/sys/fs/cgroup')
    counters = Accumulator(2, wait_limit=10, load_limit=70)
    pause = threading.Event()
    spent = []
    for _ in range(WARM + SAMPLES):
        before = time.process_time()
        sample(proc, counters)
        spent.append(time.process_time() - before)
        pause.wait(INTERVAL)
    seen = sum(s.vcpus for s in counters.servers.values())
    assert seen == vcpus, f'{seen} of {vcpus}'
    registry = prometheus.CollectorRegistry()
    registry.register(ExporterCollector(counters, proc.failures.counts))
    before = time.process_time()
    page = prometheus.generate_latest(registry)
    scrape = time.process_time() - before
    proc.close()
    cost = statistics.mean(spent[WARM:])
    print(
        f'{vcpus:>6} {cost * 1e3:>11.2f} ms {cost * 100:>18.2f} % '
        f'{cost * 1e4 / vcpus:>12.3f} % {scrape * 1e3:>6.0f} ms '
        f'{len(page) / 1e3:>5.0f} kB'
    )


if __name__ == '__main__':
    main()
