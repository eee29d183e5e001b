"""Real daemons on loopback, what their tests share, and Prometheus."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, Self, TypeVar

import fixtures
import requests
from oslotest import base
from testtools import content

from tests.shared import PATIENCE

T = TypeVar('T')


class TestCase(base.BaseTestCase):
    """What the tests with real daemons share."""

    def directory(self) -> pathlib.Path:
        """Return a new directory that goes with the test."""
        return pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def keep(self, log: pathlib.Path) -> None:
        keep(self, log)


def keep(test: base.BaseTestCase, log: pathlib.Path) -> None:
    """Show a log if the test fails; its directory will be gone."""

    def attach(exc_info: Any) -> None:
        text = log.read_text(errors='replace') if log.exists() else ''
        test.addDetail(log.name, content.text_content(text[-20_000:]))

    test.addOnException(attach)


#: Before the command line of what ends with the test's process, however that
#: ends, and so does all that it has started. Only root can do that, and only
#: SIGKILL stops it.
#: NOTE: to the kernel, the thread that starts it is its parent.
CONTAINED = (
    *('setpriv', '--pdeathsig', 'KILL'),
    *('unshare', '--fork', '--kill-child', '--pid'),
)


class DaemonError(Exception):
    """A daemon is missing, did not start or did not stop."""


def missing(name: str) -> DaemonError:
    """Say that a program is not installed, and how to get it.

    Not a skip: tests that do not run prove nothing, and nobody reads why
    they did not.
    """
    return DaemonError(
        f'{name} is not installed. On Debian and Ubuntu: apt-get install '
        'gcc iproute2 libvirt-clients libvirt-daemon '
        'libvirt-daemon-driver-qemu mariadb-client-core mariadb-server-core '
        'openssl prometheus qemu-system-x86 qemu-utils rabbitmq-server '
        'redis-server util-linux'
    )


def program(name: str) -> str:
    """Return the path of a program.

    :raises DaemonError: it is not installed
    """
    path = shutil.which(name, path=f'{os.environ["PATH"]}:/usr/sbin:/sbin')
    if path is None:
        raise missing(name)
    return path


def free_port() -> int:
    """Return a loopback TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def until(
    what: str,
    condition: Callable[[], T],
    within: float = PATIENCE,
    failing: tuple[type[Exception], ...] = (),
    hopeless: Callable[[], bool] = lambda: False,
) -> T:
    """Ask again and again until the condition returns something true.

    :param within: seconds
    :param failing: what the condition may raise, meaning: not yet
    :param hopeless: asking on would be no use
    :raises DaemonError: it did not in time
    """
    begun = time.monotonic()
    pause = threading.Event()
    while True:
        try:
            if last := condition():
                return last
            seen = repr(last)
        except failing as e:
            seen = repr(e)
        took = time.monotonic() - begun
        if hopeless() or took > within:
            raise DaemonError(
                f'{what}: not within {took:.1f} seconds; last seen: {seen}'
            )
        pause.wait(0.1)


