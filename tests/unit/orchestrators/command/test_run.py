import os
import pathlib
import signal
import tempfile
import time

import fixtures
from oslotest import base

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.command import run
from steal_scheduler.orchestrators.command.run import MOST_OUTPUT, Result
from tests.shared import PATIENCE


class RunTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path = self.directory / 'script'

    def run_it(
        self,
        script: str,
        timeout: float = 20,
        shell: str = '/bin/sh',
        apart: bool = False,
        **env: str,
    ) -> Result:
        self.path.write_text(f'#!{shell}\n{script}\n')
        self.path.chmod(0o755)
        environment = {name: text.encode() for name, text in env.items()}
        return run.run([str(self.path)], environment, timeout, apart=apart)

    def assert_dead(self, name: str = 'pid') -> None:
        """Killed. Until init has reaped it, it is a zombie."""
        stat = f'/proc/{(self.directory / name).read_text().strip()}/stat'
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                with open(stat) as file:
                    if file.read().rpartition(')')[2].split()[0] == 'Z':
                        return
            except (FileNotFoundError, ProcessLookupError):
                return
        self.fail('it lives on')


class TestResult(RunTest):
    def test_status_and_output(self) -> None:
        script = 'echo out; echo err >&2; exit 3'
        self.assertEqual(Result(3, 'out\nerr\n', ''), self.run_it(script))
        self.assertEqual(
            Result(3, 'out\n', 'err\n'), self.run_it(script, apart=True)
        )
        self.assertEqual('status 3', self.run_it(script).how)

    def test_a_signal(self) -> None:
        for number, name in ((9, 'Killed'), (15, 'Terminated'), (42, 'Real')):
            result = self.run_it(f'kill -{number} $$')
            self.assertIn(f'ended by signal {number} ({name}', result.how)

    def test_last_line(self) -> None:
        for printed, expected in (
            ('', ''),
            ('one\\n two \\n\\n', 'two'),
            ('ok \\033]0;owned\\007 \\033[2Jx', 'ok ?]0;owned? ?[2Jx'),
            ('a\\rb', 'b'),
            ('rtl \\342\\200\\256abc', 'rtl ?abc'),
            ('bad \\377', 'bad \N{REPLACEMENT CHARACTER}'),
        ):
            result = self.run_it(f"printf '{printed}'")
            self.assertEqual(expected, result.last_line, printed)

    def test_its_errors_say_more_than_its_output(self) -> None:
        script = 'echo no >&2; echo yes'
        self.assertEqual('yes', self.run_it(script).last_line)
        self.assertEqual('no', self.run_it(script, apart=True).last_line)

    def test_a_long_line_is_cut(self) -> None:
        script = 'head -c 5000 /dev/zero | tr "\\0" x'
        self.assertEqual('x' * 200, self.run_it(script).last_line)


class TestBounds(RunTest):
    def test_a_flood(self) -> None:
        """It is stopped long before it fills a disk."""
        error = self.assertRaises(
            OrchestratorError, self.run_it, 'yes', timeout=60
        )
        self.assertIn('printed more than 1 MiB', str(error))

    def test_a_flood_that_is_over(self) -> None:
        script = f'head -c {MOST_OUTPUT + 1} /dev/zero >&2'
        self.assertRaises(OrchestratorError, self.run_it, script, apart=True)
        self.run_it(f'head -c {MOST_OUTPUT} /dev/zero')

    def test_it_takes_too_long(self) -> None:
        begun = time.monotonic()
        error = self.assertRaises(
            OrchestratorError, self.run_it, 'exec sleep 600', timeout=0.3
        )
        self.assertLess(time.monotonic() - begun, PATIENCE)
        self.assertIn('did not end in 0.3 s', str(error))

    def assert_killed_with_it(self, script: str, shell='/bin/sh') -> None:
        # A busy machine may not have come to it by then.
        for timeout in (1, 10, 100):
            self.assertRaises(
                OrchestratorError, self.run_it, script, timeout, shell
            )
            if (self.directory / 'pid').exists():
                break
        self.assert_dead()

    def test_a_grandchild(self) -> None:
        self.assert_killed_with_it(
            f'sleep 600 & echo $! > {self.directory}/pid; wait'
        )

    def test_a_grandchild_that_was_left_behind(self) -> None:
        """Its parent is gone, as of a daemon."""
        self.assert_killed_with_it(
            f'(sleep 600 & echo $! > {self.directory}/pid); sleep 600'
        )

    def test_a_grandchild_in_a_group_of_its_own(self) -> None:
        """As a job of a shell with job control is."""
        self.assert_killed_with_it(
            f'set -m; sleep 600 & echo $! > {self.directory}/pid; wait',
            '/bin/bash',
        )

    def test_who_keeps_the_output_open_holds_nobody_up(self) -> None:
        begun = time.monotonic()
        result = self.run_it('sleep 600 & echo $!', timeout=500)
        self.addCleanup(os.kill, int(result.last_line), signal.SIGKILL)
        self.assertLess(time.monotonic() - begun, PATIENCE)

    def test_what_it_has_begun_goes_on(self) -> None:
        """And may print: it ended well, and answered 'under way'."""
        done = self.directory / 'done'
        self.run_it(f'(sleep 0.2; echo text; echo x > {done}) & exit 75')
        deadline = time.monotonic() + PATIENCE
        while not done.exists():
            self.assertLess(time.monotonic(), deadline)

    def test_it_can_not_be_begun(self) -> None:
        self.assertRaises(
            OrchestratorError, self.run_it, '', shell='/no/such/shell'
        )
        self.assertRaises(
            OrchestratorError, self.run_it, '', **{'A': 'x' * (1 << 20)}
        )


class TestSurroundings(RunTest):
    def test_directory_and_mask(self) -> None:
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        self.assertEqual('/\n0022\n', self.run_it('pwd; umask').output)

    def test_no_input(self) -> None:
        self.assertEqual(1, self.run_it('read line').status)

    def test_no_terminal(self) -> None:
        self.assertNotEqual(0, self.run_it(': < /dev/tty').status)

    def test_no_files_of_ours(self) -> None:
        with tempfile.TemporaryFile() as file:
            os.set_inheritable(file.fileno(), True)
            script = f'[ -e /proc/self/fd/{file.fileno()} ] && echo there'
            self.assertEqual('', self.run_it(script).output)

    def test_signals_are_as_for_anybody(self) -> None:
        """Python ignores SIGPIPE; a library may have blocked others."""
        blocked = {signal.SIGTERM, signal.SIGCHLD}
        old = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
        self.addCleanup(signal.pthread_sigmask, signal.SIG_SETMASK, old)
        script = 'grep -E "Sig(Blk|Ign)" /proc/self/status | cut -f2'
        masks = [int(m, 16) for m in self.run_it(script).output.split()]
        self.assertEqual(2, len(masks))
        self.assertEqual(0, masks[0])
        self.assertEqual(0, masks[1] & 1 << (signal.SIGPIPE - 1))
        now = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self.assertLessEqual(blocked, now)
