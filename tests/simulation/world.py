"""A cloud in one process: what a run changes, and what is asked of it."""

import contextlib
import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import oslo_messaging

from steal_scheduler import startup
from steal_scheduler.conf import load
from steal_scheduler.exception import (
    NovaError,
    NovaRefused,
    SignalError,
    StealError,
)
from steal_scheduler.messaging import view_format
from steal_scheduler.migrator import (
    build,
    leader,
    lock_store,
    plugins,
    store_errors,
)
from steal_scheduler.migrator.service import Migrator
from steal_scheduler.model.cloud import HostSignal, ServerSignal, Signals
from steal_scheduler.orchestrators.command import run
from steal_scheduler.orchestrators.dispatcher import Dispatcher
from tests.simulation.clock import Clock
from tests.simulation.death import Crash, dying
from tests.simulation.edge import Broken, Edge, Lost, Refused
from tests.simulation.nova import Nova
from tests.simulation.places import NET, PLACES, Hook, Place, Script
from tests.standins import keystone, kubernetes, webhook
from tests.standins.kubernetes_objects import kubeconfig
from tests.standins.transport import mounted
from tests.unit import fakes
from tests.unit.make import server

NOW = 1_800_000_000.0
HOSTS = 'abcd'
CORES = 8.0
#: What happens, where nobody does anything.
TIME = 'time passed'
#: Seconds over which a signal is a mean.
WINDOW = 30.0


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a run begins with."""

    #: Of each server the letters of its orchestrators, see ``places``.
    letters: tuple[str, ...] = ('k', 'c', 's', 'kc', 'k', 'c', 's', 'x')
    #: How many of them are on host a, which is overloaded.
    crowded: int = 4
    #: Options, by ``section.name``.
    options: tuple[tuple[str, str], ...] = ()
    #: A second migrator stands by.
    standby: bool = False
    #: Each of them has a lock of its own, by mistake: a file on each host.
    apart: bool = False
    #: Where they agree who leads: file, etcd or redis.
    store: str = 'file'
    #: Seconds by which the clock of the second one is ahead.
    skew: int = 0
    #: The webhook and the script know whom they have drained.
    lists: bool = True
    #: The first server has 400 GiB of disk.
    large: bool = False
    #: Metadata of an aggregate of all hosts, by which no move begins.
    still: tuple[tuple[str, str], ...] = ()
    #: No server waits: whoever moves leaves a host that is emptied.
    idle: bool = False

    @property
    def dry_run(self) -> bool:
        dry = ('migrator.dry_run', 'True') in self.options
        return dry or bool(self.still)


#: What a run has where its setting says nothing else.
OPTIONS = {
    'migrator.dry_run': 'False',
    'migrator.poll_interval': '30',
    'migrator.metrics_port': '0',
    'detection.polls_contended': '1',
    'detection.polls_window': '1',
    'limits.slots': '2',
    'limits.max_unavailable': '2',
    'limits.copy_rate': '1000',
    'stages.drain_timeout': '300',
    'stages.migration_timeout': '600',
    'nova.auth_type': 'none',
    'nova.timeout': '20',
    'migrator.tag_keys': 'key of the simulation',
    'migrator.lease': '60',
}


class World:
    """Everything that outlives a process, and the processes."""

    def __init__(self, setting: Setting, directory: pathlib.Path) -> None:
        self.setting = setting
        self.clock = Clock(NOW)
        self.edge = Edge(self.sleep, self._look)
        self.edge.now = lambda: self.clock.now
        servers = [
            server(
                f'{i:08x}-0000-4000-8000-000000000000',
                name=f'{letters}-{i}',
                vcpus=4,
                disk_gb=400 if setting.large and not i else 10,
                host='a' if i < setting.crowded else 'bcd'[i % 3],
                role='web' if i % 2 else 'db',
                project_id='p',
                addresses=(f'{NET}{i + 1}',),
            )
            for i, letters in enumerate(setting.letters)
        ]
        self.ids = [s.server_id for s in servers]
        #: MiB that a migration of each copies.
        self.sizes = {
            s.server_id: s.ram_mb + s.disk_gb * 1024 for s in servers
        }
        self.nova = Nova(self._call_nova, *servers)
        self.nova.now = NOW
        if setting.still:
            self.nova.create_aggregate('all', *'abcd')
            self.nova.set_aggregate_metadata(1, dict(setting.still))
        self.places = {
            place.name: place(self.nova.servers)
            for place in PLACES
            if any(place.letter in letters for letters in setting.letters)
        }
        for place in self.places.values():
            # Of two that lead by mistake they would refuse one for ever.
            if isinstance(place, Hook):
                place.receiver.fences = not setting.apart
            elif isinstance(place, Script):
                place.fences = not setting.apart
        #: Cores that each server asks for; others ask for a little.
        self.demand = {
            s: 3.4 - i / 10
            for i, s in enumerate(self.ids[: setting.crowded])
            if not setting.idle
        }
        #: Hosts that an operator has emptied: now, and at any time.
        self.emptied: set[str] = set()
        self.ever_emptied: set[str] = set()
        #: When the signals were measured that are told; None for now.
        self.measured_at: float | None = None
        self.store = Store(self)
        #: What was wrong, the first thing first; see ``invariants``.
        self.violations: list[str] = []
        self.watch: Callable[[World, str], Iterator[str]] = _nothing
        self.counts = dict.fromkeys(
            ('begun', 'resumed', 'asked', 'completed', 'died', 'stopped'), 0
        )
        #: The next tick is killed at this line of our code.
        self.dies_at_line: int | None = None
        self._directory = directory
        self._conf_file = self._write_conf()
        #: Whose code runs now.
        self.running: Process | None = None
        self.processes: list[Process] = []

    @contextlib.contextmanager
    def alive(self) -> Iterator[None]:
        """Let the migrators run in this world."""
        apps = {
            url: app
            for place in self.places.values()
            for url, app in place.apps(self.edge).items()
        }
        script: Any = self.places.get(Script.name)
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.clock.in_force())
            stack.enter_context(mounted(apps))
            for module, name, new in (
                (build, 'NovaClient', lambda *_: self.nova),
                (plugins, 'signal_source', lambda conf: Source(self)),
                (lock_store, 'connect', self.store.connect),
                (leader, 'Thread', Heart),
                (build, 'Dispatcher', dispatcher),
                (run, 'run', script.run if script else None),
                # Tests of their own check options, and it takes its time.
                (startup, 'check_values', lambda conf: None),
                (oslo_messaging, 'get_rpc_transport', _nobody),
                (oslo_messaging, 'get_notification_transport', _nobody),
                (oslo_messaging, 'get_rpc_client', lambda *_, **__: Bus(self)),
                (oslo_messaging, 'Notifier', mock.Mock()),
            ):
                stack.enter_context(mock.patch.object(module, name, new))
            names = 'ab' if self.setting.standby else 'a'
            self.processes = [Process(self, name) for name in names]
            yield

    # -- time --------------------------------------------------------------

    def sleep(self, seconds: float) -> None:
        """Time passes, and what goes on by itself goes on."""
        while seconds > 0:
            step = min(seconds, 10.0)
            seconds -= step
            self.clock.sleep(step)
            self.nova.now = self.clock.now
            self.nova.go_on()
            for place in self.places.values():
                place.go_on()
            for process in self.processes:
                process.beat()
            self.edge.arrive()
            self._look(TIME)

    def stop(self, seconds: float, ticks: int) -> None:
        """Let whoever runs stand still, while another one may lead."""
        self.counts['stopped'] += 1
        who = self.running
        if who is not None:
            who.stood_still = who.stands_still = who.excused = True
        for _ in range(ticks):
            self.sleep(seconds)
            for process in self.processes:
                # Those that stand still as well are in their tick.
                if not process.ticks:
                    process.tick()
        if who is not None:
            who.stands_still = False

    @property
    def stale(self) -> bool:
        """Whoever runs stood still until its lease was over.

        It stood between its last look at the lease and what it does: Nova
        knows no fence against that, and hardly any orchestrator.
        """
        who = self.running
        return who is None or (who.stood_still and not who.leads)

    def who(self, number: int) -> str:
        """The id of a server; -1 is the first that has a tag of ours."""
        if number >= 0:
            return self.ids[number]
        moving = [
            server_id
            for server_id, found in self.nova.servers.items()
            if any(tag.startswith('steal:') for tag in found.tags)
        ]
        return (moving + self.ids)[-1 - number]

    def belongs(self, server_id: str) -> list[Place]:
        """The orchestrators that a server belongs to now."""
        metadata = self.nova.servers[server_id].metadata
        said = metadata.get('steal:orchestrator')
        return [
            place
            for place in self.places.values()
            if server_id in place.servers
            if said is None or place.name in said.split(',')
        ]

    def tick(self) -> None:
        for process in list(self.processes):
            process.tick()

    def look(self, what: object) -> None:
        self._look(str(what))

    def option(self, name: str) -> str:
        return {**OPTIONS, **dict(self.setting.options)}[name]

    def answer(self) -> None:
        """Let everything answer again, but for a cell that is down."""
        self.edge.calm()
        self.dies_at_line = self.measured_at = None
        self.store.down = False
        self.nova.fails = set()
        self.demand = {}
        for host in [*self.emptied]:
            self.empty(host, on=False)

    def empty(self, host: str, *, on: bool) -> None:
        """An operator has a host emptied, or stops that."""
        self.nova.pause(f'steal:drain:host:{host}', 'true' if on else None)
        if on:
            self.emptied.add(host)
            self.ever_emptied.add(host)
        else:
            self.emptied.discard(host)

    def calm(self) -> None:
        """Let everything answer again, and nobody ask for more."""
        self.answer()
        self.nova.cell_down = set()
        nova = self.nova
        nova.delay, nova.loses, nova.aborts = 0.0, False, True
        nova.choosing = nova.pace = 20.0
        nova.others_end = True
        for server_id in nova.servers:
            nova.reset(server_id)
            # What an abort of ours has left it in is ours to end.
            status = nova.servers[server_id].status
            if status != 'MIGRATING' and not (
                status == 'ERROR' and server_id in nova.cancelled
            ):
                nova.change(server_id, status='ACTIVE', task_state=None)

    # -- the edge ----------------------------------------------------------

    def _call_nova(self, act: Callable[[], Any], effect: str) -> Any:
        try:
            return self.edge.call('nova', act, effect=effect)
        except (Lost, Broken) as error:
            raise NovaError(f'Nova does not answer: {error!r}') from None
        except Refused:
            raise NovaRefused('403') from None

    def _look(self, what: str) -> None:
        """Ask the stand-ins what must never be."""
        if not self.violations:
            self.violations += [
                f'{wrong}, after: {what}' for wrong in self.watch(self, what)
            ]
        if what != TIME and self.running is not None:
            self.running.excused = False

    def _write_conf(self) -> str:
        sections: dict[str, dict[str, str]] = {}
        orchestrators = ', '.join(self.places)
        options = {
            **OPTIONS,
            'migrator.orchestrators': orchestrators,
            'migrator.lock_url': 'sim://',
            **dict(self.setting.options),
        }
        for key, value in options.items():
            section, _, name = key.partition('.')
            sections.setdefault(section, {})[name] = value
        lines = ['[DEFAULT]', 'transport_url = fake:/']
        for section, found in sections.items():
            lines.append(f'[{section}]')
            lines += [f'{name} = {value}' for name, value in found.items()]
        for name, place in self.places.items():
            lines.append(f'[{name}]')
            lines.append(
                place.section.format(
                    directory=self._directory, lists=self.setting.lists
                )
            )
        lines.append('[login]')
        login = keystone.login(f'http://{NET}203:5000')
        lines += [f'{name} = {value}' for name, value in login.items()]
        key = self._directory / 'key'
        if not key.exists():
            key.touch(0o600)
            key.write_text(webhook.SECRET)
        path = self._directory / 'steal-migrator.conf'
        path.write_text('\n'.join(lines))
        insecure = 'insecure-skip-tls-verify: true'
        (self._directory / 'kubeconfig').write_text(
            kubeconfig(
                f'http://{NET}201:6443', f'token: {kubernetes.TOKEN}', insecure
            )
        )
        return str(path)

    @functools.cached_property
    def conf(self) -> Any:
        """The configuration, which every process finds in the same file."""
        return load.load([f'--config-file={self._conf_file}'], 'simulation')


class Process:
    """One steal-migrator; when it dies another one begins in its place."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self._world = world
        self._skew = world.setting.skew if name == 'b' else 0
        #: It is in its tick.
        self.ticks = False
        #: It stood still in its tick, and may not know what happened.
        self.stood_still = False
        #: Nothing has come of the effect yet before which it stood still.
        self.excused = False
        #: It stands still now: its heart does not beat.
        self.stands_still = False
        self._begin()

    def _begin(self) -> None:
        """A new process: nothing is remembered."""
        before, self._world.running = self._world.running, self
        built = build.build(self._world.conf)
        self._leader = built.leader
        self.migrator = Migrator(built)
        self._world.running = before

    def die(self) -> None:
        self._world.counts['died'] += 1
        self._world.store.end(self)
        self.stands_still = False
        self._begin()

    @property
    def leads(self) -> bool:
        return self._leader.left > 0

    def beat(self) -> None:
        """Renew the lease."""
        if not self.stands_still:
            self._leader.renew()

    def tick(self) -> None:
        world = self._world
        before, world.running = world.running, self
        self.ticks, self.stood_still = True, False
        clock, skew = world.clock, world.clock.skew
        clock.skew = self._skew
        try:
            with dying(world.dies_at_line):
                world.dies_at_line = None
                self.migrator.tick(world.clock.now + self._skew)
        except Crash:
            world.running = before
            self.die()
        except StealError:
            # It is logged, and the next tick comes.
            pass
        except Exception as error:
            world.violations.append(f'a tick raised {error!r}')
        finally:
            world.running, self.ticks = before, False
            clock.skew = skew


