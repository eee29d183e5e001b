"""Migrators in processes of their own, as the test sees them."""

import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: Until the server has imported everything.
_START_SECONDS = 120.0
#: Until a fork of it has begun to live.
_BIRTH_SECONDS = 30.0
_ROOT = pathlib.Path(__file__).parents[2]


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
                    *('-m', 'tests.integration.victim'),
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
    ) -> Life:
        """Bring one to life.

        :param points: fields of ``victim.Point``
        """
        log = self._directory / f'life-{next(self._numbers)}.log'
        request = {
            'socket': str(self._directory / 'socket'),
            'config_file': str(config_file),
            'points': list(points),
            'log': str(log),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + '\n')
        self._process.stdin.flush()
        connected, _ = self._listener.accept()
        return Life(connected, log)
