"""The metrics of the migrator, for Prometheus, on a loopback port."""

import enum
import time
from collections import Counter as Count
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import Counter, Gauge, Histogram, core
from prometheus_client.registry import Collector, CollectorRegistry

from steal_scheduler.decision import emptied, pauses, policies
from steal_scheduler.decision.decide import NOTHING, Decision
from steal_scheduler.decision.host_checks import HostCheck
from steal_scheduler.decision.others import PERIOD, others
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.stalled import stalled
from steal_scheduler.model.host_view import Tier
from steal_scheduler.model.move import Ended, Outcome, Stage
from steal_scheduler.model.pause import Scope
from steal_scheduler.model.proposal import Vote
from steal_scheduler.model.refusal import Reason, Refusal
from steal_scheduler.model.relief import Relief
from steal_scheduler.reporting.past_moves import PAST, past

PREFIX = 'steal_migrator_'

#: Contended servers that are shown by name: a cloud may have thousands.
MOST_NAMED = 20

#: What the last tick has shown: name -> what it tells, and the labels by
#: which it tells it, where there are some.
SHOWN: Mapping[str, tuple[str, ...]] = {
    'dry_run': ('1 where it changes nothing',),
    'dry_run_hosts': ('Hosts of which moves are only planned',),
    'ignored_policies': ('Metadata of host aggregates that make no sense',),
    'copy_rate_bytes': ('Bytes that may be copied per second, on average',),
    'pauses': ('Pauses in force, by what they are about', 'scope'),
    'emptied_host_servers': ('Servers left on a host that is emptied', 'host'),
    'open_approvals': ('Moves that wait for somebody to approve them',),
    'view_sent': ('1 if the last view was sent',),
    'schedulers': ('Hosts whose nova-scheduler took a view of late',),
    'view_acknowledged_timestamp_seconds': (
        'When the nova-scheduler of a host last took a view',
        'host',
    ),
    'coverage_ratio': ('Share of running servers with a fresh signal',),
    'contended_servers': ('Contended servers',),
    'contended_server_steal_ratio': (
        f'Steal of the {MOST_NAMED} contended servers that wait most',
        *('server', 'name', 'host'),
    ),
    'reattach_blocked_servers': (
        'Servers that should be reattached and are not',
    ),
    'stalled_moves': ('Moves that need a person to look at Nova',),
    'foreign_migrations': (
        f'Live migrations that others began within {PERIOD:g} seconds',
    ),
    'moves_in_flight': ('Moves', 'stage'),
    'refusals': ('Refusals', 'reason'),
    'saturated_cores': (
        'Cores short, where moving cannot help, by what is scarce',
        'zone',
        'scarce',
    ),
    'hosts': ('Hosts', 'tier'),
    'unreliable_hosts': ('Hosts with unreliable metrics', 'reason'),
    **PAST,
    'host_steal_ratio': (
        'Share of the time its servers wanted to run that they waited',
        'host',
    ),
}


