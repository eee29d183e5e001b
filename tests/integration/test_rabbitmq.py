"""A fanout through a real broker, across processes and its restart."""

import itertools
import pathlib
import subprocess
import sys

from tests.integration import base, daemons
from tests.integration.rabbitmq import RabbitMQ

ROOT = pathlib.Path(__file__).parents[2]


class FanoutTest(base.TestCase):
    def setUp(self):
        super().setUp()
        self.logs = self.directory()
        directory = self.directory()
        rabbitmq = RabbitMQ(directory)
        for daemon in rabbitmq.epmd, rabbitmq.daemon:
            self.keep(daemon.log)
        self.rabbitmq = self.enterContext(rabbitmq)
        self.caster, _ = self._probe('cast', 'caster')
        self.heard = [
            self._probe('listen', f'listener-{n}')[1] for n in (1, 2)
        ]
        self.numbers = itertools.count()

    def _probe(self, role, name):
        heard, errors = (self.logs / f'{name}.{end}' for end in ('out', 'err'))
        self.keep(errors)
        with heard.open('wb') as out, errors.open('wb') as err:
            process = subprocess.Popen(
                [
                    sys.executable,
                    '-m',
                    'tests.integration.fanout_probe',
                    self.rabbitmq.url,
                    role,
                ],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                text=True,
            )
        self.addCleanup(process.wait)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.kill)
        return process, heard

    def _cast(self):
        """Cast a new line; the caster must be alive."""
        self.assertIsNone(self.caster.poll())
        line = f'line {next(self.numbers)}'
        self.caster.stdin.write(line + '\n')
        self.caster.stdin.flush()
        return line

    def _all_hear(self, what):
        """Cast until both have heard the same new line."""
        cast = set()

        def attempt():
            cast.add(self._cast())
            lines = (
                set(heard.read_text().split('\n')) for heard in self.heard
            )
            return cast.intersection(*lines)

        daemons.until(what, attempt, within=60)

    def test_all_hear_and_hear_again(self):
        self._all_hear('both listeners hear')
        self.rabbitmq.restart()
        self._all_hear('both listeners hear after a restart')
        self.rabbitmq.stop()
        self.rabbitmq.start()
        self._all_hear('both listeners hear after an outage')
