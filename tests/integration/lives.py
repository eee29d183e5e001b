"""Migrators that die, stop or stand still at a line of their own code.

Each is the real one, in a process of its own, killed by the kernel: no
``finally`` runs. A server, started once, has imported everything; each life is
a fork of it, for an import takes longer than a life.

The server is this module as a program. It reads a request a line from its
input, as JSON. Each life connects to the socket that the request names, and
there says where it is.
"""

# Before anything of oslo.messaging, as in the program itself.
from steal_scheduler.cmd import threading_backend  # noqa: F401
from tests.samples import sample

# isort: split
import collections
import contextlib
import dataclasses
import http.client
import itertools
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType, FrameType
from typing import Any

import kubernetes.client
import kubernetes.config
import stevedore
from oslo_log import log

import steal_scheduler
from steal_scheduler import startup
from steal_scheduler.conf import load
from steal_scheduler.migrator import build, plugins
from steal_scheduler.migrator.leader import Leader
from steal_scheduler.migrator.service import Migrator
from tests.integration import haste, leases

#: Until the server has imported everything.
_START_SECONDS = 120.0
#: Until a fork of it has begun to live.
_BIRTH_SECONDS = 30.0
#: What is imported only when it is needed, and takes long.
WARM = (kubernetes.client, kubernetes.config, leases)

_ROOT = pathlib.Path(steal_scheduler.__file__).parents[1]
_HERE = f'{_ROOT}/steal_scheduler'
#: Kind of line -> files: what decides about side effects and makes them, what
#: puts a request on the wire (of those that change something), the rest of us.
KINDS = {
    'effect': (
        f'{_HERE}/moves/state_machine.py',
        f'{_HERE}/moves/effects.py',
        f'{_HERE}/orchestrators/',
    ),
    'wire': (str(http.client.__file__),),
    'ours': (_HERE,),
}
_BEGIN_REQUEST = http.client.HTTPConnection.putrequest.__code__

Local = Callable[[FrameType, str, Any], Any]


# -- as the test sees them ---------------------------------------------------


@dataclasses.dataclass
class Life:
    """One migrator: what it says of itself."""

    socket: socket.socket
    log: pathlib.Path
    #: The points that it has reached: what, and where in the code.
    reached: list[str] = dataclasses.field(default_factory=list)
    #: The last thing that it said.
    last: dict[str, Any] = dataclasses.field(default_factory=dict)
    #: It has ended, by itself or not.
    over: bool = False

    def __post_init__(self) -> None:
        self._rest = b''

    def read(self) -> list[dict[str, Any]]:
        """What it has said since; call it when there is something to read."""
        try:
            got = self.socket.recv(65536)
        except ConnectionResetError:
            got = b''
        if not got:
            self.over = True
            self.socket.close()
        *lines, self._rest = (self._rest + got).split(b'\n')
        said = [json.loads(line) for line in lines]
        for each in said:
            self.last = each
            if 'where' in each:
                self.reached.append(f'{each["what"]} at {each["where"]}')
        return said

    @property
    def passes(self) -> pathlib.Path:
        """Where it notes the checks of its lease that passed."""
        return self.log.with_suffix('.passes')

    def order(self, what: str) -> None:
        """Tell one that stands still to ``go``, one that ticks to ``stop``."""
        self.socket.sendall(what.encode() + b'\n')

    def kill(self) -> None:
        """Kill it wherever it is."""
        if self.over:
            return
        if 'pid' in self.last:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.last['pid'], signal.SIGKILL)
        # One that has said nothing yet ends when it wants to.
        self.socket.close()
        self.over = True


