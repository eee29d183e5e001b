"""What one look at the hypervisor tells; counters are the kernel's own."""

import dataclasses
import enum

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


class Kind(enum.StrEnum):
    """What a thread of a server does that is no vCPU; a label of metrics."""

    #: Packets, and blocks, between the guest and the host's kernel.
    VHOST = 'vhost'
    #: Blocks: QEMU's IO threads, its pool of workers, and io_uring's.
    IO = 'io'
    #: Everything else: QEMU's main loop, console and migration.
    EMULATOR = 'emulator'


@dataclasses.dataclass(frozen=True, slots=True)
class Other:
    """One thread of a server that is no vCPU."""

    #: As of a vCPU.
    key: tuple[int, int]
    kind: Kind
    run: int
    wait: int


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
    #: None where they were not looked at this time: it is done seldom.
    others: tuple[Other, ...] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    #: Monotonic clock, in seconds.
    at: float
    servers: tuple[Server, ...]
    #: QEMU processes in which no thread is named as a vCPU.
    without_vcpus: int = 0
    #: Seconds in which some task waited for a core; None without PSI.
    pressure: float | None = None
