"""The counters as Prometheus metrics."""

import threading
import time
from collections.abc import Callable, Iterator

from prometheus_client import core
from prometheus_client.registry import Collector

from steal_scheduler import version
from steal_scheduler.exporter.accumulator import (
    READINGS,
    Accumulator,
    ServerTotals,
)
from steal_scheduler.exporter.failures import REASONS, Failures

#: Every name begins with it.
PREFIX = 'steal_exporter_'

_LABELS = ('uuid', 'domain')

#: name, help, value of a server; all are counters.
_SERVER: tuple[tuple[str, str, Callable[[ServerTotals], float]], ...] = (
    (
        'run_seconds',
        "Seconds that the server's vCPUs spent on a core, summed over vCPUs.",
        lambda s: s.run / 1e9,
    ),
    (
        'wait_seconds',
        "Seconds that the server's vCPUs waited for a core, ready to run, "
        'summed over vCPUs.',
        lambda s: s.wait / 1e9,
    ),
    (
        'throttled_seconds',
        "Seconds that the server's own quota held it back, summed over cores.",
        lambda s: s.throttled / 1e9,
    ),
    (
        'throttled_periods',
        "Periods in which the server's own quota held it back.",
        lambda s: s.throttled_periods,
    ),
    (
        'periods',
        "Periods of the server's own quota.",
        lambda s: s.periods,
    ),
    (
        'seconds',
        'Seconds that the exporter measured the server.',
        lambda s: s.seconds,
    ),
    (
        'bad_seconds',
        'Seconds in which one vCPU of the server reached both wait_limit and '
        'load_limit.',
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
                f'{PREFIX}server_{name}', text, labels=_LABELS
            )
            for labels, totals in servers:
                counter.add_metric(labels, value(totals))
            yield counter
        shares = core.HistogramMetricFamily(
            f'{PREFIX}server_wait_ratio',
            "Seconds by the share, 0 to 1, in which the server's worst-off "
            'vCPU waited for a core.',
            labels=_LABELS,
        )
        vcpus = core.GaugeMetricFamily(
            f'{PREFIX}server_vcpus',
            'vCPU threads that the server has.',
            labels=_LABELS,
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
            f'{PREFIX}host_cores',
            'Cores of the host that guests may use.',
            counters.cores,
        )
        yield core.CounterMetricFamily(
            f'{PREFIX}host_run_seconds',
            'Seconds that the vCPUs of all servers spent on a core, also of '
            'servers that have gone.',
            counters.run / 1e9,
        )
        yield core.CounterMetricFamily(
            f'{PREFIX}host_wait_seconds',
            'Seconds that the vCPUs of all servers waited for a core, also '
            'of servers that have gone.',
            counters.wait / 1e9,
        )
        yield core.HistogramMetricFamily(
            f'{PREFIX}host_runnable_per_core',
            'Seconds by the number of vCPUs that ran or waited, for each '
            'core that guests may use.',
            buckets=counters.runnable.buckets(),
            sum_value=counters.runnable.sum,
        )
        if counters.pressure is not None:
            yield core.CounterMetricFamily(
                f'{PREFIX}host_pressure_seconds',
                'Seconds in which some task of the host waited for a core '
                '(PSI some).',
                counters.pressure / 1e6,
            )

    def _self(self) -> Iterator[core.Metric]:
        counters = self._counters
        for name, text, value in (
            ('samples', 'Samples that the exporter took.', counters.samples),
            (
                'late_samples',
                'Samples that the exporter took more than half a second late.',
                counters.late,
            ),
            (
                'missed_samples',
                'Samples that the exporter did not take; a late sample '
                'covers their time.',
                counters.missed,
            ),
        ):
            yield core.CounterMetricFamily(f'{PREFIX}{name}', text, value)
        for name, text, label, values, counts in (
            (
                'rejected_readings',
                'Readings that the exporter did not count, because a counter '
                'of the kernel went back or grew faster than time.',
                'counter',
                READINGS,
                counters.rejected,
            ),
            (
                'read_failures',
                'Files in /proc and cgroups that the exporter failed to read.',
                'reason',
                REASONS,
                self._failures.counts,
            ),
        ):
            family = core.CounterMetricFamily(
                f'{PREFIX}{name}', text, labels=(label,)
            )
            for found in values:
                family.add_metric((found,), counts[found])
            yield family
        yield core.GaugeMetricFamily(
            f'{PREFIX}servers',
            'Servers that the exporter measures.',
            len(counters.servers),
        )
        yield core.GaugeMetricFamily(
            f'{PREFIX}servers_without_vcpus',
            'QEMU processes in which no thread has the name of a vCPU, so '
            'that the exporter cannot measure them.',
            counters.without_vcpus,
        )
        if counters.at is not None:
            yield core.GaugeMetricFamily(
                f'{PREFIX}last_sample_timestamp_seconds',
                'Unix time at which the exporter took its last sample, by '
                'the clock of the host.',
                time.time() - (time.monotonic() - counters.at),
            )
        yield core.InfoMetricFamily(
            f'{PREFIX}build',
            'Version of steal-scheduler that the exporter runs.',
            {'version': version.version_string()},
        )