class Lives:
    """The server that the lives are forks of; one for all tests."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self._numbers = itertools.count()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Be there; it can fork.

        A life ends when it next wants to say something after that.

        :raises TimeoutError: it takes too long, or has died
        """
        log = self._directory / 'victim.log'
        # NOTE: nothing of Nova is in it: that has threads, and one forks
        # no process that has.
        with (
            log.open('w') as errors,
            socket.socket(socket.AF_UNIX) as self._listener,
            subprocess.Popen(
                [
                    *(sys.executable, '-W', 'ignore'),
                    *('-m', __name__),
                ],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as self._process,
        ):
            self._listener.bind(str(self._directory / 'socket'))
            self._listener.listen()
            self._listener.settimeout(_BIRTH_SECONDS)
            try:
                output = self._process.stdout
                assert output is not None
                ready, _, _ = select.select([output], [], [], _START_SECONDS)
                if not ready or output.readline() != 'ready\n':
                    raise TimeoutError(log.read_text())
                yield
            finally:
                self._process.kill()

    def begin(
        self,
        config_file: pathlib.Path,
        points: Sequence[Mapping[str, Any]] = (),
        *,
        serves: bool = False,
    ) -> Life:
        """Bring one to life.

        :param points: fields of a `Point`
        :param serves: whether it answers requests on its message bus
        """
        log = self._directory / f'life-{next(self._numbers)}.log'
        request = {
            'socket': str(self._directory / 'socket'),
            'config_file': str(config_file),
            'points': list(points),
            'serves': serves,
            'log': str(log),
            'passes': str(log.with_suffix('.passes')),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + '\n')
        self._process.stdin.flush()
        connected, _ = self._listener.accept()
        return Life(connected, log)


# -- the program -------------------------------------------------------------


@dataclasses.dataclass
class Point:
    """Something happens at the line of this number."""

    line: int
    #: Which lines count.
    kind: str
    #: ``kill``; ``stop`` after this tick; ``hold`` until told to go on; or
    #: ``lose`` the lock without noticing, and hold.
    what: str


class Tracer:
    """Counts lines as they are executed, in the thread that ticks."""

    def __init__(
        self, points: list[Point], reached: Callable[[Point, str], None]
    ) -> None:
        """:param reached: told the point, and where in the code it is"""
        self.lines: collections.Counter[str] = collections.Counter()
        self.points = points
        self.stands_by = True
        self._reached = reached
        self._known: dict[CodeType, Local | None] = {}
        #: The last request changes something.
        self._changes = False
        self._locals = {kind: self._counts(kind) for kind in KINDS}

    def start(self) -> None:
        sys.settrace(self._called)

    def _called(self, frame: FrameType, event: str, arg: Any) -> Local | None:
        code = frame.f_code
        if code is _BEGIN_REQUEST:
            self._changes = frame.f_locals['method'] != 'GET'
        if code not in self._known:
            kinds = [
                kind
                for kind, names in KINDS.items()
                if code.co_filename.startswith(names)
            ]
            self._known[code] = self._locals[kinds[0]] if kinds else None
        return self._known[code]

    def _counts(self, kind: str) -> Local:
        lines = self.lines

        def count(frame: FrameType, event: str, arg: Any) -> Local:
            counts = not self.stands_by and (kind != 'wire' or self._changes)
            if event == 'line' and counts:
                lines[kind] += 1
                for point in self.points:
                    if point.kind == kind and point.line <= lines[kind]:
                        self.points.remove(point)
                        self._reached(point, _where(frame))
                        break
            return count

        return count


def _where(frame: FrameType) -> str:
    file = pathlib.Path(frame.f_code.co_filename)
    return (
        f'{file.parent.name}/{file.name}:{frame.f_lineno} '
        f'({frame.f_code.co_name})'
    )


class Victim:
    """One migrator, from its fork to its end."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(request['socket'])
        self._orders = self._socket.makefile('r')
        self._config_file = request['config_file']
        self._serves = request['serves']
        self._passes = pathlib.Path(request['passes'])
        self._passes.touch()
        points = [Point(**fields) for fields in request['points']]
        self._tracer = Tracer(points, self._reached)
        self._built: build.Components | None = None
        self._stops = False

    def live(self) -> None:
        """Tick until it is told to stop."""
        argv = [f'--config-file={self._config_file}']
        conf = load.load(argv, 'steal-migrator')
        log.setup(conf, startup.PROJECT)
        self._built = built = build.build(conf)
        self._watch(built.leader)
        migrator = Migrator(built)
        if self._serves:
            built.leader_server.start()
        # To count costs a third of the time.
        if self._tracer.points:
            self._tracer.start()
        while not self._stops:
            before = sample(built.metrics, 'ticks_total')
            migrator.guarded_tick(time.time())
            self._say(
                'tick',
                moves={s: m.stage for s, m in migrator.moves.items()},
                good=sample(built.metrics, 'ticks_total') > before,
                leads=sample(built.metrics, 'leader') == 1,
                begins=not built.leader.handover,
            )
            told, _, _ = select.select(
                [self._socket], [], [], migrator.pause()
            )
            # Nothing is said to one that ticks, but to stop.
            self._stops = self._stops or bool(told)
        sys.settrace(None)
        built.leader.release()
        if self._serves:
            built.leader_server.stop()
        self._say('end')

    def _watch(self, leader: Leader) -> None:
        """Note checks that pass; and lines of a standby do not count."""
        acquire, check = leader.acquire, leader.check_held

        def acquired() -> bool:
            leads = acquire()
            self._tracer.stands_by = not leads
            return leads

        def checked(seconds: float = 0.0) -> None:
            begun = leases.now()
            check(seconds)
            passed = leases.Pass(leader.number, begun, leases.now(), seconds)
            # At once and in one piece: orchestrators' threads check as well.
            with self._passes.open('ab', buffering=0) as file:
                leases.write_pass(file, passed)

        vars(leader).update(acquire=acquired, check_held=checked)

    def _reached(self, point: Point, where: str) -> None:
        self._say(point.what, where=where)
        if point.what == 'kill':
            os.kill(os.getpid(), signal.SIGKILL)
        self._stops = self._stops or point.what == 'stop'
        if point.what == 'lose' and self._built is not None:
            # As when the lock's server has given it to another one.
            self._built.leader.release()
        if point.what in ('hold', 'lose') and not self._orders.readline():
            raise ConnectionError('the test is gone')

    def _say(self, what: str, **about: Any) -> None:
        about |= {
            'what': what,
            'pid': os.getpid(),
            'lines': self._tracer.lines,
        }
        self._socket.sendall(json.dumps(about).encode() + b'\n')


def serve() -> None:
    """Fork a life for each line of the input, until it ends."""
    haste.hurry()
    for namespace in (plugins.SIGNALS, plugins.ORCHESTRATORS):
        stevedore.ExtensionManager(namespace)
    # The kernel buries the dead.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print('ready', flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if os.fork():
            continue
        # Children of its own are the life's to wait for.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with pathlib.Path(request['log']).open('a') as log_file:
            os.dup2(log_file.fileno(), 1)
            os.dup2(log_file.fileno(), 2)
        try:
            Victim(request).live()
        finally:
            if sys.exception():
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(0)


if __name__ == '__main__':
    serve()
