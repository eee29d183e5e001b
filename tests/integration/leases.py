"""Migrators that want to lead, and what happens to them and to their store.

Also a program: the server that the migrators are forks of, for each would
take a second to import what it needs. It reads what they shall want, as JSON,
an object a line, and ends with its input.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import json
import logging
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import types
from collections.abc import Iterator, Sequence
from typing import IO, Any, ClassVar, Self

import etcd3gw
import redis
import redis.backoff
import redis.retry
import requests

# Before the fork: what Leader would import when it connects.
import tooz.drivers.etcd3gw
import tooz.drivers.redis  # noqa: F401

from steal_scheduler.exception import LockLost
from steal_scheduler.migrator.leader import Leader
from tests.integration import daemons
from tests.integration.binaries import binary
from tests.shared import PATIENCE

_ROOT = pathlib.Path(__file__).parents[2]
_LOCALHOST = '127.0.0.1'
#: What goes wrong with migrators on any store.
_OWN = ('frozen', 'frozen', 'frozen', 'frozen', 'killed', 'idle')


def now() -> float:
    """Return what all processes of the machine agree on, also stopped ones."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


# -- one that wants to lead -------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Pass:
    """A check that passed, at some moment between ``begun`` and ``ended``."""

    #: Of the leadership.
    number: int
    begun: float
    ended: float
    #: Seconds that were asked for: nobody else may lead until they are over.
    needed: float


def write_pass(file: IO[bytes], passed: Pass) -> None:
    """Append it at once: the next moment this process is killed."""
    line = ' '.join(map(str, dataclasses.astuple(passed)))
    file.write(f'{line}\n'.encode())


def read_passes(path: pathlib.Path) -> list[Pass]:
    """Return all so far; one that is killed writes half a line."""
    whole, _, _ = path.read_text().rpartition('\n')
    fields = [line.split() for line in whole.splitlines()]
    return [Pass(int(n), *map(float, rest)) for n, *rest in fields]


@dataclasses.dataclass
class Contender:
    """A process with the product's Leader, as the test sees it."""

    pid: int
    log: pathlib.Path
    proxy: 'Proxy | None'
    over: bool = False

    @property
    def name(self) -> str:
        return self.log.stem

    def send(self, number: int) -> None:
        if not self.over:
            os.kill(self.pid, number)

    def kill(self) -> None:
        # It may have ended by itself, which the test finds out.
        with contextlib.suppress(ProcessLookupError):
            self.send(signal.SIGKILL)
        self.over = True

    @property
    def has_ended(self) -> bool:
        """Whether it runs no longer, though nobody killed it."""
        return not self.over and not pathlib.Path(f'/proc/{self.pid}').exists()

    @property
    def errors(self) -> pathlib.Path:
        return self.log.with_suffix('.err')

    def passes(self) -> list[Pass]:
        return read_passes(self.log)

    def last(self) -> float:
        """Return when it was last seen leading."""
        with self.log.open('rb') as file:
            # The file may be long, and this is asked often.
            file.seek(max(0, os.stat(file.fileno()).st_size - 500))
            lines = file.read().split(b'\n')[:-1]
        return float(lines[-1].split()[1]) if lines else 0.0


