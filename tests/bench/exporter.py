"""What steal-exporter costs: sampling, and answering a scrape."""

import statistics
import threading
import time

import prometheus_client as prometheus

from steal_scheduler.exporter.accumulator import Accumulator
from steal_scheduler.exporter.collector import ExporterCollector
from steal_scheduler.exporter.sampler import Proc
from tests.unit.exporter import guest

#: vCPUs, and how many of them a server has.
SIZES = ((100, 4), (400, 4), (1600, 4), (100, 1), (400, 1))
#: Its threads that are no vCPUs, beside its main thread.
OTHERS = (
    *('call_rcu', 'IO mon_iothread', 'vnc_worker', 'vhost-1'),
    *('worker', 'IO iothread1'),
)
#: Seconds between samples: long enough that the caches have gone cold.
INTERVAL = 0.4
SAMPLES = 20
#: Until every process and thread has been looked at often enough.
WARM = 6


def main() -> None:
    print(
        f'{SAMPLES} samples of real, idle threads; of each server, beside its '
        f'vCPUs, {1 + len(OTHERS)}'
    )
    print(
        f'{"vCPUs":>6} {"of each":>7} {"CPU, a sample":>14} '
        f'{"of one core at 1 Hz":>20} {"per 100 vCPUs":>14} {"scrape":>9} '
        f'{"page":>8}'
    )
    for vcpus, width in SIZES:
        uuid = '00000000-0000-4000-8000-000000000000'
        count = vcpus // width
        process = guest.start(
            uuid, 'bench', width, servers=count, others=OTHERS
        )
        try:
            measure(vcpus, width)
        finally:
            guest.stop(process)


def measure(vcpus: int, width: int) -> None:
    proc = Proc('/proc', '/sys/fs/cgroup')
    counters = Accumulator(2, wait_limit=10, load_limit=70)
    pause = threading.Event()
    spent = []
    for _ in range(WARM + SAMPLES):
        before = time.process_time()
        counters.add(proc.read(time.monotonic()))
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
        f'{vcpus:>6} {width:>7} {cost * 1e3:>11.2f} ms {cost * 100:>18.2f} % '
        f'{cost * 1e4 / vcpus:>12.3f} % {scrape * 1e3:>6.0f} ms '
        f'{len(page) / 1e3:>5.0f} kB'
    )


if __name__ == '__main__':
    main()