class Source:
    """The signals: hosts share their cores out evenly."""

    #: Seconds for which the past is kept; it was as it is.
    KEPT = 1200

    def __init__(self, world: World) -> None:
        self._world = world

    def read(self, now: float) -> Signals:
        at = self._world.measured_at
        return self._asked(now if at is None else at)

    def read_past(self, at: float, seconds: float) -> Signals:
        if at < self._world.clock.now - self.KEPT:
            raise SignalError('not kept')
        return self._asked(at)

    def _asked(self, at: float) -> Signals:
        world = self._world
        try:
            world.edge.call('signals', lambda: None)
        except Exception as error:
            raise SignalError('no answer') from error
        here: dict[str, dict[str, float]] = {host: {} for host in HOSTS}
        for server_id, found in world.nova.servers.items():
            if found.host and found.status in ('ACTIVE', 'MIGRATING'):
                asked = world.demand.get(server_id, 0.1)
                here[found.host][server_id] = asked
        servers = {}
        for host, asking in here.items():
            # Who runs waits a little, always.
            got = min(0.998, CORES / max(sum(asking.values()), 0.1))
            for server_id, demand in asking.items():
                servers[server_id] = ServerSignal(
                    server_id, host, demand * got, demand * (1 - got), at
                )
        hosts = {name: HostSignal(name, CORES, at) for name in HOSTS}
        return Signals(servers, hosts, at, window=WINDOW)