class Contenders:
    """The server that they are forks of; one for all runs."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self._numbers = itertools.count(1)
        self._turn = threading.Lock()

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Be there. All contenders end with it."""
        with subprocess.Popen(
            [*(sys.executable, '-W', 'ignore'), '-m', __name__],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as self._process:
            yield self

    def begin(
        self, url: str, wish: 'Wish', proxy: 'Proxy | None' = None
    ) -> Contender:
        """Bring one to life."""
        log = self._directory / f'contender-{next(self._numbers)}.log'
        log.touch()
        wanted = {'url': url, 'log': str(log), **dataclasses.asdict(wish)}
        with self._turn:
            assert self._process.stdin and self._process.stdout
            self._process.stdin.write(json.dumps(wanted) + '\n')
            self._process.stdin.flush()
            pid = int(self._process.stdout.readline())
        return Contender(pid, log, proxy)


@dataclasses.dataclass(frozen=True)
class Wish:
    """How a contender leads."""

    #: Seconds.
    lease: float
    seed: int
    #: It does something that takes up to this part of the lease.
    longest: float


def leader(url: str, lease: float) -> Leader:
    """Return one of the product."""
    migrator = types.SimpleNamespace(lock_url=url, lease=lease)
    return Leader(types.SimpleNamespace(migrator=migrator), {})


def _contend(url: str, log: str, wish: Wish) -> None:
    """Lead, or try to, until the server is gone."""
    draw, over = random.Random(wish.seed), threading.Event()
    parent = os.getppid()
    mine = leader(url, wish.lease)
    with open(log, 'ab', buffering=0) as file:
        while os.getppid() == parent:
            if not mine.acquire():
                # It asks the store each time, and cores are few.
                over.wait(draw.uniform(0.1, 0.25))
                continue
            needed = draw.choice((0, draw.uniform(0, wish.longest)))
            needed *= wish.lease
            begun = now()
            with contextlib.suppress(LockLost):
                mine.check_held(needed)
                write_pass(file, Pass(mine.number, begun, now(), needed))
            over.wait(draw.uniform(0.02, 0.05))


def main() -> None:
    # The kernel takes care of those that end.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    pids = []
    for line in sys.stdin:
        wanted = json.loads(line)
        if pid := os.fork():
            pids.append(pid)
            print(pid, flush=True)
            continue
        with open(wanted['log'].replace('.log', '.err'), 'wb') as errors:
            os.dup2(errors.fileno(), 2)
        with open(os.devnull) as nothing:
            os.dup2(nothing.fileno(), 0)
        logging.basicConfig(
            level=logging.INFO, format='%(asctime)s %(message)s'
        )
        url, log = wanted.pop('url'), wanted.pop('log')
        try:
            _contend(url, log, Wish(**wanted))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


# -- between a migrator and its store ---------------------------------------


class Proxy:
    """Carries what a migrator and its store say; late, or not at all."""

    def __init__(self, port: int) -> None:
        """:param port: the store's"""
        self._port = port
        #: Whether requests go on, and answers.
        self._flows = (asyncio.Event(), asyncio.Event())
        self._writers = set[asyncio.StreamWriter]()
        self._is_cut = False
        for flow in self._flows:
            flow.set()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._carry, _LOCALHOST, 0)
        #: Where the migrator finds it.
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        await self.cut()

    async def hold(self, which: Sequence[int]) -> None:
        """Hold back requests (0) or answers (1); they come late, not never."""
        for each in which:
            self._flows[each].clear()

    async def cut(self) -> None:
        """End all connections, and take no new one."""
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    async def mend(self) -> None:
        self._is_cut = False
        for flow in self._flows:
            flow.set()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writers = {writer}
        try:
            if self._is_cut:
                return
            with contextlib.suppress(OSError):
                there = await asyncio.open_connection(_LOCALHOST, self._port)
                writers.add(there[1])
                self._writers |= writers
                await asyncio.gather(
                    self._copy(reader, there[1], self._flows[0]),
                    self._copy(there[0], writer, self._flows[1]),
                )
        finally:
            self._writers -= writers
            for each in writers:
                each.transport.abort()

    async def _copy(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        flow: asyncio.Event,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await flow.wait()
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()


class Network:
    """The proxies of all runs, in a thread of their own."""

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()

    def proxy(self, port: int) -> Proxy:
        async def new() -> Proxy:
            proxy = Proxy(port)
            await proxy.listen()
            return proxy

        return self.do(new())

    def do(self, what: Any) -> Any:
        future = asyncio.run_coroutine_threadsafe(what, self._loop)
        return future.result(PATIENCE)


# -- stores -----------------------------------------------------------------


class Store:
    """A directory; the others are like it."""

    name: ClassVar[str] = 'file'
    #: What may go wrong besides that migrators are stopped and killed.
    faults: ClassVar[tuple[str, ...]] = ()
    #: Of the lease. The kernel gives a lock away when its process is dead,
    #: also where what that one began goes on.
    longest = 0.0
    #: Nobody listens.
    port = 0

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory

    def start(self) -> None:
        self._directory.mkdir(exist_ok=True)

    def stop(self) -> None:
        """Nothing runs."""

    def url(self, port: int) -> str:
        """Return what ``lock_url`` shall be, by way of a port."""
        return f'file://{self._directory}'

    def forget(self) -> None:
        """Be as new: nobody holds a lock."""


def _port() -> int:
    """Return a port that stays free while its server is down.

    Those above are given to whoever connects to something.
    """
    while True:
        port = random.randrange(15_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((_LOCALHOST, port))
            return port


class Server(Store):
    """A program that listens."""

    longest = 0.5

    def __init__(self, directory: pathlib.Path, *more: str) -> None:
        """:param more: arguments of redis, certificate and key of etcd"""
        super().__init__(directory)
        directory.mkdir()
        self.more = more
        self.port = _port()
        self.daemon = daemons.Daemon(
            self.name, self._command(), directory, self._ready
        )

    def start(self) -> None:
        self.daemon.start()

    def stop(self) -> None:
        self.daemon.stop(signal.SIGKILL)

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _ready(self) -> bool:
        raise NotImplementedError


class Redis(Server):
    """It keeps nothing on disk: a new one knows of no lock."""

    name = 'redis'
    faults = ('down', 'down', 'stalled', 'held', 'cut', *2 * ('forgotten',))

    @property
    def client(self) -> 'redis.Redis[bytes]':
        never = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
        return redis.Redis(
            _LOCALHOST, self.port, socket_timeout=2, retry=never
        )

    def url(self, port: int) -> str:
        return f'redis://{_LOCALHOST}:{port}'

    def forget(self) -> None:
        with self.client as client:
            client.flushall()

    def _command(self) -> list[str]:
        return [
            *(daemons.program('redis-server'), '--bind', _LOCALHOST),
            *('--port', str(self.port), '--save', '', '--appendonly', 'no'),
            *self.more,
        ]

    def _ready(self) -> bool:
        try:
            with self.client as client:
                return bool(client.ping())
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False


class Etcd(Server):
    """It keeps locks and leases on disk: a restart changes nothing."""

    name = 'etcd'
    # NOTE: not 'forgotten'. Who deletes the key by hand lets another one lead
    # before the next renewal of this one.
    faults = ('down', 'stalled', 'held', 'held', 'cut', 'cut')

    @property
    def client(self) -> etcd3gw.Etcd3Client:
        return etcd3gw.client(_LOCALHOST, self.port, timeout=10)

    def url(self, port: int) -> str:
        return f'etcd3+http://{_LOCALHOST}:{port}'

    def forget(self) -> None:
        self.client.delete_prefix('/tooz/locks')

    def _command(self) -> list[str]:
        client = f'http{"s" * bool(self.more)}://{_LOCALHOST}:{self.port}'
        peer = f'http://{_LOCALHOST}:{_port()}'
        options = {
            'data-dir': self._directory / 'data',
            'unsafe-no-fsync': 'true',
            'log-level': 'error',
            'listen-client-urls': client,
            'advertise-client-urls': client,
            'listen-peer-urls': peer,
            'initial-advertise-peer-urls': peer,
            'initial-cluster': f'default={peer}',
        }
        if self.more:
            options['cert-file'], options['key-file'] = self.more
        return [binary('etcd'), *(f'--{k}={v}' for k, v in options.items())]

    def _ready(self) -> bool:
        if self.more:
            with socket.create_connection((_LOCALHOST, self.port), 5):
                return True
        url = f'http://{_LOCALHOST}:{self.port}/health'
        return requests.get(url, timeout=5).ok


# -- a run ------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Leadership:
    """From its first pass to the end of what its last one allowed."""

    since: float
    until: float
    number: int
    who: str


@dataclasses.dataclass
class Run:
    """Some migrators, a store, and what goes wrong, drawn from a seed."""

    store: Store
    contenders: Contenders
    network: Network
    seed: int

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        self._lease = self._draw.choice((2.9, 3.0, 3.5, 3.9))
        self._all: list[Contender] = []
        #: What went wrong, in words.
        self.story: list[str] = []
        self.trouble: list[str] = []
        #: Seconds until somebody led again, after each fault.
        self.recoveries: list[float] = []
        self.leaderships: list[Leadership] = []
        self.passes = 0

    def __str__(self) -> str:
        return (
            f'seed {self.seed}, lease {self._lease}: {", ".join(self.story)}'
        )

    def run(self) -> None:
        """Do it all; then there may be trouble."""
        self.store.forget()
        try:
            for _ in range(self._draw.choice((2, 2, 3))):
                self._begin()
            self._recover()
            for _ in range(self._draw.choice((1, 2))):
                self._suffer(self._draw.choice((1, 2, 2, 3)))
                self._recover()
            self._pause(1.0)
            self._recover()
        except daemons.DaemonError as e:
            self.trouble.append(str(e))
        finally:
            self._end()
        self._judge()

    def _begin(self) -> None:
        proxy, port = None, 0
        if self.store.port:
            proxy = self.network.proxy(self.store.port)
            port = proxy.port
        wish = Wish(
            self._lease, self._draw.randrange(2**32), self.store.longest
        )
        self._all.append(
            self.contenders.begin(self.store.url(port), wish, proxy)
        )

    def _suffer(self, depth: int) -> None:
        """Let something go wrong, and more while it does."""
        kinds = (_OWN, self.store.faults or _OWN)
        name = self._draw.choice(self._draw.choice(kinds))
        if name in ('frozen', 'killed', 'held', 'cut'):
            fault = getattr(self, f'_{name}')(self._victim())
        else:
            fault = getattr(self, f'_{name}')()
        self.story.append(name)
        with fault:
            self._pause(self._draw.choice(((0, 1), (1.1, 1.6))))
            if depth > 1:
                self.story.append('(')
                self._suffer(depth - 1)
                self.story.append(')')

    def _victim(self) -> Contender:
        """Return one of those that live: often the one that leads."""
        alive = [c for c in self._all if not c.over]
        if self._draw.random() < 0.7:
            return max(alive, key=Contender.last)
        return self._draw.choice(alive)

    def _pause(self, leases: float | tuple[float, float]) -> None:
        if isinstance(leases, tuple):
            leases = self._draw.uniform(*leases)
            self.story.append(f'{leases:.2f}')
        threading.Event().wait(leases * self._lease)

    # -- what goes wrong ---------------------------------------------------

    @contextlib.contextmanager
    def _idle(self) -> Iterator[None]:
        yield

    @contextlib.contextmanager
    def _frozen(self, victim: Contender) -> Iterator[None]:
        victim.send(signal.SIGSTOP)
        yield
        victim.send(signal.SIGCONT)

    @contextlib.contextmanager
    def _killed(self, victim: Contender) -> Iterator[None]:
        victim.kill()
        # So there are always two at least.
        self._begin()
        yield

    @contextlib.contextmanager
    def _down(self) -> Iterator[None]:
        self.store.stop()
        yield
        # One in it has started it already.
        self.store.stop()
        self.store.start()

    @contextlib.contextmanager
    def _stalled(self) -> Iterator[None]:
        self.store.daemon.send(signal.SIGSTOP)
        yield
        self.store.daemon.send(signal.SIGCONT)

    @contextlib.contextmanager
    def _held(self, victim: Contender) -> Iterator[None]:
        which = self._draw.choice(((0,), (1,), (0, 1)))
        self.network.do(victim.proxy.hold(which))
        yield
        self.network.do(victim.proxy.mend())

    @contextlib.contextmanager
    def _cut(self, victim: Contender) -> Iterator[None]:
        self.network.do(victim.proxy.cut())
        yield
        self.network.do(victim.proxy.mend())

    @contextlib.contextmanager
    def _forgotten(self) -> Iterator[None]:
        # Its answer may not come, if it is stalled or down.
        with contextlib.suppress(redis.RedisError):
            self.store.forget()
        yield

    # -- whether that was borne --------------------------------------------

    def _recover(self) -> None:
        """Wait until somebody leads: nothing is wrong any more.

        :raises DaemonError: nobody does
        """
        since = now()
        daemons.until(
            'somebody leads',
            lambda: max(map(Contender.last, self._all)) > since,
            hopeless=lambda: any(c.has_ended for c in self._all),
        )
        self.recoveries.append(now() - since)

    def _end(self) -> None:
        for each in self._all:
            if each.has_ended:
                self.trouble.append(f'{each.name} has ended by itself')
            each.kill()
            if each.proxy:
                self.network.do(each.proxy.close())

    def _judge(self) -> None:
        for each in self._all:
            if 'Traceback' in each.errors.read_text():
                self.trouble.append(f'{each.name} shows a traceback')
            passed = each.passes()
            self.passes += len(passed)
            self.leaderships += leaderships(each.name, passed)
        self.trouble += twice_led(self.leaderships)

    def logs(self) -> Iterator[tuple[str, str]]:
        """What they said, by name."""
        for each in self._all:
            lines = each.errors.read_text().splitlines()[-60:]
            yield each.name, '\n'.join(lines)


def leaderships(who: str, passed: Sequence[Pass]) -> list[Leadership]:
    """Of what is certain: a pass is somewhere between its two moments."""
    found = []
    for number, group in itertools.groupby(passed, lambda one: one.number):
        passes = [*group]
        until = max(one.begun + one.needed for one in passes)
        found.append(Leadership(passes[0].ended, until, number, who))
    return found


def twice_led(found: list[Leadership]) -> list[str]:
    """Say where two led at one moment, or a number did not grow."""
    trouble = []
    found.sort(key=lambda one: one.since)
    for a, b in itertools.combinations(found, 2):
        if b.since < a.until and a.since < b.until:
            trouble.append(f'two led at once: {a} and {b}')
        if b.number <= a.number:
            trouble.append(f'the number did not grow: {a}, {b}')
    return trouble


if __name__ == '__main__':
    main()
