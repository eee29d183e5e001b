"""The metrics of the migrator, for Prometheus, on a loopback port."""

import time
from collections import Counter as Count
from collections.abc import Callable, Iterable, Iterator, Mapping

import prometheus_client as prometheus
from oslo_log import log
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from steal_scheduler.decision.host_checks import HostCheck
from steal_scheduler.decision.unreliable_hosts import UnreliableHost
from steal_scheduler.exception import ConfigError
from steal_scheduler.model.host_view import Tier, View
from steal_scheduler.model.move import Ended, Move, Outcome, Stage
from steal_scheduler.model.refusal import Reason, Refusal, Saturation

LOG = log.getLogger(__name__)

PREFIX = 'steal_migrator_'


class _Requests(Collector):
    def __init__(self, sent: Callable[[], int]) -> None:
        self._sent = sent

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(
            f'{PREFIX}nova_requests',
            'Requests sent to Nova',
            value=self._sent(),
        )


class Metrics:
    def __init__(self, nova_requests: Callable[[], int] = lambda: 0) -> None:
        """:param nova_requests: how many were sent to Nova since the start"""
        self.registry = prometheus.CollectorRegistry()
        self.registry.register(_Requests(nova_requests))
        self.ticks = self._counter('ticks', 'Ticks made')
        self.errors = self._counter('tick_errors', 'Ticks that failed')
        self.ended = self._counter('moves', 'Moves that are over', 'outcome')
        self.seconds = prometheus.Histogram(
            f'{PREFIX}tick_duration_seconds',
            'Time that a tick took',
            registry=self.registry,
        )
        self._last_tick = self._gauge(
            'last_tick_timestamp_seconds', 'End of the last good tick'
        )
        # None yet: from now on one is missing.
        self._last_tick.set(time.time())
        self.leader = self._gauge('leader', '1 where this migrator leads')
        self.dry_run = self._gauge('dry_run', '1 where it changes nothing')
        self.sent = self._gauge('view_sent', '1 if the last view was sent')
        self.coverage = self._gauge(
            'coverage_ratio', 'Share of running servers with a fresh signal'
        )
        self.findings = self._gauge('contended_servers', 'Contended servers')
        self.reattach_blocked = self._gauge(
            'reattach_blocked_servers',
            'Servers that should be reattached and are not',
        )
        self._moving = self._gauge('moves_in_flight', 'Moves', 'stage')
        self._refused = self._gauge('refusals', 'Refusals', 'reason')
        self._short = self._gauge(
            'saturated_cores', 'Cores short, where moving cannot help', 'zone'
        )
        self._hosts = self._gauge('hosts', 'Hosts', 'tier')
        self._unreliable = self._gauge(
            'unreliable_hosts', 'Hosts with unreliable metrics', 'reason'
        )
        self._steal = self._gauge(
            'host_steal_ratio',
            'Share of the time its servers wanted to run that they waited',
            'host',
        )
        for outcome in Outcome:
            self.ended.labels(outcome)

    def serve(self, host: str, port: int) -> None:
        """Answer /metrics from a thread of its own.

        :raises ConfigError: the address cannot be bound
        """
        try:
            prometheus.start_http_server(
                port, addr=host, registry=self.registry
            )
        except OSError as error:
            raise ConfigError(
                f'[migrator] metrics_host = {host!r}, metrics_port = {port} '
                f'cannot be bound: {error}. Give an address of this host, and '
                'a port that no other program uses.'
            ) from error

    def clear(self) -> None:
        """Show nothing of a cloud that another migrator looks after."""
        self.sent.set(0)
        self.coverage.set(0)
        self.findings.set(0)
        self.reattach_blocked.set(0)
        self.show_moves(())
        self.show_refusals(())
        self.show_saturations(())
        self.show_unreliable(())
        self._hosts.clear()
        self._steal.clear()

    def tick_done(self, now: float, seconds: float) -> None:
        self._last_tick.set(now)
        self.ticks.inc()
        self.seconds.observe(seconds)

    def show_moves(self, moves: Iterable[Move]) -> None:
        count = Count(move.stage for move in moves)
        for stage in Stage:
            self._moving.labels(stage).set(count[stage])

    def show_refusals(self, refusals: Iterable[Refusal]) -> None:
        count = Count(refusal.reason for refusal in refusals)
        for reason in Reason:
            self._refused.labels(reason).set(count[reason])

    def show_saturations(self, saturations: Iterable[Saturation]) -> None:
        self._short.clear()
        for saturation in saturations:
            self._short.labels(saturation.zone).set(saturation.cores_short)

    def show_unreliable(self, hosts: Iterable[UnreliableHost]) -> None:
        count = Count(host.reason for host in hosts)
        for reason in HostCheck:
            self._unreliable.labels(reason).set(count[reason])

    def show_view(self, view: View) -> None:
        count = Count(host.tier for host in view.hosts.values())
        for tier in Tier:
            self._hosts.labels(tier.name.lower()).set(count[tier])
        self._steal.clear()
        for name, host in view.hosts.items():
            if host.tier is not Tier.UNKNOWN:
                self._steal.labels(name).set(host.steal)

    def count_end(self, ended: Ended) -> None:
        self.ended.labels(ended.outcome).inc()

    def value(
        self, name: str, labels: Mapping[str, str] | None = None
    ) -> float:
        """One sample, 0 where there is none; for the report and the tests.

        :param name: without PREFIX
        """
        sample = self.registry.get_sample_value(
            PREFIX + name, dict(labels or {})
        )
        return sample or 0.0

    def _counter(
        self, name: str, text: str, *labels: str
    ) -> prometheus.Counter:
        return prometheus.Counter(
            f'{PREFIX}{name}', text, labels, registry=self.registry
        )

    def _gauge(self, name: str, text: str, *labels: str) -> prometheus.Gauge:
        return prometheus.Gauge(
            f'{PREFIX}{name}', text, labels, registry=self.registry
        )
