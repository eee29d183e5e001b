"""The counters as Prometheus metrics."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from prometheus_client import core
from prometheus_client.registry import Collector

from steal_scheduler import version
from steal_scheduler.exporter.accumulator import (
    Accumulator,
    Histogram,
    ServerTotals,
)

#: Every name begins with it.
PREFIX = 'steal_exporter_'

_COUNTER = core.CounterMetricFamily
_GAUGE = core.GaugeMetricFamily
_HISTOGRAM = core.HistogramMetricFamily

_T = TypeVar('_T')
_Table = Mapping[Any, Mapping[str, tuple[str, Callable[[_T], Any]]]]
_LABELS = ('uuid', 'domain')
#: Of each server, by kind and name: help and value.
_SERVER: _Table[ServerTotals] = {
    _COUNTER: {
        'run_seconds': (
            "Seconds that the server's vCPUs spent on a core, summed over "
            'vCPUs.',
            lambda s: s.run / 1e9,
        ),
        'wait_seconds': (
            "Seconds that the server's vCPUs waited for a core, ready to run, "
            'summed over vCPUs.',
            lambda s: s.wait / 1e9,
        ),
        'throttled_seconds': (
            "Seconds that the server's own quota held it back, summed over "
            'cores.',
            lambda s: s.throttled / 1e9,
        ),
        'throttled_periods': (
            "Periods in which the server's own quota held it back.",
            lambda s: s.throttled_periods,
        ),
        'periods': ("Periods of the server's own quota.", lambda s: s.periods),
        'seconds': (
            'Seconds that the exporter measured the server.',
            lambda s: s.seconds,
        ),
        'bad_seconds': (
            'Seconds in which one vCPU of the server reached both wait_limit '
            'and load_limit.',
            lambda s: s.bad_seconds,
        ),
    },
    _HISTOGRAM: {
        'wait_ratio': (
            "Seconds by the share, 0 to 1, in which the server's worst-off "
            'vCPU waited for a core.',
            lambda s: s.shares,
        ),
    },
    _GAUGE: {
        'vcpus': ('vCPU threads that the server has.', lambda s: s.vcpus),
    },
}

#: The same of the host and of the exporter itself; None is left out.
_HOST: _Table[Accumulator] = {
    _GAUGE: {
        'host_cores': (
            'Cores of the host that guests may use.',
            lambda c: c.cores,
        ),
        'servers': (
            'Servers that the exporter measures.',
            lambda c: len(c.servers),
        ),
        'servers_without_vcpus': (
            'QEMU processes in which no thread has the name of a vCPU, so '
            'that the exporter cannot measure them.',
            lambda c: c.without_vcpus,
        ),
        'last_sample_timestamp_seconds': (
            'Unix time at which the exporter took its last sample, by the '
            'clock of the host.',
            lambda c: (
                None
                if c.at is None
                else time.time() - (time.monotonic() - c.at)
            ),
        ),
    },
    _COUNTER: {
        'host_run_seconds': (
            'Seconds that the vCPUs of all servers spent on a core, also of '
            'servers that have gone.',
            lambda c: c.run / 1e9,
        ),
        'host_wait_seconds': (
            'Seconds that the vCPUs of all servers waited for a core, also of '
            'servers that have gone.',
            lambda c: c.wait / 1e9,
        ),
        'host_pressure_seconds': (
            'Seconds in which some task of the host waited for a core (PSI '
            'some).',
            lambda c: None if c.pressure is None else c.pressure / 1e6,
        ),
        'samples': ('Samples that the exporter took.', lambda c: c.samples),
        'late_samples': (
            'Samples that the exporter took more than half a second late.',
            lambda c: c.late,
        ),
        'missed_samples': (
            'Samples that the exporter did not take; a late sample covers '
            'their time.',
            lambda c: c.missed,
        ),
    },
    _HISTOGRAM: {
        'host_runnable_per_core': (
            'Seconds by the number of vCPUs that ran or waited, for each core '
            'that guests may use.',
            lambda c: c.runnable,
        ),
    },
}


class ExporterCollector(Collector):
    def __init__(
        self, counters: Accumulator, failures: Mapping[str, int]
    ) -> None:
        """Show them whenever Prometheus asks.

        :param failures: files that could not be read, by reason
        """
        self._counters = counters
        self._failures = failures

    def collect(self) -> Iterator[core.Metric]:
        with self._counters.lock:
            # All of them at one time, between two samples.
            families = [*self._families()]
        yield from families

    def _families(self) -> Iterator[core.Metric]:
        counters = self._counters
        servers = counters.servers.items()
        for kind, metrics in _SERVER.items():
            for name, (text, of_server) in metrics.items():
                yield _family(
                    kind(f'{PREFIX}server_{name}', text, labels=_LABELS),
                    (((u, s.domain), of_server(s)) for u, s in servers),
                )
        for kind, of_host in _HOST.items():
            for name, (text, of_all) in of_host.items():
                value = of_all(counters)
                if value is not None:
                    yield _family(kind(PREFIX + name, text), [((), value)])
        for name, text, label, counts in (
            (
                'rejected_readings',
                'Readings that the exporter did not count, because a counter '
                'of the kernel went back or grew faster than time.',
                'counter',
                counters.rejected,
            ),
            (
                'read_failures',
                'Files in /proc and cgroups that the exporter failed to read.',
                'reason',
                self._failures,
            ),
        ):
            yield _family(
                _COUNTER(PREFIX + name, text, labels=(label,)),
                (((key,), count) for key, count in counts.items()),
            )
        yield core.InfoMetricFamily(
            PREFIX + 'build',
            'Version of steal-scheduler that the exporter runs.',
            {'version': version.version_string()},
        )


def _family(
    family: Any, values: Iterable[tuple[Sequence[str], Any]]
) -> core.Metric:
    """Add what was measured: numbers, or histograms, by their labels."""
    for labels, value in values:
        if isinstance(value, Histogram):
            family.add_metric(labels, value.buckets(), value.sum)
        else:
            family.add_metric(labels, value)
    return cast(core.Metric, family)
