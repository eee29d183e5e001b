"""What one look at the hypervisor tells; counters are the kernel's own."""

import dataclasses

#: Seconds between two samples. No option: the bad seconds of two hosts can
#: be compared only if both look every second.
INTERVAL = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Thread:
    """One vCPU."""

    #: Thread id and start time, which no other thread ever has.
    key: tuple[int, int]
    #: Nanoseconds on a core, and ready to run without one.
    run: int
    wait: int
    #: Is it on a core or waiting for one right now?
    runnable: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Throttle:
    """One cgroup that can have a quota."""

    key: str
    periods: int
    throttled_periods: int
    #: Nanoseconds, summed over the cores on which it was throttled.
    throttled: int


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """One QEMU process."""

    uuid: str
    #: libvirt's name for it; empty if it has none.
    domain: str
    threads: tuple[Thread, ...]
    throttles: tuple[Throttle, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    #: Monotonic clock, in seconds.
    at: float
    servers: tuple[Server, ...]
    #: QEMU processes in which no thread is named as a vCPU.
    without_vcpus: int = 0
    #: Seconds in which some task waited for a core; None without PSI.
    pressure: float | None = None
