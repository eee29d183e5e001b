"""The counters as Prometheus metrics."""

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import core
from prometheus_client.registry import Collector

from steal_scheduler import version
from steal_scheduler.exporter.accumulator import Accumulator
from steal_scheduler.exporter.counters import Histogram

#: Every name begins with it.
PREFIX = 'steal_exporter_'

_Table = Mapping[Any, Mapping[str, str]]
#: What is measured of each server: by kind, a field of ServerTotals and its
#: help. ``vcpus`` is shown as ``steal_exporter_server_vcpus``.
_SERVER: _Table = {
    core.CounterMetricFamily: {
        'run_seconds': (
            "Seconds that the server's vCPUs spent on a core, summed over "
            'vCPUs.'
        ),
        'wait_seconds': (
            "Seconds that the server's vCPUs waited for a core, ready to run, "
            'summed over vCPUs.'
        ),
        'throttled_seconds': (
            "Seconds that the server's own quota held it back, summed over "
            'cores.'
        ),
        'throttled_periods': (
            "Periods in which the server's own quota held it back."
        ),
        'periods': "Periods of the server's own quota.",
        'seconds': 'Seconds that the exporter measured the server.',
        'bad_seconds': (
            'Seconds in which one vCPU of the server reached both wait_limit '
            'and load_limit.'
        ),
        'worst_vcpu_run_seconds': (
            'Seconds that the vCPU spent on a core which, in each second, '
            'waited most of all vCPUs of the server.'
        ),
        'worst_vcpu_wait_seconds': (
            'Seconds that the vCPU waited for a core which, in each second, '
            'waited most of all vCPUs of the server.'
        ),
        'thread_run_seconds': (
            'Seconds that threads of the server which are no vCPUs spent on a '
            'core, by kind.'
        ),
        'thread_wait_seconds': (
            'Seconds that threads of the server which are no vCPUs waited for '
            'a core, ready to run, by kind.'
        ),
    },
    core.HistogramMetricFamily: {
        'wait_ratio': (
            "Seconds by the share, 0 to 1, in which the server's worst-off "
            'vCPU waited for a core.'
        ),
    },
    core.GaugeMetricFamily: {'vcpus': 'vCPU threads that the server has.'},
}

#: The same of the host and of the exporter itself: fields of Accumulator, and
#: what the collector adds to them; None has no sample.
_HOST: _Table = {
    core.GaugeMetricFamily: {
        'host_cores': 'Cores of the host that guests may use.',
        'servers': 'Servers that the exporter measures.',
        'servers_without_vcpus': (
            'QEMU processes in which no thread has the name of a vCPU, so '
            'that the exporter cannot measure them.'
        ),
        'last_sample_timestamp_seconds': (
            'Unix time at which the exporter took its last sample, by the '
            'clock of the host.'
        ),
    },
    core.CounterMetricFamily: {
        'host_run_seconds': (
            'Seconds that the vCPUs of all servers spent on a core, also of '
            'servers that have gone.'
        ),
        'host_wait_seconds': (
            'Seconds that the vCPUs of all servers waited for a core, also of '
            'servers that have gone.'
        ),
        'host_pressure_seconds': (
            'Seconds in which some task of the host waited for a core (PSI '
            'some).'
        ),
        'samples': 'Samples that the exporter took.',
        'late_samples': (
            'Samples that the exporter took more than half a second late.'
        ),
        'missed_samples': (
            'Samples that the exporter did not take; a late sample covers '
            'their time.'
        ),
        'rejected_readings': (
            'Readings that the exporter did not count, because a counter of '
            'the kernel went back or grew faster than time.'
        ),
        'read_failures': (
            'Files in /proc and cgroups that the exporter failed to read.'
        ),
    },
    core.HistogramMetricFamily: {
        'host_runnable_per_core': (
            'Seconds by the number of vCPUs that ran or waited, for each core '
            'that guests may use.'
        ),
    },
}
#: What is counted by something: the label that says by what.
_LABELS = {
    'rejected_readings': ('counter',),
    'read_failures': ('reason',),
    'thread_run_seconds': ('kind',),
    'thread_wait_seconds': ('kind',),
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

    def collect(self) -> list[core.Metric]:
        # All of them at one time, between two samples: else the seconds that
        # a server was measured could be those of a later sample than the bad
        # ones, and a share of bad seconds come out too small.
        with self._counters.lock:
            return [*self._families()]

    def _families(self) -> Iterator[core.Metric]:
        counters = self._counters
        for kind, metrics in _SERVER.items():
            for name, text in metrics.items():
                by = ('uuid', 'domain', *_LABELS.get(name, ()))
                family = kind(f'{PREFIX}server_{name}', text, labels=by)
                for uuid, totals in counters.servers.items():
                    _add(family, (uuid, totals.domain), getattr(totals, name))
                yield family
        values = vars(counters) | {
            'servers': len(counters.servers),
            'last_sample_timestamp_seconds': counters.at
            and time.time() - (time.monotonic() - counters.at),
            'read_failures': self._failures,
        }
        for kind, metrics in _HOST.items():
            for name, text in metrics.items():
                family = kind(
                    PREFIX + name, text, labels=_LABELS.get(name, ())
                )
                _add(family, (), values[name])
                yield family
        yield core.InfoMetricFamily(
            PREFIX + 'host',
            'What the kernel of the host calls itself, as uname -n.',
            {'nodename': os.uname().nodename},
        )
        yield core.InfoMetricFamily(
            PREFIX + 'build',
            'Version of steal-scheduler that the exporter runs.',
            {'version': version.version_string()},
        )


def _add(family: Any, labels: tuple[str, ...], value: Any) -> None:
    """Add what was measured: a number, a histogram, or numbers by label."""
    if isinstance(value, Mapping):
        for label, number in value.items():
            family.add_metric((*labels, label), number)
    elif isinstance(value, Histogram):
        family.add_metric(labels, value.buckets(), value.sum)
    elif value is not None:
        family.add_metric(labels, value)
