"""One run of somebody's program: bounded in time, output and relatives."""

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import IO

from steal_scheduler.edge.text import last_line
from steal_scheduler.exception import OrchestratorError, told_as

#: Bytes. What prints more is out of its mind, and must not fill a disk.
MOST_OUTPUT = 1024 * 1024
#: Seconds between two looks at how much it has printed.
LOOK = 0.05
#: Seconds for the kernel to end what was killed.
LAST_BREATH = 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    #: As of a shell; less than 0 for the signal that ended it.
    status: int
    output: str
    #: Where they were kept apart; else they are in its output.
    errors: str

    @property
    def how(self) -> str:
        if self.status >= 0:
            return f'status {self.status}'
        name = signal.strsignal(-self.status)
        return f'ended by signal {-self.status} ({name})'

    @property
    def last_line(self) -> str:
        """Fit for a terminal: that of its errors, if there are any."""
        return last_line(self.errors.strip() or self.output)


def run(
    command: Sequence[str],
    environment: Mapping[str, bytes],
    timeout: float,
    *,
    apart: bool = False,
) -> Result:
    """Run it, and nothing that it has begun is left if it does not end.

    :param timeout: seconds
    :param apart: keep its errors apart from its output
    :raises OrchestratorError: it cannot be begun, does not end, or prints
        more than MOST_OUTPUT
    """
    # Files, not pipes: whom it leaves behind would keep those open, or be
    # killed by them.
    with (
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        # A child gets the mask of the thread that begins it.
        mask = signal.pthread_sigmask(signal.SIG_SETMASK, ())
        try:
            with told_as('cannot be run: '):
                process = subprocess.Popen(
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors if apart else subprocess.STDOUT,
                    cwd='/',
                    umask=0o022,
                    start_new_session=True,
                )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        try:
            status = _wait(process, (output, errors), timeout)
        finally:
            if process.returncode is None:
                _kill(process)
        return Result(status, _text(output), _text(errors))


def _wait(
    process: subprocess.Popen[bytes],
    files: Sequence[IO[bytes]],
    timeout: float,
) -> int:
    until = time.monotonic() + timeout
    status: int | None = None
    while status is None:
        left = until - time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(max(min(left, LOOK), 0))
        if any(os.fstat(f.fileno()).st_size > MOST_OUTPUT for f in files):
            raise OrchestratorError(
                f'printed more than {MOST_OUTPUT >> 20} MiB'
            )
        if status is None and left <= 0:
            raise OrchestratorError(f'did not end in {timeout:g} s')
    return status


def _kill(process: subprocess.Popen[bytes]) -> None:
    """It and its session: also what has a group of its own by now.

    Only who begins a session of his own escapes, and he means to.
    """
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    until = time.monotonic() + LAST_BREATH
    while members := _session(process.pid):
        for member in members:
            with contextlib.suppress(OSError):
                os.kill(member, signal.SIGKILL)
        # What the kernel does not let go of holds nobody up here.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK)
        if time.monotonic() > until:
            break
    process.poll()


def _session(leader: int) -> list[int]:
    """Process ids in the session of this leader that are alive."""
    found = []
    for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
        with contextlib.suppress(OSError):
            # After the name, which may hold anything: state, parent, group,
            # session.
            fields = path.read_text('latin-1').rpartition(')')[2].split()
            if fields[0] not in 'ZX' and int(fields[3]) == leader:
                found.append(int(path.parent.name))
    return found


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(MOST_OUTPUT).decode(errors='replace')