class Metrics(Collector):
    """What is counted, and what the last tick has shown."""

    def __init__(
        self,
        nova_requests: Callable[[], int] = lambda: 0,
        unreadable: Callable[[], int] = lambda: 0,
    ) -> None:
        """Take what is counted elsewhere, since the start.

        :param nova_requests: how many were sent to Nova
        :param unreadable: rows of its answers that could not be read
        """
        self._nova_requests = nova_requests
        self._unreadable = unreadable
        self.registry = CollectorRegistry()
        self.ticks = self._add(Counter, 'ticks', 'Ticks made')
        self.errors = self._add(Counter, 'tick_errors', 'Ticks that failed')
        self.ended = self._add(
            Counter, 'moves', 'Moves that are over', ['outcome']
        )
        self._copied = self._add(
            Counter,
            'copied_bytes',
            'Bytes copied by moves that are over, as far as Nova told',
            ['outcome'],
        )
        self._out = self._add(
            Counter,
            'out_of_service_seconds',
            'Seconds for which moves that are over kept servers drained',
            ['outcome'],
        )
        self._relief = self._add(
            Counter,
            'relief_core_seconds',
            'Core-seconds that servers waited less for moves',
            ['zone'],
        )
        self._harm = self._add(
            Counter,
            'harm_core_seconds',
            'Core-seconds that servers waited more for moves',
            ['zone'],
        )
        for outcome in Outcome:
            for counter in (self.ended, self._copied, self._out):
                counter.labels(outcome)
        self.seconds = self._add(
            Histogram, 'tick_duration_seconds', 'Time that a tick took'
        )
        self.unproven_marks = self._add(
            Gauge,
            'unproven_marks',
            'Marks of drains in orchestrators that prove nothing',
        )
        self.leader = self._add(Gauge, 'leader', '1 where this migrator leads')
        self._last_tick = self._add(
            Gauge, 'last_tick_timestamp_seconds', 'End of the last good tick'
        )
        # None yet: from now on one is missing.
        self._last_tick.set(time.time())
        self.show(None)
        self.registry.register(self)

    def move_ended(self, ended: Ended) -> None:
        """Count it, and what it has cost."""
        self.ended.labels(ended.outcome).inc()
        copied = (ended.copied_mb or 0.0) * 1024**2
        self._copied.labels(ended.outcome).inc(copied)
        # A clock may have been set back.
        self._out.labels(ended.outcome).inc(max(ended.seconds_out or 0.0, 0.0))

    def move_followed(self, zone: str, relief: Relief) -> None:
        """Count what it has brought there."""
        gain = relief.core_seconds
        self._relief.labels(zone).inc(max(gain, 0.0))
        self._harm.labels(zone).inc(max(-gain, 0.0))

    def tick_done(self, now: float, seconds: float) -> None:
        self._last_tick.set(now)
        self.ticks.inc()
        self.seconds.observe(seconds)

    def show(
        self,
        snapshot: Snapshot | None,
        decided: Decision = NOTHING,
        refusals: Iterable[Refusal] = (),
        blocked: int = 0,
    ) -> None:
        """What the tick that has just ended found.

        :param snapshot: None for a cloud that another migrator looks after
        :param refusals: all there are, also of moves in flight
        :param blocked: servers that should be reattached and are not
        """
        moves = snapshot.moves.values() if snapshot else ()
        hosts = snapshot.view.hosts if snapshot else {}
        unreliable = snapshot.unreliable.values() if snapshot else ()
        schedulers = snapshot.schedulers if snapshot else {}
        paused = pauses.in_force(snapshot) if snapshot else ()
        emptying = emptied.progress((), snapshot) if snapshot else ()
        self._shown: dict[str, float | Mapping[Any, float]] = {
            'dry_run': bool(snapshot and snapshot.rules.dry_run),
            'dry_run_hosts': sum(
                policies.is_dry(name, snapshot)
                for name in (snapshot.fleet.hosts if snapshot else ())
                if snapshot
            ),
            'ignored_policies': len(
                snapshot.fleet.policies.ignored if snapshot else ()
            ),
            'copy_rate_bytes': snapshot.rules.limits.copy_rate * 1024**2
            if snapshot
            else 0.0,
            'pauses': _count(Scope, (p.scope for p in paused)),
            'emptied_host_servers': {
                each.host: len(each.left) for each in emptying
            },
            'open_approvals': sum(
                one.answer is Vote.OPEN
                for one in (snapshot.approvals.values() if snapshot else ())
            ),
            'view_sent': bool(snapshot and snapshot.sent),
            'schedulers': sum(s.recent for s in schedulers.values()),
            'view_acknowledged_timestamp_seconds': {
                name: s.heard_at for name, s in schedulers.items()
            },
            'coverage_ratio': decided.coverage / 100,
            'contended_servers': len(decided.findings),
            'contended_server_steal_ratio': _worst(snapshot, decided),
            'reattach_blocked_servers': blocked,
            'stalled_moves': sum(
                bool(snapshot and stalled(m, snapshot)) for m in moves
            ),
            'foreign_migrations': (
                others(snapshot).migrations if snapshot else 0
            ),
            'moves_in_flight': _count(Stage, (m.stage for m in moves)),
            'refusals': _count(Reason, (r.reason for r in refusals)),
            'saturated_cores': {
                (s.zone, s.scarce): s.cores_short for s in decided.saturations
            },
            'hosts': _count(Tier, (h.tier for h in hosts.values())),
            'unreliable_hosts': _count(
                HostCheck, (u.reason for u in unreliable)
            ),
            **past(snapshot),
            'host_steal_ratio': {
                name: host.steal
                for name, host in hosts.items()
                if host.tier is not Tier.UNKNOWN
            },
        }

    def collect(self) -> Iterator[core.Metric]:
        """For a scrape, in a thread of its own: what the last tick left."""
        yield core.CounterMetricFamily(
            f'{PREFIX}nova_requests',
            'Requests sent to Nova',
            value=self._nova_requests(),
        )
        yield core.CounterMetricFamily(
            f'{PREFIX}nova_unreadable_rows',
            'Rows of its answers that could not be read',
            value=self._unreadable(),
        )
        shown = self._shown
        for name, (text, *labels) in SHOWN.items():
            family = core.GaugeMetricFamily(
                f'{PREFIX}{name}', text, labels=labels
            )
            found = shown[name]
            by_label = found if isinstance(found, Mapping) else {(): found}
            for label, value in by_label.items():
                several = (label,) if isinstance(label, str) else label
                family.add_metric(several, value)
            yield family

    def _add(
        self, kind: Any, name: str, text: str, labels: Iterable[str] = ()
    ) -> Any:
        return kind(f'{PREFIX}{name}', text, labels, registry=self.registry)


def _worst(
    snapshot: Snapshot | None, decided: Decision
) -> dict[tuple[str, str, str], float]:
    """Those that wait most, by id, name and host."""
    servers = snapshot.fleet.servers if snapshot else {}
    worst = sorted(decided.findings, key=lambda found: -found.steal)
    return {
        (
            found.server_id,
            servers[found.server_id].name
            if found.server_id in servers
            else '',
            found.host,
        ): found.steal
        for found in worst[:MOST_NAMED]
    }


def _count(
    kinds: Iterable[enum.Enum], found: Iterable[enum.Enum]
) -> dict[str, float]:
    """How many of each kind there are, 0 also: an alert needs all of them."""
    count = Count(found)
    return {kind.name.lower(): count[kind] for kind in kinds}
