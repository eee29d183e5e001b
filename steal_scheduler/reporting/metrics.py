"""What the migrator shows to Prometheus, on a loopback port."""

import time
from collections import Counter as Count
from collections.abc import Iterable, Mapping

import prometheus_client as prometheus
from oslo_log import log

from steal_scheduler.decision.host_checks import Doubt
from steal_scheduler.decision.host_trust import Distrust
from steal_scheduler.exception import ConfigError
from steal_scheduler.model.host_view import Tier, View
from steal_scheduler.model.move import Ended, Move, Outcome, Stage
from steal_scheduler.model.refusal import Refusal, Saturation, Why

LOG = log.getLogger(__name__)


class Metrics:
    def __init__(self) -> None:
        self.registry = prometheus.CollectorRegistry()
        # None yet: its age is then how long one is missing.
        self._last_tick = time.time()
        self.ticks = self._counter('ticks', 'Ticks made')
        self.errors = self._counter('tick_errors', 'Ticks that failed')
        self.ended = self._counter('moves', 'Moves that are over', 'outcome')
        self.nova_calls = self._gauge('nova_calls', 'Requests sent to Nova')
        self.seconds = prometheus.Histogram(
            'steal_tick_seconds', 'Time a tick took', registry=self.registry
        )
        self._gauge(
            'last_tick_age_seconds', 'Time since the last good tick'
        ).set_function(lambda: time.time() - self._last_tick)
        self.leading = self._gauge('leading', '1 where it is at work')
        self.dry_run = self._gauge('dry_run', '1 where it touches nothing')
        self.sent = self._gauge('view_sent', '1 if the last view was sent')
        self.coverage = self._gauge(
            'coverage_percent', 'Running servers with a fresh signal'
        )
        self.findings = self._gauge('suffering_servers', 'Servers that suffer')
        self.stuck = self._gauge(
            'stuck_servers', 'Servers that should be back and are not'
        )
        self._moving = self._gauge('moves_in_flight', 'Moves', 'stage')
        self._refused = self._gauge('refusals', 'Reasons for no', 'why')
        self._short = self._gauge(
            'saturated_cores', 'Cores short, where moving cannot help', 'zone'
        )
        self._hosts = self._gauge('hosts', 'Hosts', 'tier')
        self._distrusted = self._gauge(
            'distrusted_hosts', 'Hosts that are not believed', 'why'
        )
        self._steal = self._gauge('host_steal_share', 'Steal', 'host')
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
                f'cannot be bound: {error}. Is another migrator running?'
            ) from error

    def clear(self) -> None:
        """Show nothing of a cloud that another migrator looks after."""
        self.sent.set(0)
        self.coverage.set(0)
        self.findings.set(0)
        self.stuck.set(0)
        self.show_moves(())
        self.show_refusals(())
        self.show_saturations(())
        self.show_distrust(())
        self._hosts.clear()
        self._steal.clear()

    def tick_done(self, now: float, seconds: float) -> None:
        self._last_tick = now
        self.ticks.inc()
        self.seconds.observe(seconds)

    def show_moves(self, moves: Iterable[Move]) -> None:
        count = Count(move.stage for move in moves)
        for stage in Stage:
            self._moving.labels(stage).set(count[stage])

    def show_refusals(self, refusals: Iterable[Refusal]) -> None:
        count = Count(refusal.why for refusal in refusals)
        for why in Why:
            self._refused.labels(why).set(count[why])

    def show_saturations(self, saturations: Iterable[Saturation]) -> None:
        self._short.clear()
        for saturation in saturations:
            self._short.labels(saturation.zone).set(saturation.cores_short)

    def show_distrust(self, distrust: Iterable[Distrust]) -> None:
        count = Count(found.why for found in distrust)
        for why in Doubt:
            self._distrusted.labels(why).set(count[why])

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
        """One sample, 0 where there is none; for the report and the tests."""
        sample = self.registry.get_sample_value(name, dict(labels or {}))
        return sample or 0.0

    def _counter(
        self, name: str, text: str, *labels: str
    ) -> prometheus.Counter:
        return prometheus.Counter(
            f'steal_{name}', text, labels, registry=self.registry
        )

    def _gauge(self, name: str, text: str, *labels: str) -> prometheus.Gauge:
        return prometheus.Gauge(
            f'steal_{name}', text, labels, registry=self.registry
        )
