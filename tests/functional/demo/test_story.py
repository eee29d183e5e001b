"""``steal-manage demo`` as a process: how it ends, and what one can watch."""

import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys

import fixtures
from oslotest import base

from steal_scheduler.demo.deadline import wait_for
from tests.shared import PATIENCE

_BIN = pathlib.Path(sys.executable).parent
#: What only the whole story takes; a busy machine is slow.
_SECONDS = 600.0


class Demo:
    """It runs, and what it prints goes to a file."""

    def __init__(self, directory: pathlib.Path, *args: str) -> None:
        self._output = directory / 'output'
        with self._output.open('w') as output:
            self.process = subprocess.Popen(
                [_BIN / 'steal-manage', 'demo', *args],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def text(self) -> str:
        return self._output.read_text()

    def wait_for(self, text: str) -> None:
        def said() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f'it has ended: {self.text()}')
            return text in self.text()

        wait_for(said, _SECONDS, f'the demo to say {text}')

    def workdir(self) -> pathlib.Path:
        """Where it has its files, as its open ones tell."""
        for link in pathlib.Path(f'/proc/{self.process.pid}/fd').iterdir():
            found = re.match(r'.*/steal-demo-\w+(?=/)', os.readlink(link))
            if found:
                return pathlib.Path(found.group())
        raise AssertionError('it has no file open')

    def any_thread(self) -> int:
        """One that is not the main thread: a signal may go to any."""
        *_, last = sorted(
            map(int, os.listdir(f'/proc/{self.process.pid}/task'))
        )
        return last

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class TestDemo(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        # A shell's background job ignores it, and so would the demo.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

    def demo(self, *args: str) -> Demo:
        directory = self.useFixture(fixtures.TempDir()).path
        demo = Demo(pathlib.Path(directory), *args)
        self.addCleanup(demo.kill)
        return demo

    def ends(self, demo: Demo, *numbers: signal.Signals) -> int:
        """Its exit status; nothing of it is left."""
        workdir = demo.workdir()
        self.assertTrue(workdir.is_dir())
        for number in numbers:
            os.kill(demo.any_thread(), number)
        status = demo.process.wait(PATIENCE)
        self.assertEqual([], [*workdir.parent.glob(f'{workdir.name}*')])
        self.assertNotIn('Traceback', demo.text())
        return status

    def test_signals(self) -> None:
        """While it starts, and while servers move; also impatiently."""
        for text, number in (
            ('Booting', signal.SIGTERM),
            ('Nova moves it', signal.SIGINT),
        ):
            demo = self.demo()
            demo.wait_for(text)
            self.assertEqual(128 + number, self.ends(demo, number, number))

    def test_another_host_gets_hot(self) -> None:
        """By the command that it prints, and it is cured."""
        demo = self.demo('--keep')
        demo.wait_for('unset --property')
        export, set_, unset = (
            re.search(pattern, demo.text()).group(1)
            for pattern in (
                r'export (OS_\S+ OS_\S+)',
                r'(openstack .* set .*)',
                r'(openstack .* unset .*)',
            )
        )
        report, _, _ = demo.text().partition('The cloud and the migrator')
        self.assertNotIn('under way', report)
        env = os.environ | dict(e.split('=') for e in export.split())

        def run(command: str) -> None:
            program, *args = shlex.split(command)
            subprocess.run(
                [_BIN / program, *args], env=env, check=True, timeout=PATIENCE
            )

        run(set_)
        demo.wait_for('tokyo-host3 is hot: steal 14%')
        demo.wait_for('tokyo-host3 is cold again')
        demo.wait_for('tokyo-mail: helped')
        run(unset)
        demo.wait_for('tokyo-build asks for 2 cores of its 12 vCPUs')
        # It is kept until then, so that is no failure.
        self.assertEqual(0, self.ends(demo, signal.SIGTERM))
