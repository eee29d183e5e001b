"""The program itself, over processes that look like QEMU to it."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

import fixtures
from oslotest import base

from tests.samples import scrape
from tests.unit.exporter import guest

PROGRAM = (
    'import sys; from steal_scheduler.cmd import exporter; '
    'sys.exit(exporter.main())'
)


def schedstat(pid: int, comm: str = 'CPU 0/KVM') -> list[float]:
    """Seconds that its only vCPU, or another thread, ran and waited."""
    for task in Path(f'/proc/{pid}/task').iterdir():
        if (task / 'comm').read_text() == f'{comm}\n':
            words = (task / 'schedstat').read_text().split()
            return [int(word) / 1e9 for word in words[:2]]
    raise AssertionError(f'it has no {comm}')


class TestExporter(base.BaseTestCase):
    def start(
        self, *lines: str, arguments: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        path = Path(self.useFixture(fixtures.TempDir()).path) / 'x.conf'
        text = '\n'.join(['[exporter]', 'listen_port = 0', *lines])
        path.write_text(text)
        process = subprocess.Popen(
            [
                *(sys.executable, '-c', PROGRAM),
                f'--config-file={path}',
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        # Whatever it does, no test waits for it longer than that.
        timer = threading.Timer(300, process.kill)
        timer.start()
        self.addCleanup(timer.cancel)
        return process

    def port(self, process: subprocess.Popen[str]) -> int:
        for line in process.stdout:
            if found := re.search(r'serves metrics on .*, port (\d+)', line):
                return int(found[1])
        raise AssertionError('it does not listen')

    def guest(self, uuid: str, domain: str) -> subprocess.Popen[bytes]:
        core = max(os.sched_getaffinity(0))
        process = guest.start(uuid, domain, busy=True, cores=[core])
        self.addCleanup(guest.stop, process)
        return process

    def until(
        self, port: int, met: Callable[[dict[tuple[str, str], float]], bool]
    ) -> dict[tuple[str, str], float]:
        """The first scrape that meets a condition."""
        until = time.monotonic() + 120
        waiting = threading.Event()
        while time.monotonic() < until:
            found = scrape(port)
            if met(found):
                return found
            waiting.wait(0.1)
        raise AssertionError('what is scraped does not become so')

    def test_two_that_share_a_core(self) -> None:
        """No more than the kernel counted, and in the end no less.

        The scrape shows the last sample, which a busy machine takes late.
        """
        # Not the same ones as in another run on this machine.
        names = {str(uuid4()): f'instance-{i}' for i in range(2)}
        servers = {u: self.guest(u, name) for u, name in names.items()}

        def kernel() -> dict[tuple[str, str], float]:
            return {
                (f'steal_exporter_server_{name}_seconds_total', uuid): seconds
                for uuid, server in servers.items()
                for name, seconds in zip(
                    ('run', 'wait'), schedstat(server.pid), strict=True
                )
            }

        begun = kernel()
        exporter = self.start()
        port = self.port(exporter)
        before = self.until(
            port,
            lambda found: all(
                found.get(('steal_exporter_server_seconds_total', uuid))
                for uuid in servers
            ),
        )
        seen = kernel()
        self.until(
            port, lambda _: all(kernel()[k] > seen[k] + 0.5 for k in seen)
        )
        enough = kernel()
        after = self.until(
            port,
            lambda found: (
                all(
                    found[key] - before[key] >= enough[key] - seen[key]
                    for key in seen
                )
                and all(
                    found['steal_exporter_server_bad_seconds_total', uuid] > 0
                    for uuid in servers
                )
            ),
        )
        now = kernel()
        for key in now:
            self.assertLessEqual(
                after[key] - before[key], now[key] - begun[key] + 1e-6, key
            )
        self.assertLessEqual(2, after['steal_exporter_servers', ''])
        total = sum(
            value
            for (name, _), value in after.items()
            if name == 'steal_exporter_server_wait_seconds_total'
        )
        # Also of those that are gone.
        self.assertLessEqual(
            total, after['steal_exporter_host_wait_seconds_total', ''] + 1e-6
        )
        exporter.send_signal(signal.SIGTERM)
        self.assertEqual(0, exporter.wait(60))

    def test_a_thread_that_is_no_vcpu(self) -> None:
        """Two IO threads share a core, and the vCPU of neither wants any."""
        core = max(os.sched_getaffinity(0))
        names = [str(uuid4()) for _ in range(2)]
        pids = {}
        for uuid in names:
            process = guest.start(
                *(uuid, 'instance'),
                cores=[core],
                others=['IO iothread1'],
                busy_others=True,
            )
            self.addCleanup(guest.stop, process)
            pids[uuid] = process.pid
        begun = {u: schedstat(pid, 'IO iothread1') for u, pid in pids.items()}
        port = self.port(self.start())
        thread = 'steal_exporter_server_thread_{}_seconds_total'.format

        def waited(found: dict[tuple[str, str], float]) -> bool:
            return all(
                found.get((thread(what), f'{uuid}/io'), 0.0) > 0.5
                for uuid in names
                for what in ('run', 'wait')
            )

        found = self.until(port, waited)
        for uuid, pid in pids.items():
            now = schedstat(pid, 'IO iothread1')
            for n, what in enumerate(('run', 'wait')):
                told = found[thread(what), f'{uuid}/io']
                self.assertLessEqual(told, now[n] - begun[uuid][n] + 1e-6)
                self.assertEqual(0.0, found[thread(what), f'{uuid}/vhost'])
            bad = found['steal_exporter_server_bad_seconds_total', uuid]
            self.assertEqual(0.0, bad)

    def test_what_is_wrong_is_said(self) -> None:
        for line, word in (
            ('cores = 0-60000', "[exporter] cores = '0-60000': cores that"),
            ('proc_path = /nowhere', '/nowhere/1 does not exist'),
            ('listen_host = 192.0.2.1', 'cannot listen there'),
            ('[DEFAULT]\ndebug = maybe', '[DEFAULT] debug: Invalid Boolean'),
            ('[DEFAULT]\nlog_file = /no/x', "log_file = '/no/x'"),
            ('[DEFAULT]\nlog_config_append = /no', 'Error loading logging'),
        ):
            exporter = self.start(line)
            self.assertEqual(os.EX_CONFIG, exporter.wait(30))
            said = exporter.stderr.read()
            # One line for a person, and no traceback.
            self.assertTrue(said.startswith('steal-exporter: '), said)
            self.assertEqual(1, said.count('\n'), said)
            self.assertIn(word, said)

    def test_a_mistake_in_a_name(self) -> None:
        exporter = self.start('wait_limits = 10', '[DEFAULT]', 'debug = False')
        first = exporter.stdout.readline()
        self.assertIn(' WARNING ', first)
        self.assertIn('Did you mean wait_limit?', first)
        # It does its work all the same.
        self.port(exporter)

    def test_a_port_that_another_program_has(self) -> None:
        """It may end: this one is worth another try."""
        with socket.socket() as other:
            other.bind(('127.0.0.1', 0))
            other.listen()
            port = other.getsockname()[1]
            # Of two lines the last one counts.
            exporter = self.start(
                'listen_host = 127.0.0.1', f'listen_port = {port}'
            )
            self.assertEqual(1, exporter.wait(30))
        self.assertIn('no other program', exporter.stderr.read())

    def test_a_wrong_argument(self) -> None:
        exporter = self.start(arguments=['--no-such'])
        self.assertEqual(2, exporter.wait(30))
        self.assertIn('--no-such', exporter.stderr.read())
