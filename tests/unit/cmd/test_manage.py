import csv
import io
import json
import logging
import subprocess
import sys
import time

import fixtures
import yaml
from oslotest import base

from steal_scheduler import version
from steal_scheduler.cmd import manage
from steal_scheduler.reporting import text
from tests.standins import nova_api
from tests.unit import fakes
from tests.unit.deployment import Deployment, run_it


class TestManage(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        # A program of its own sets up the log of the process.
        root = logging.getLogger()
        self.addCleanup(root.setLevel, root.level)
        self.useFixture(fixtures.MonkeyPatch('logging.root.handlers', []))
        self.deployment = self.useFixture(Deployment())

    def of(self, *argv: str) -> tuple[int, str, str]:
        return run_it(
            manage.main, '--config-file', self.deployment.path, *argv
        )

    def test_plan(self) -> None:
        status, said, _ = self.of('plan')
        self.assertEqual(0, status)
        self.assertRegex(said, r'\n  x +name-x +a +31744 MiB  waits 25%')

    def test_a_plan_that_is_held(self) -> None:
        self.deployment.write('signals.json', '{')
        status, said, _ = self.of('plan', '-f', 'json')
        self.assertEqual(2, status)
        [hold] = json.loads(said)['holds']
        self.assertEqual('signals', hold['reason'])

    def test_a_server_that_should_be_back(self) -> None:
        longer = time.time() - self.deployment.conf().stages.reattach_alarm - 9
        self.deployment.tag('x', fakes.tag('x', 'undo', longer))
        said = json.loads(self.of('plan', '-f', 'json')[1])
        [blocked] = said['reattach_blocked']
        self.assertEqual(
            ('x', 'undo'), (blocked['server_id'], blocked['stage'])
        )
        self.assertEqual(
            ['x'], [move['server_id'] for move in said['moves_in_flight']]
        )

    def test_a_program_reads_one_document(self) -> None:
        """In JSON and in YAML: the blocks, and nothing else."""
        for read, name in ((json.loads, 'json'), (yaml.safe_load, 'yaml')):
            status, said, _ = self.of('plan', '-f', name)
            self.assertEqual(0, status)
            document = read(said)
            self.assertEqual(
                {*text.BLOCKS}
                - {'left_behind', 'leftovers', 'unproven_marks'}
                - {'history', 'relief'},
                {*document},
                name,
            )
            [move] = document['moves_to_begin']
            self.assertEqual('x', move['server_id'])
            self.assertEqual(
                ['y'], [r['server_id'] for r in document['refusals']]
            )

    def test_the_log_is_on_stderr(self) -> None:
        """As a process: a test has caught what is logged in its own."""
        # There is no Nova; nothing listens on port 1.
        more = self.deployment.write(
            'more.conf',
            '[nova]\nendpoint_override = http://127.0.0.1:1\n',
        )
        done = subprocess.run(
            [
                *(sys.executable, '-m', 'steal_scheduler.cmd.manage'),
                f'--config-file={self.deployment.path}',
                *('-vv', 'plan', f'--config-file={more}'),
            ],
            capture_output=True,
            text=True,
        )
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        self.assertIn('steal-manage: REQ: curl', done.stderr)
        self.assertIn('\nsteal-manage: Nova does not answer', done.stderr)

    def test_a_connection_that_closes_is_no_news(self) -> None:
        amqp = logging.getLogger('amqp')
        self.addCleanup(amqp.setLevel, amqp.level)
        # As in a program of its own; another test may have run one here.
        amqp.setLevel(logging.NOTSET)
        self.of('-v', 'recover')
        self.assertTrue(amqp.isEnabledFor(logging.WARNING))
        self.of('recover')
        self.assertFalse(amqp.isEnabledFor(logging.WARNING))

    def test_a_block_of_it(self) -> None:
        _, said, _ = self.of('plan', '-f', 'json', '-c', 'findings')
        self.assertEqual(['findings'], [*json.loads(said)])
        status, said, complaint = self.of('plan', '-c', 'nothing')
        self.assertEqual((1, ''), (status, said))
        self.assertIn('findings', complaint)

    def test_rows(self) -> None:
        status, said, _ = self.of('plan', '-f', 'csv')
        self.assertEqual(0, status)
        head, *rows = csv.reader(io.StringIO(said))
        self.assertEqual(['block', 'note', 'server_id'], head[:3])
        self.assertIn(['moves_to_begin', '', 'x'], [row[:3] for row in rows])
        status, said, _ = self.of('plan', '-f', 'table', '-c', 'refusals')
        self.assertEqual(0, status)
        self.assertRegex(said, r'\| refusals \| y +\| name-y +\| not_needed ')

    def test_no_nova(self) -> None:
        answers = self.deployment.nova.instead
        answers['GET /servers/detail'] = nova_api.fault(500)
        status, said, complaint = self.of('plan')
        self.assertEqual((1, ''), (status, said))
        self.assertIn('steal-manage: Nova failed', complaint)

    def test_recover(self) -> None:
        self.deployment.tag('x', 'steal:undo:1')
        status, said, _ = self.of('recover', '-f', 'json')
        self.assertEqual(2, status)
        [left] = json.loads(said)['left_behind']
        self.assertEqual(text.BLOCKS['left_behind'].fields, tuple(left))
        self.assertEqual(
            ('x', ['steal:undo:1']), (left['server_id'], left['tags'])
        )
        self.assertEqual([], self.deployment.removed())
        self.assertEqual(0, self.of('recover', '--clear')[0])
        self.assertEqual(1, len(self.deployment.removed()))

    def test_doctor(self) -> None:
        status, said, _ = self.of('doctor', '-f', 'json')
        self.assertEqual((0, []), (status, json.loads(said)['leftovers']))
        self.deployment.tag('x', 'steal:undo:1')
        status, said, _ = self.of('doctor', '-f', 'json')
        self.assertEqual(2, status)
        [left] = json.loads(said)['leftovers']
        self.assertEqual(text.BLOCKS['leftovers'].fields, tuple(left))
        self.assertEqual('tag_without_move', left['reason'])

    def test_a_file_that_is_not_there(self) -> None:
        status, _, complaint = run_it(
            manage.main, '--config-file', '/no/such', 'plan'
        )
        self.assertEqual(1, status)
        self.assertIn('/no/such', complaint)

    def test_files_and_directories(self) -> None:
        """Those that come later win, as oslo.config has it."""
        extra = self.useFixture(fixtures.TempDir()).path
        with open(f'{extra}/extra.conf', 'w') as file:
            file.write('[detection]\npolls_contended = 1\n')
        for argv, wanted in (
            ((f'--config-dir={extra}',), '1 of 3 polls'),
            (
                (f'--config-dir={extra}', '--config-file=' + self.last()),
                '3 of 3 polls',
            ),
        ):
            said = self.of(*argv, 'plan')[1]
            self.assertIn(f'the migrator wants {wanted}', said)

    def last(self) -> str:
        return self.deployment.write(
            'last.conf', '[detection]\npolls_contended = 3\n'
        )

    def test_arguments(self) -> None:
        for argv in (
            (),
            ('fly',),
            ('plan', '--clear'),
            ('plan', '-f', 'xml'),
            ('--conf', 'x', 'plan'),
        ):
            self.assertEqual(2, run_it(manage.main, *argv)[0], argv)
        status, said, _ = run_it(manage.main, '--version')
        self.assertEqual(0, status)
        # Before it stands what the program was started as.
        self.assertTrue(said.endswith(f' {version.version_string()}\n'))

    def test_help(self) -> None:
        status, said, _ = run_it(manage.main, '--help')
        self.assertEqual(0, status)
        for word in (
            'plan',
            'pause',
            'resume',
            'recover',
            'demo',
            '--config-dir',
        ):
            self.assertIn(word, said)
        for argv in (('plan', '--help'), ('help', 'plan')):
            status, said, _ = run_it(manage.main, *argv)
            self.assertEqual(0, status)
            self.assertIn('{csv,json,table,text,yaml}', said)
            self.assertIn('Exit status: 0 if something can start', said)

    def test_completion(self) -> None:
        status, said, _ = run_it(manage.main, 'complete')
        self.assertEqual(0, status)
        self.assertIn(
            "cmds='complete demo doctor help history pause plan recover "
            "replay resume'",
            said,
        )