class Store:
    """What the lock store keeps: who holds the lock, and for how long.

    A kernel keeps it as long as its process lives (``file``); etcd and redis
    as long as its lease goes on, and redis may forget it.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.owner: Lock | None = None
        self.expires = 0.0
        #: It does not answer.
        self.down = False
        self.number = 0

    def lose(self) -> None:
        if self._world.setting.store == 'redis':
            self.owner = None

    def end(self, process: 'Process') -> None:
        """The process dies."""
        kept = self._world.setting.store != 'file'
        if self.owner and self.owner.process is process and not kept:
            self.owner = None

    def connect(self, url: str, seconds: float) -> 'Lock':
        self.answer()
        return Lock(self, self._world, seconds)

    def answer(self) -> None:
        if self.down and self._world.setting.store != 'file':
            raise store_errors.StoreError('no answer')


class Lock(lock_store.LockStore):
    """One process' door to the store."""

    def __init__(self, store: Store, world: World, seconds: float) -> None:
        self._store = store
        self._world = world
        self._setting = world.setting
        self._clock = world.clock
        self._seconds = seconds
        self.process = world.running
        self.forgets = self._setting.store == 'redis'  # type: ignore[misc]

    def acquire(self) -> bool:
        store = self._store
        store.answer()
        if store.owner is None or self._has_expired or self._setting.apart:
            store.owner, store.expires = self, 0.0
        return self.renew()

    def renew(self) -> bool:
        store = self._store
        store.answer()
        if self._setting.apart:
            return True
        if store.owner is not self or self._has_expired:
            return False
        store.expires = self._clock.monotonic + self._seconds
        return True

    def next_number(self, now: float) -> int:
        self.had_leader = self._store.number > 0
        # A new leader remembers nothing.
        self._world.nova.told = set()
        self._store.number = max(int(now), self._store.number + 1)
        return self._store.number

    def close(self) -> None:
        if self._store.owner is self and not self._store.down:
            self._store.owner = None

    @property
    def _has_expired(self) -> bool:
        store = self._store
        return (
            self._setting.store != 'file'
            and self._clock.monotonic >= store.expires > 0
        )


class Heart:
    """Stands for the thread that renews a lease: see ``World.sleep``."""

    def __init__(self, target: Any, args: Any, daemon: bool) -> None:
        self._end = lambda: target(*args)

    def start(self) -> None:
        """It beats as time passes."""

    def join(self, timeout: float) -> None:
        self._end()


class Bus:
    """oslo.messaging's client, and nova-scheduler at its other end."""

    def __init__(self, world: World) -> None:
        self._world = world

    def cast(self, context: Any, method: str, view: Any) -> None:
        def act() -> None:
            self._world.nova.view = view_format.decode(view)

        try:
            self._world.edge.call('bus', act)
        except Exception as error:
            raise oslo_messaging.MessagingException('down') from error


def dispatcher(*parts: Any) -> Dispatcher:
    """The real one, whose calls are made when they are asked for."""
    return Dispatcher(*parts, worker=fakes.Serial)


def _nobody(conf: Any, url: Any = None) -> None:
    """Stand for a transport."""


def _nothing(world: World, what: str) -> Iterator[str]:
    yield from ()
