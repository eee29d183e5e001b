"""Servers that come and go all the time: processes that look like QEMU."""

import contextlib
import dataclasses
import itertools
import math
import os
import random
import subprocess
import time
import uuid
from collections.abc import Iterator

from tests.bench.quota import Quota
from tests.unit.exporter import guest

#: Those that stay from the beginning to the end; of these, those that burn.
STEADY = 8
BURNING = 2
#: Of the others, how many there are at most at a time, and how many burn.
PASSING = 16
PASSING_BURN = 3
#: Of a server.
VCPUS = 4
#: What needs longer to get ready has been looked at often enough by then, and
#: is looked at again only so much later. Seconds.
SLOW, SLOWEST = 2.5, 36.0


@dataclasses.dataclass
class Life:
    """One process of a server; times are monotonic."""

    uuid: str
    process: subprocess.Popen[bytes]
    vcpus: int
    #: Whether its first vCPU burns CPU, within a quota where there are any.
    busy: bool
    quota: Quota | None
    steady: bool
    #: Begun to start, and ready with all threads named.
    spawned: float
    ready: float
    #: When a vCPU was last plugged or unplugged: begun, done.
    plugged: tuple[float, float]
    #: Told to end, and reaped.
    told: float | None = None
    ended: float | None = None

    @property
    def shown(self) -> float:
        """From then on every sample must show it."""
        return _noticed(self.spawned, self.ready)

    @property
    def settled(self) -> float:
        """From then on every sample must show all of its vCPUs."""
        return max(self.shown, _noticed(*self.plugged))

    def covers(self, begin: float, end: float) -> bool:
        """Whether it had to be shown all that time."""
        return self.shown < begin and (self.told is None or end < self.told)

    def touches(self, begin: float, end: float) -> bool:
        """Whether it was there at some moment of that time."""
        return self.spawned < end and (
            self.ended is None or begin < self.ended
        )


def _noticed(begun: float, done: float) -> float:
    return done + SLOWEST * (done - begun > SLOW)


class Churn:
    def __init__(self) -> None:
        """Start nothing yet."""
        self._core = max(os.sched_getaffinity(0))
        self._numbers = itertools.count()
        self.lives: dict[str, list[Life]] = {}
        #: Those that never come back.
        self.gone: set[str] = set()
        #: Servers that are to come back, and when.
        self._away: dict[str, float] = {}
        self.acts: dict[str, int] = {}

    def __enter__(self) -> 'Churn':
        with contextlib.ExitStack() as stack:
            stack.callback(self.close)
            for number in range(STEADY):
                self._start(_new(), number < BURNING, steady=True)
            stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End all of them."""
        for life in list(self.running()):
            self._stop(life)

    def running(self) -> Iterator[Life]:
        for lives in self.lives.values():
            yield from (life for life in lives if life.ended is None)

    def forget(self, before: float) -> None:
        """Drop servers that have been gone since before that time."""
        for server, lives in list(self.lives.items()):
            if server not in self._away and not any(
                life.touches(before, math.inf) for life in lives
            ):
                del self.lives[server]
                self.gone.add(server)

    def act(self) -> None:
        """Do one thing that happens on a hypervisor."""
        now = time.monotonic()
        for server, due in list(self._away.items()):
            if due <= now:
                del self._away[server]
                self._count('migrated in again')
                self._start(server, False)
                return
        passing = [life for life in self.running() if not life.steady]
        if len(passing) < PASSING // 2 or (
            len(passing) < PASSING and random.random() < 0.5
        ):
            self._count('started')
            burning = sum(life.busy for life in passing)
            busy = burning < PASSING_BURN and random.random() < 0.3
            self._start(_new(), busy)
        else:
            what = random.choice(
                [self._end, self._kill, self._move, self._reboot]
                + [self._plug] * 3
            )
            what(random.choice(passing))

    def _end(self, life: Life) -> None:
        self._count('stopped')
        self._stop(life)

    def _kill(self, life: Life) -> None:
        self._count('crashed')
        life.told = time.monotonic()
        life.process.kill()
        self._stop(life)

    def _move(self, life: Life) -> None:
        self._count('migrated out')
        self._stop(life)
        self._away[life.uuid] = time.monotonic() + random.uniform(0, 6)

    def _reboot(self, life: Life) -> None:
        """The new process is there before the old one is gone."""
        self._count('rebooted')
        self._start(life.uuid, False)
        self._stop(life)

    def _plug(self, life: Life) -> None:
        begun = time.monotonic()
        if life.vcpus > 1 and random.random() < 0.5:
            self._count('unplugged')
            guest.unplug(life.process)
            life.vcpus -= 1
        else:
            self._count('plugged')
            guest.plug(life.process)
            life.vcpus += 1
        life.plugged = begun, time.monotonic()

    def _start(self, server: str, busy: bool, steady: bool = False) -> Life:
        vcpus = random.randint(1, VCPUS)
        spawned = time.monotonic()
        process = guest.start(
            server,
            f'instance-{next(self._numbers):08x}',
            vcpus,
            busy,
            # Those that burn wait for each other, and keep nobody else.
            cores=[self._core] if busy else (),
            nice=19 if busy else 0,
        )
        ready = time.monotonic()
        quota = Quota.make(f'{server}-{process.pid}') if busy else None
        if quota is not None:
            quota.bind(process.pid)
        life = Life(
            uuid=server,
            process=process,
            vcpus=vcpus,
            busy=busy,
            quota=quota,
            steady=steady,
            spawned=spawned,
            ready=ready,
            plugged=(spawned, ready),
        )
        self.lives.setdefault(server, []).append(life)
        return life

    def _stop(self, life: Life) -> None:
        if life.told is None:
            life.told = time.monotonic()
        guest.stop(life.process)
        if life.quota is not None:
            life.quota.remove()
        life.ended = time.monotonic()

    def _count(self, act: str) -> None:
        self.acts[act] = self.acts.get(act, 0) + 1


def unbroken(lives: list[Life], begin: float, end: float) -> bool:
    """Whether one process or another had to be shown all that time."""
    reached = begin
    for life in sorted(lives, key=lambda n: n.ready):
        if life.covers(reached, reached):
            reached = math.inf if life.told is None else life.told
    return reached > end


def _new() -> str:
    return str(uuid.uuid4())
