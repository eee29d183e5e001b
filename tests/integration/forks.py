"""Programs as forks of a process that has imported what they need.

To import Nova takes seconds of a core, and it is there once for all of them.
Each is a process and a session of its own all the same, and can be killed.

This module is the program that forks, too. Its arguments are the modules that
it imports; it reads a request a line from its input, as JSON.
"""

import contextlib
import gc
import importlib
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from tests.integration import daemons

_ROOT = pathlib.Path(__file__).parents[2]


# -- as the test sees them ---------------------------------------------------


class Parent(daemons.Parts):
    """What forks; its forks end with it, and it ends with the test."""

    def __init__(
        self,
        directory: pathlib.Path,
        modules: Sequence[str],
        environ: Mapping[str, str],
    ) -> None:
        """Describe it; start nothing.

        :param modules: to be imported, in this order
        :param environ: to be added to ours
        """
        self._directory = directory
        self._argv = [
            *daemons.CONTAINED,
            *(sys.executable, '-W', 'ignore', '-m', __name__),
            *modules,
        ]
        self._environ = {**os.environ, 'PYTHONPATH': str(_ROOT), **environ}
        self._lock = threading.Lock()

    def begin(self, stack: contextlib.ExitStack) -> None:
        """Start it; it imports, which nobody waits for here."""
        self._process = subprocess.Popen(
            self._argv,
            cwd=self._directory,
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        stack.callback(self._process.communicate)
        stack.callback(self._process.kill)

    def daemon(
        self, name: str, ready: Callable[[], bool], module: str, *argv: str
    ) -> 'Fork':
        """Describe a fork that calls ``main`` of a module, with a new argv."""
        return Fork(self, name, [module, *argv], self._directory, ready)

    def fork(self, argv: Sequence[str], log: pathlib.Path) -> int:
        """The process id of a new fork.

        :raises DaemonError: it cannot fork
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            request = {'argv': argv, 'log': str(log)}
            stdin.write(json.dumps(request).encode() + b'\n')
            stdin.flush()
            answer = stdout.readline()
        if not answer:
            raise daemons.DaemonError(f'{self._argv} has ended')
        return int(answer)


class Fork(daemons.Daemon):
    """A fork, started and stopped as often as a test likes."""

    def __init__(self, parent: Parent, *args: Any) -> None:
        super().__init__(*args)
        self._parent = parent
        self._end = signal.SIGKILL

    def _begin(self, log: IO[bytes]) -> Any:
        return _Process(self._parent.fork(self._argv, self.log))


class _Process:
    """What `subprocess.Popen` offers, of a process that is not our child."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd = os.pidfd_open(pid)
        weakref.finalize(self, os.close, self._fd)

    def poll(self) -> int | None:
        """None while it runs; how it ended is not known."""
        return 0 if self._has_ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        if not self._has_ended(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return 0

    def send_signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, number)

    def _has_ended(self, seconds: float | None) -> bool:
        return bool(select.select([self._fd], [], [], seconds)[0])


# -- the program -------------------------------------------------------------


def _live(argv: list[str], log: str) -> int:
    """Be another program, in a process that nothing else is done in.

    :returns: its exit status
    """
    os.setsid()
    # Its number out here: what the test sees is not our namespace.
    number = os.readlink('/proc/self')
    os.write(1, f'{number}\n'.encode())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # Whatever has been imported may have turned it off.
    gc.enable()
    for target, path, how in (
        (0, '/dev/null', os.O_RDONLY),
        (1, log, os.O_WRONLY | os.O_APPEND | os.O_CREAT),
    ):
        file = os.open(path, how)
        os.dup2(file, target)
        os.close(file)
    os.dup2(1, 2)
    sys.argv = argv
    return importlib.import_module(argv[0]).main() or 0


def main() -> None:
    """Fork for each line of the input, until it ends."""
    for name in sys.argv[1:]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    # The kernel buries the dead.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if os.fork():
            continue
        # NOTE: the stack below is the parent's: nothing of it may run here.
        status = 1
        try:
            status = _live(**json.loads(line))
        finally:
            if sys.exception():
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


if __name__ == '__main__':
    main()
