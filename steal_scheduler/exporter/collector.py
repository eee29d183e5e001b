"""The counters as Prometheus metrics."""

import threading
import time
from collections.abc import Callable, Iterator

from prometheus_client import core
from prometheus_client.registry import Collector

from steal_scheduler import version
from steal_scheduler.exporter.accumulate import DOUBTS, Accumulator
from steal_scheduler.exporter.failures import REASONS, Failures
from steal_scheduler.exporter.totals import ServerTotals

_LABELS = ('uuid', 'domain')

#: name, help, value of a server; all are counters.
_SERVER: tuple[tuple[str, str, Callable[[ServerTotals], float]], ...] = (
    ('run_seconds', 'vCPU seconds on a core', lambda s: s.run / 1e9),
    (
        'wait_seconds',
        'vCPU seconds ready to run and without a core',
        lambda s: s.wait / 1e9,
    ),
    (
        'throttled_seconds',
        'Seconds held back by its own quota, summed over cores',
        lambda s: s.throttled / 1e9,
    ),
    (
        'throttled_periods',
        'Periods in which its own quota held it back',
        lambda s: s.throttled_periods,
    ),
    ('periods', 'Periods of its own quota', lambda s: s.periods),
    ('seconds', 'Seconds it was watched', lambda s: s.seconds),
    (
        'bad_seconds',
        'Seconds in which a vCPU reached wait_limit and load_limit',
        lambda s: s.bad_seconds,
    ),
)


class ExporterCollector(Collector):
    def __init__(
        self, counters: Accumulator, failures: Failures, lock: threading.Lock
    ) -> None:
        self._counters = counters
        self._failures = failures
        self._lock = lock

    def collect(self) -> Iterator[core.Metric]:
        with self._lock:
            # All of them at one time, between two samples.
            families = [*self._servers(), *self._host(), *self._self()]
        yield from families

    def _servers(self) -> Iterator[core.Metric]:
        servers = [
            ((uuid, totals.domain), totals)
            for uuid, totals in self._counters.servers.items()
        ]
        for name, text, value in _SERVER:
            counter = core.CounterMetricFamily(
                f'steal_exporter_server_{name}', text, labels=_LABELS
            )
            for labels, totals in servers:
                counter.add_metric(labels, value(totals))
            yield counter
        shares = core.HistogramMetricFamily(
            'steal_exporter_server_wait_share',
            'Share of each second in which its worst-off vCPU waited',
            labels=_LABELS,
        )
        vcpus = core.GaugeMetricFamily(
            'steal_exporter_server_vcpus', 'vCPU threads', labels=_LABELS
        )
        for labels, totals in servers:
            shares.add_metric(
                labels, totals.shares.buckets(), totals.shares.sum
            )
            vcpus.add_metric(labels, totals.vcpus)
        yield shares
        yield vcpus

    def _host(self) -> Iterator[core.Metric]:
        counters = self._counters
        yield core.GaugeMetricFamily(
            'steal_exporter_host_cores',
            'Cores that guests may use',
            counters.cores,
        )
        yield core.CounterMetricFamily(
            'steal_exporter_host_run_seconds',
            'vCPU seconds of all servers on a core, also of those now gone',
            counters.run / 1e9,
        )
        yield core.CounterMetricFamily(
            'steal_exporter_host_wait_seconds',
            'vCPU seconds of all servers ready to run and without a core',
            counters.wait / 1e9,
        )
        yield core.HistogramMetricFamily(
            'steal_exporter_host_runnable_per_core',
            'Runnable vCPUs for each core, every second',
            buckets=counters.runnable.buckets(),
            sum_value=counters.runnable.sum,
        )
        if counters.pressure is not None:
            yield core.CounterMetricFamily(
                'steal_exporter_host_pressure_seconds',
                'Seconds in which some task waited for a core (PSI)',
                counters.pressure / 1e6,
            )

    def _self(self) -> Iterator[core.Metric]:
        counters = self._counters
        for name, text, value in (
            ('samples', 'Samples taken', counters.samples),
            ('late_samples', 'Samples that came late', counters.late),
            ('missed_samples', 'Samples never taken', counters.missed),
        ):
            yield core.CounterMetricFamily(
                f'steal_exporter_{name}', text, value
            )
        for name, text, label, values, counts in (
            (
                'suspicious_readings',
                'Readings that cannot be, and were not counted',
                'counter',
                DOUBTS,
                counters.doubts,
            ),
            (
                'read_failures',
                'Reads of /proc and of cgroups that failed',
                'why',
                REASONS,
                self._failures.counts,
            ),
        ):
            family = core.CounterMetricFamily(
                f'steal_exporter_{name}', text, labels=(label,)
            )
            for found in values:
                family.add_metric((found,), counts[found])
            yield family
        yield core.GaugeMetricFamily(
            'steal_exporter_servers', 'Servers seen', len(counters.servers)
        )
        yield core.GaugeMetricFamily(
            'steal_exporter_nameless_servers',
            'QEMU processes of which no thread is named as a vCPU',
            counters.nameless,
        )
        if counters.at is not None:
            yield core.GaugeMetricFamily(
                'steal_exporter_last_sample_timestamp_seconds',
                'When the last sample was taken, by the clock of this host',
                time.time() - (time.monotonic() - counters.at),
            )
        yield core.InfoMetricFamily(
            'steal_exporter_build',
            'Version of steal-scheduler',
            {'version': version.version_string()},
        )
