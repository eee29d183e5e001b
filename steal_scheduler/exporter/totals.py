"""What has come together for one server, since it was first seen."""

import dataclasses

from steal_scheduler.exporter.growth import Growth
from steal_scheduler.exporter.histogram import Histogram
from steal_scheduler.exporter.sample import Throttle

#: Shares of a second in which a server's worst-off vCPU waited.
WAIT_SHARES = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)


class Vcpu:
    """One thread: where its counters stood."""

    __slots__ = ('owed', 'run', 'wait')

    def __init__(self, run: int, wait: int, at: float) -> None:
        self.run = Growth(run, at)
        self.wait = Growth(wait, at)
        #: Nanoseconds of wait which no second has been charged with yet.
        self.owed = 0

    def share(self, waited: int, elapsed: float) -> float:
        """Return the share of the elapsed time in which it waited.

        A long wait is told only when it is over. What does not fit into the
        time since the last reading is charged to the seconds that follow, so
        that as many are bad as it took.
        """
        self.owed += waited
        most = int(elapsed * 1e9)
        charged = min(self.owed, most)
        self.owed -= charged
        return charged / most if most else 0.0


@dataclasses.dataclass(slots=True)
class ServerTotals:
    """Counters: they only grow."""

    domain: str
    vcpus: int = 0
    #: Nanoseconds.
    run: int = 0
    wait: int = 0
    throttled: int = 0
    periods: int = 0
    throttled_periods: int = 0
    #: Seconds watched, and those of them in which it waited too long.
    seconds: float = 0.0
    bad_seconds: float = 0.0
    shares: Histogram = dataclasses.field(
        default_factory=lambda: Histogram(WAIT_SHARES)
    )
    threads: dict[tuple[int, int], Vcpu] = dataclasses.field(
        default_factory=dict
    )
    cgroups: dict[str, Throttle] = dataclasses.field(default_factory=dict)
