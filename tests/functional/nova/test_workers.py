"""Whether a worker of nova-scheduler listens, however its threads run."""

import subprocess
import sys

from oslotest import base


class TestWorkers(base.BaseTestCase):
    def run_worker(self, mode: str) -> list[str]:
        # Unbuffered: a fork would inherit what is not written yet, and write
        # it once more.
        done = subprocess.run(
            [sys.executable, '-u', '-m', 'tests.functional.nova.worker', mode],
            capture_output=True,
            text=True,
            timeout=240,
        )
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout.splitlines()

    def test_threading(self) -> None:
        self.assertEqual(
            ['parent listens: False', 'first request: None', 'view: a'],
            self.run_worker('threading'),
        )

    def test_eventlet(self) -> None:
        self.assertEqual(
            ['parent listens: False', 'first request: None', 'view: a'],
            self.run_worker('eventlet'),
        )

    def test_a_forked_worker_does_not_wait_for_its_first_request(self) -> None:
        self.assertEqual(
            [
                'parent listens: False',
                'worker listens: True',
                'view: a',
                'parent listens: False',
            ],
            self.run_worker('fork'),
        )
