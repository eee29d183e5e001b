import os
import re
from pathlib import Path

import prometheus_client as prometheus
from oslotest import base

from steal_scheduler.exporter.collector import PREFIX, ExporterCollector
from steal_scheduler.exporter.procfs import Failures
from steal_scheduler.exporter.sample import (
    Kind,
    Other,
    Sample,
    Server,
    Thread,
    Throttle,
)
from tests.unit.exporter.test_accumulator import accumulator
from tests.unit.exporter.tree import UUID

SECOND = 1_000_000_000
PAGE = Path(__file__).parents[3] / 'doc/source/install/exporter.rst'
LABELS = {'uuid': UUID, 'domain': 'instance-1'}


class TestCollector(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.counters = accumulator(cores=4)
        self.failures = Failures()
        self.registry = prometheus.CollectorRegistry()
        self.registry.register(
            ExporterCollector(self.counters, self.failures.counts)
        )

    def add(self, at: float, run: float, wait: float, periods: int) -> None:
        self.counters.add(
            Sample(
                at,
                (
                    Server(
                        UUID,
                        'instance-1',
                        (
                            Thread(
                                (1, 1),
                                int(run * SECOND),
                                int(wait * SECOND),
                                True,
                            ),
                        ),
                        (Throttle('k', periods, 3, 2 * SECOND * periods),),
                        (
                            Other(
                                (2, 1),
                                Kind.VHOST,
                                int(run * SECOND / 2),
                                int(wait * SECOND / 4),
                            ),
                        ),
                    ),
                ),
                without_vcpus=2,
                pressure=1.5,
            )
        )

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def test_a_server(self) -> None:
        self.add(0.0, 5, 5, 0)
        self.add(1.0, 5.5, 5.25, 4)
        for name, value in (
            ('run_seconds_total', 0.5),
            ('wait_seconds_total', 0.25),
            ('throttled_seconds_total', 8.0),
            ('throttled_periods_total', 0.0),
            ('periods_total', 4.0),
            ('seconds_total', 1.0),
            ('bad_seconds_total', 1.0),
            ('vcpus', 1.0),
            ('worst_vcpu_run_seconds_total', 0.5),
            ('worst_vcpu_wait_seconds_total', 0.25),
            ('wait_ratio_sum', 0.25),
            ('wait_ratio_count', 1.0),
        ):
            found = self.value(f'steal_exporter_server_{name}', **LABELS)
            self.assertEqual(value, found, name)
        for kind, run, wait in (
            ('vhost', 0.25, 0.0625),
            ('io', 0.0, 0.0),
            ('emulator', 0.0, 0.0),
        ):
            for what, value in (('run', run), ('wait', wait)):
                name = f'steal_exporter_server_thread_{what}_seconds_total'
                found = self.value(name, kind=kind, **LABELS)
                self.assertEqual(value, found, (kind, what))
        for le, value in (('0.2', 0.0), ('0.3', 1.0), ('+Inf', 1.0)):
            found = self.value(
                'steal_exporter_server_wait_ratio_bucket', le=le, **LABELS
            )
            self.assertEqual(value, found, le)

    def test_the_host(self) -> None:
        self.add(0.0, 5, 5, 0)
        self.add(3.0, 6, 5.5, 0)
        with self.failures:
            raise ValueError('x')
        for name, value in (
            ('host_cores', 4.0),
            ('host_run_seconds_total', 1.0),
            ('host_wait_seconds_total', 0.5),
            ('host_pressure_seconds_total', 1.5),
            ('host_runnable_per_core_sum', 0.75),
            ('host_runnable_per_core_count', 3.0),
            ('samples_total', 2.0),
            ('late_samples_total', 1.0),
            ('missed_samples_total', 2.0),
            ('servers', 1.0),
            ('servers_without_vcpus', 2.0),
        ):
            self.assertEqual(value, self.value(f'steal_exporter_{name}'), name)
        failures = 'steal_exporter_read_failures_total'
        self.assertEqual(1.0, self.value(failures, reason='ended'))
        self.assertEqual(
            0.0,
            self.value(
                'steal_exporter_rejected_readings_total', counter='run'
            ),
        )

    def names(self) -> set[str]:
        """Of all metrics, as Prometheus' users write them."""
        suffix = {'counter': '_total', 'info': '_info'}
        return {
            family.name + suffix.get(family.type, '')
            for family in self.registry.collect()
        }

    def test_what_the_kernel_calls_itself(self) -> None:
        self.assertEqual(
            1.0, self.value(f'{PREFIX}host_info', nodename=os.uname().nodename)
        )

    def test_every_metric_is_in_the_page_and_no_other(self) -> None:
        self.add(0.0, 5, 5, 0)
        page = PAGE.read_text()
        table = re.findall(r'^   \* - ``(\w+)``$', page, re.MULTILINE)
        self.assertEqual(sorted(self.names()), sorted(table))
        for name in re.findall(r'steal_exporter_\w+', page):
            bare = re.sub(r'_(bucket|sum|count)$', '', name)
            self.assertIn(bare, self.names())

    def test_names_and_help(self) -> None:
        self.add(0.0, 5, 5, 0)
        for family in self.registry.collect():
            self.assertEqual(PREFIX, family.name[: len(PREFIX)])
            self.assertEqual('.', family.documentation[-1], family.name)

    def test_gone(self) -> None:
        self.add(0.0, 5, 5, 0)
        self.counters.add(Sample(1.0, ()))
        self.assertNotIn(
            UUID.encode(), prometheus.generate_latest(self.registry)
        )

    def test_before_the_first_sample(self) -> None:
        self.assertEqual(0.0, self.value('steal_exporter_samples_total'))
        self.assertIsNone(
            self.value('steal_exporter_last_sample_timestamp_seconds')
        )
        self.assertIsNone(
            self.value('steal_exporter_host_pressure_seconds_total')
        )
