"""Samples -> counters. No I/O, and no clock but that of the samples."""

import dataclasses
import threading
from collections import Counter
from collections.abc import Sequence

from steal_scheduler.exporter.counters import (
    Histogram,
    KernelCounter,
    ThreadCounters,
    Vcpu,
)
from steal_scheduler.exporter.sample import (
    INTERVAL,
    Kind,
    Other,
    Sample,
    Server,
    Thread,
    Throttle,
)

#: Shares of a second in which a server's worst-off vCPU waited.
WAIT_SHARES = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
#: Runnable vCPUs for each core that guests may use.
RUNNABLE = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0)

#: Of the interval; a sample that comes later than that is late.
_LATE = 1.5
#: Nanoseconds by which a cgroup's throttled time may grow on one core beside
#: the elapsed time: the kernel adds it when the throttling ends.
_THROTTLE_SLACK = 60_000_000_000


@dataclasses.dataclass(slots=True)
class ServerTotals:
    """Counters: they only grow. The collector shows the fields by name."""

    domain: str
    vcpus: int = 0
    run_seconds: float = 0.0
    wait_seconds: float = 0.0
    throttled_seconds: float = 0.0
    periods: int = 0
    throttled_periods: int = 0
    #: Seconds watched, and those of them in which it waited too long.
    seconds: float = 0.0
    bad_seconds: float = 0.0
    #: Of the vCPU that waited most in each second.
    worst_vcpu_run_seconds: float = 0.0
    worst_vcpu_wait_seconds: float = 0.0
    #: Of the threads that are no vCPUs.
    thread_run_seconds: dict[Kind, float] = dataclasses.field(
        default_factory=lambda: dict.fromkeys(Kind, 0.0)
    )
    thread_wait_seconds: dict[Kind, float] = dataclasses.field(
        default_factory=lambda: dict.fromkeys(Kind, 0.0)
    )
    wait_ratio: Histogram = dataclasses.field(
        default_factory=lambda: Histogram(WAIT_SHARES)
    )
    threads: dict[tuple[int, int], Vcpu] = dataclasses.field(
        default_factory=dict
    )
    others: dict[tuple[int, int], ThreadCounters] = dataclasses.field(
        default_factory=dict
    )
    cgroups: dict[str, Throttle] = dataclasses.field(default_factory=dict)


