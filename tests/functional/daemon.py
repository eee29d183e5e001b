"""steal-migrator and the other programs, as processes of their own."""

import os
import pathlib
import signal
import subprocess
import sys

from steal_scheduler.demo.deadline import wait_for
from tests.shared import PATIENCE

_BIN = pathlib.Path(sys.executable).parent
#: As an operator's shell has it: nothing of the test's own environment.
_ENVIRON = {
    name: os.environ[name]
    for name in ('PATH', 'HOME', 'LANG')
    if name in os.environ
}


def run(
    program: str, *args: object, seconds: float = PATIENCE
) -> subprocess.CompletedProcess[str]:
    """Run one of our programs to its end."""
    return subprocess.run(
        [_BIN / program, *map(str, args)],
        env=_ENVIRON,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        start_new_session=True,
    )


class Daemon:
    """A steal-migrator: a parent and its worker, in a session of their own."""

    def __init__(self, config_file: pathlib.Path, log: pathlib.Path) -> None:
        self._log = log
        with log.open('a') as output:
            self._process = subprocess.Popen(
                [_BIN / 'steal-migrator', '--config-file', config_file],
                env=_ENVIRON,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log(self) -> str:
        """What it and those before it with the same file have said."""
        return self._log.read_text()

    def wait_log(self, text: str, seconds: float = PATIENCE) -> None:
        wait_for(lambda: text in self.log(), seconds, f'the log to say {text}')

    def worker(self) -> int:
        """The process id of the one worker."""
        # The thread that forks is not the main one.
        threads = pathlib.Path(f'/proc/{self._process.pid}/task')

        def children() -> list[str]:
            files = threads.glob('*/children')
            return [id_ for file in files for id_ in file.read_text().split()]

        return int(wait_for(children, PATIENCE, 'the worker')[0])

    def send(self, number: signal.Signals) -> None:
        """Send it to the parent, as systemd does."""
        self._process.send_signal(number)

    def send_worker(self, number: signal.Signals) -> None:
        os.kill(self.worker(), number)

    def kill(self) -> None:
        """SIGKILL, to all of it at once; also if it has ended already."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait until it has ended; its exit status."""
        return self._process.wait(seconds)