class Daemon:
    """One program, started and stopped as often as a test likes."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        directory: pathlib.Path,
        ready: Callable[[], bool],
        environ: Mapping[str, str] | None = None,
        *,
        contained: bool = False,
    ) -> None:
        """Describe it; start nothing.

        :param directory: its working directory, and that of its log
        :param ready: tells whether it is fit for use; may raise OSError
        :param environ: to be added to ours
        :param contained: see ``CONTAINED``
        """
        self.name = name
        self.log = directory / f'{name}.log'
        self._argv = [*CONTAINED, *argv] if contained else argv
        self._end = signal.SIGKILL if contained else signal.SIGTERM
        self._directory = directory
        self._ready = ready
        self._environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, within: float = PATIENCE) -> None:
        """Start it and return when it is fit for use.

        :raises DaemonError: it is not; the message ends with its log
        """
        self.launch()
        self.wait(within)

    def launch(self) -> None:
        """Start it, and do not wait."""
        with self.log.open('ab') as log:
            self._process = self._begin(log)

    def _begin(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        # A group of its own, so that its children end with it and a
        # Ctrl-C in the terminal reaches the test alone.
        return subprocess.Popen(
            self._argv,
            cwd=self._directory,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def wait(self, within: float = PATIENCE) -> None:
        """Return when it is fit for use.

        :raises DaemonError: it is not; the message ends with its log
        """
        try:
            until(
                f'{self.name} is ready',
                self._ready,
                within,
                failing=(OSError,),
                hopeless=lambda: self.has_ended,
            )
        except BaseException as e:
            self.stop(signal.SIGKILL)
            raise DaemonError(f'{e}\n{self.said()}') from e

    def stop(self, how: int = 0, within: float = 30) -> None:
        """End it, and whatever it left behind.

        :param how: a signal; SIGTERM, or SIGKILL if it is contained
        """
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how or self._end)
        try:
            process.wait(within)
        except subprocess.TimeoutExpired as e:
            raise DaemonError(
                f'{self.name} did not stop within {within} seconds\n'
                f'{self.said()}'
            ) from e
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def send(self, number: int) -> None:
        """Send it a signal; nothing, if it does not run."""
        if self._process is not None:
            self._process.send_signal(number)

    @property
    def pid(self) -> int:
        """Return its process id.

        :raises DaemonError: it does not run
        """
        if self._process is None:
            raise DaemonError(f'{self.name} does not run')
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it runs no longer, though nobody stopped it."""
        return self._process is not None and self._process.poll() is not None

    def said(self) -> str:
        """Return the end of its log."""
        text = self.log.read_text(errors='replace')
        return f'The end of {self.log}:\n{text[-5000:]}'


class Parts:
    """What has several parts; they run from entering to leaving."""

    def begin(self, stack: contextlib.ExitStack) -> None:
        """Start them, and have the stack stop each that was started."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.begin(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()


class Prometheus(Parts):
    """It scrapes every second, and keeps what it knows over a restart."""

    def __init__(
        self,
        directory: pathlib.Path,
        web: dict[str, Any] | None = None,
        cafile: str | None = None,
    ) -> None:
        """Describe it; start nothing.

        :param web: its web configuration: certificates, users
        :param cafile: what vouches for its certificate, if it has one
        """
        self._directory = directory
        port = free_port()
        self.url = f'http{"s" if cafile else ""}://127.0.0.1:{port}'
        self._cafile = cafile
        self._targets: list[dict[str, Any]] = []
        for name, config in ('web.yml', web or {}), ('prometheus.yml', {}):
            self._write(name, config)
        self.daemon = Daemon(
            'prometheus',
            [
                program('prometheus'),
                f'--config.file={directory}/prometheus.yml',
                f'--web.config.file={directory}/web.yml',
                f'--web.listen-address=127.0.0.1:{port}',
                f'--storage.tsdb.path={directory}/data',
            ],
            directory,
            self._ready,
        )

    def scrape(self, port: int, **labels: str) -> None:
        """Add a target; before it is started.

        :param labels: of its own, where its page has none of that name
        """
        self._targets.append(
            {'targets': [f'127.0.0.1:{port}'], 'labels': labels}
        )

    def begin(self, stack: contextlib.ExitStack) -> None:
        stack.callback(self.stop)
        self.start()

    def start(self) -> None:
        self._write(
            'prometheus.yml',
            {
                'global': {'scrape_interval': '1s', 'scrape_timeout': '1s'},
                'scrape_configs': [
                    {
                        'job_name': 'test',
                        'honor_labels': True,
                        'static_configs': self._targets,
                    }
                ],
            },
        )
        self.daemon.start()

    def stop(self) -> None:
        self.daemon.stop()

    def _write(self, name: str, config: dict[str, Any]) -> None:
        # JSON is YAML too.
        (self._directory / name).write_text(json.dumps(config))

    def _ready(self) -> bool:
        # NOTE: with users configured it answers 401, and is up all the same.
        response = requests.get(
            f'{self.url}/-/ready', timeout=5, verify=self._cafile
        )
        return response.status_code in (200, 401)
