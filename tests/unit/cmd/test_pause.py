import calendar
import json
import logging
import time
from typing import Any

import fixtures
from oslotest import base

from steal_scheduler.cmd import manage
from tests.standins.app import Answer, Request
from tests.unit.deployment import Deployment, run_it


class TestCommands(base.BaseTestCase):
    """Against an API that keeps one aggregate."""

    def setUp(self) -> None:
        super().setUp()
        # A program of its own sets up the log of the process.
        root = logging.getLogger()
        self.addCleanup(root.setLevel, root.level)
        self.useFixture(fixtures.MonkeyPatch('logging.root.handlers', []))
        self.deployment = self.useFixture(Deployment())
        self.aggregate: dict[str, Any] = {
            'id': 7,
            'name': 'steal-scheduler',
            'hosts': [],
            'metadata': {},
            'availability_zone': None,
        }
        answers = self.deployment.nova.instead
        answers['GET /os-aggregates'] = (
            200,
            {'aggregates': [self.aggregate]},
        )
        answers['POST /os-aggregates/7/action'] = self.set_metadata

    def set_metadata(self, request: Request) -> Answer:
        said = request.json['set_metadata']['metadata']
        kept = {**self.aggregate['metadata'], **said}
        self.aggregate['metadata'] = {k: v for k, v in kept.items() if v}
        return 200, {'aggregate': self.aggregate}

    def of(self, *argv: str) -> tuple[int, str, str]:
        return run_it(
            manage.main, '--config-file', self.deployment.path, *argv
        )

    def test_there_and_back(self) -> None:
        begun = time.time()
        status, said, _ = self.of(
            'pause', '--for', '1h30m', '--reason', 'alice:\na kernel'
        )
        self.assertEqual(0, status)
        self.assertIn('Paused: the cloud', said)
        (value,) = self.aggregate['metadata'].values()
        self.assertTrue(value.endswith('Z alice: a kernel'))
        status, said, _ = self.of('plan', '-f', 'json')
        self.assertEqual(2, status)
        plan = json.loads(said)
        [hold] = plan['holds']
        self.assertEqual('paused', hold['reason'])
        [shown] = plan['pauses']
        until = time.strptime(shown['until'], '%Y-%m-%dT%H:%M:%SZ')
        self.assertLessEqual(5400, calendar.timegm(until) - begun)
        status, said, _ = self.of('resume')
        self.assertEqual((0, 'Resumed: the cloud.\n'), (status, said))
        self.assertEqual({}, self.aggregate['metadata'])
        self.assertEqual(0, self.of('plan')[0])

    def test_a_host_and_a_zone(self) -> None:
        for argv in (('--host', 'a'), ('--zone', 'az1')):
            status, said, _ = self.of('pause', *argv, '-f', 'json')
            self.assertEqual(0, status)
        self.assertEqual(
            [('zone', 'az1', None), ('host', 'a', None)],
            [
                (each['scope'], each['name'], each['until'])
                for each in sorted(
                    json.loads(said)['pauses'], key=lambda p: p['name'] == 'a'
                )
            ],
        )
        self.assertEqual(0, self.of('resume', '--zone', 'az1')[0])
        self.assertEqual(['steal:pause:host:a'], [*self.aggregate['metadata']])

    def test_what_is_wrong(self) -> None:
        status, said, complaint = self.of('pause', '--host', 'typo')
        self.assertEqual((1, ''), (status, said))
        self.assertIn('steal-manage: Nova knows no host typo', complaint)
        for argv in (
            ('pause', '--host', 'a', '--zone', 'az1'),
            ('resume', '--for', '2h'),
            *(
                ('pause', '--for', text)
                for text in ('2', '0h', '', '-1h', '2h30', '3651d', 'tomorrow')
            ),
        ):
            self.assertEqual(2, self.of(*argv)[0], argv)
        self.assertEqual({}, self.aggregate['metadata'])

    def test_somebody_else_s(self) -> None:
        self.aggregate |= {
            'name': 'fast',
            'hosts': ['a'],
            'metadata': {'steal:pause': 'true'},
        }
        self.assertEqual(2, self.of('resume', '--host', 'a')[0])

    def test_nothing_else_has_to_be_right(self) -> None:
        """A pause is for the day on which something is wrong."""
        more = self.deployment.write(
            'more.conf',
            '[migrator]\ntag_keys = short\norchestrators = nobody\n'
            '[signals]\nsource = nowhere\n',
        )
        self.assertEqual(1, self.of('plan', f'--config-file={more}')[0])
        self.assertEqual(0, self.of('pause', f'--config-file={more}')[0])