class Accumulator:
    """All counters of a hypervisor, since the exporter was started.

    A server that is missing in a sample is forgotten at once; if it comes
    back, its counters start at 0, which Prometheus takes for a restart.
    """

    def __init__(
        self, cores: int, wait_limit: float, load_limit: float
    ) -> None:
        """Start at zero.

        A second is bad in which a vCPU reached both limits.

        :param cores: how many cores guests may use
        :param wait_limit: percent of a second in which it waited
        :param load_limit: percent of a second in which it ran or waited
        """
        # What the collector shows bears the names of its metrics.
        self.host_cores = cores
        self._wait_limit = wait_limit / 100
        self._load_limit = load_limit / 100
        #: Held by whoever adds, and by whoever reads beside it.
        self.lock = threading.Lock()
        self.servers: dict[str, ServerTotals] = {}
        #: Of all servers, also of those that are gone.
        self.host_run_seconds = 0.0
        self.host_wait_seconds = 0.0
        self.host_runnable_per_core = Histogram(RUNNABLE)
        self.host_pressure_seconds: float | None = None
        self.servers_without_vcpus = 0
        self.samples = 0
        self.late_samples = 0
        self.missed_samples = 0
        #: Readings that cannot be true, by counter of the kernel. They are
        #: not added.
        self.rejected_readings = Counter({'run': 0, 'wait': 0, 'throttled': 0})
        #: Monotonic time of the last sample.
        self.at: float | None = None
        #: Intervals, a part of one; below 0 if more were counted than passed.
        self._uncounted = 0.0

    def add(self, sample: Sample) -> None:
        """Count what has happened since the sample before."""
        if self.at is not None and sample.at <= self.at:
            raise ValueError(f'a sample of {sample.at} after {self.at}')
        elapsed = 0.0 if self.at is None else sample.at - self.at
        self.at = sample.at
        self.samples += 1
        self.servers_without_vcpus = sample.without_vcpus
        self.host_pressure_seconds = sample.pressure
        times = self._times(elapsed)
        # A server that is restarted has two processes for a moment.
        parts: dict[str, list[Server]] = {}
        for server in sample.servers:
            parts.setdefault(server.uuid, []).append(server)
        self.servers = {
            uuid: self._server(uuid, found, sample.at, elapsed, times)
            for uuid, found in parts.items()
        }
        if times:
            count = sum(t.runnable for s in sample.servers for t in s.threads)
            self.host_runnable_per_core.observe(count / self.host_cores, times)

    def _times(self, elapsed: float) -> int:
        """As how many seconds a sample counts: a late one is several.

        What is rounded off is carried over: on a full host every sample is a
        little late, and some second must be the one that was missed. Samples
        that come 1.3 seconds apart count as 1, 2, 1, 1, 2, 1, ... seconds.
        """
        if not elapsed:
            return 0
        self._uncounted += elapsed / INTERVAL
        times = max(1, round(self._uncounted))
        self._uncounted -= times
        self.late_samples += elapsed > _LATE * INTERVAL
        self.missed_samples += times - 1
        return times

    def _server(
        self,
        uuid: str,
        parts: Sequence[Server],
        at: float,
        elapsed: float,
        times: int,
    ) -> ServerTotals:
        totals = self.servers.get(uuid) or ServerTotals(parts[0].domain)
        threads = {}
        # Shares of the time in which the worst-off vCPU waited, and ran.
        worst: tuple[float, float] | None = None
        bad = False
        for thread in (t for part in parts for t in part.threads):
            vcpu = totals.threads.get(thread.key)
            if vcpu is None:
                # What it did before it was first seen is not counted.
                vcpu = Vcpu(
                    KernelCounter(thread.run, at),
                    KernelCounter(thread.wait, at),
                )
            else:
                run, wait = self._grown(vcpu, thread, at)
                totals.run_seconds += run / 1e9
                totals.wait_seconds += wait / 1e9
                self.host_run_seconds += run / 1e9
                self.host_wait_seconds += wait / 1e9
                share, ran = vcpu.share(wait, elapsed), run / (elapsed * 1e9)
                worst = max(worst or (0.0, 0.0), (share, ran))
                bad |= (
                    share >= self._wait_limit
                    and share + ran >= self._load_limit
                )
            threads[thread.key] = vcpu
        totals.threads = threads
        totals.vcpus = len(threads)
        self._others(totals, parts, at)
        self._throttles(totals, parts, elapsed)
        if worst is not None:
            share, ran = worst
            totals.wait_ratio.observe(share, times)
            totals.worst_vcpu_wait_seconds += share * elapsed
            totals.worst_vcpu_run_seconds += ran * elapsed
            totals.seconds += elapsed
            if bad:
                totals.bad_seconds += elapsed
        return totals

    def _others(
        self, totals: ServerTotals, parts: Sequence[Server], at: float
    ) -> None:
        """Count what its threads did that are no vCPUs, where looked at."""
        if all(part.others is not None for part in parts):
            present = {t.key for p in parts for t in p.others or ()}
            totals.others = {
                k: o for k, o in totals.others.items() if k in present
            }
        for thread in (t for part in parts for t in part.others or ()):
            known = totals.others.get(thread.key)
            if known is None:
                totals.others[thread.key] = ThreadCounters(
                    KernelCounter(thread.run, at),
                    KernelCounter(thread.wait, at),
                )
            else:
                run, wait = self._grown(known, thread, at)
                totals.thread_run_seconds[thread.kind] += run / 1e9
                totals.thread_wait_seconds[thread.kind] += wait / 1e9

    def _grown(
        self, known: ThreadCounters, thread: Thread | Other, at: float
    ) -> tuple[int, int]:
        """Nanoseconds that it ran and waited since it was looked at."""
        return (
            self._checked('run', known.run.add(thread.run, at)),
            self._checked('wait', known.wait.add(thread.wait, at)),
        )

    def _checked(self, what: str, delta: int | None) -> int:
        if delta is None:
            self.rejected_readings[what] += 1
            return 0
        return delta

    def _throttles(
        self, totals: ServerTotals, parts: Sequence[Server], elapsed: float
    ) -> None:
        most = self.host_cores * (elapsed * 1e9 + _THROTTLE_SLACK)
        now = {t.key: t for part in parts for t in part.throttles}
        for key, new in now.items():
            old = totals.cgroups.get(key, new)
            periods = new.periods - old.periods
            throttled_periods = new.throttled_periods - old.throttled_periods
            throttled = new.throttled - old.throttled
            # No bound for periods: the shortest that the kernel accepts is a
            # millisecond, and where nothing is throttled the file is not read
            # every time.
            least = min(periods, throttled_periods, throttled)
            if least < 0 or throttled > most:
                self.rejected_readings['throttled'] += 1
                continue
            totals.periods += periods
            totals.throttled_periods += throttled_periods
            totals.throttled_seconds += throttled / 1e9
        totals.cgroups = now
