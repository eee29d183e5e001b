import json
import logging
import pathlib

import fixtures
from oslotest import base

from steal_scheduler.cmd import manage
from steal_scheduler.cmd import replay as command
from steal_scheduler.replay import replay
from tests.unit.deployment import Deployment, run_it
from tests.unit.replay import test_folder


class TestReplay(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        # A program of its own sets up the log of the process.
        root = logging.getLogger()
        self.addCleanup(root.setLevel, root.level)
        self.useFixture(fixtures.MonkeyPatch('logging.root.handlers', []))
        self.deployment = self.useFixture(Deployment())
        self.top = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def of(self, *argv: str) -> tuple[int, str, str]:
        return run_it(
            manage.main,
            *('--config-file', self.deployment.path, 'replay'),
            *argv,
        )

    def write(self, cores: float) -> None:
        cluster = {
            'step_s': 300,
            'hosts': [{**test_folder.HOST, 'cores': cores}],
            'servers': [test_folder.SERVER],
        }
        self.top.joinpath('cluster.json').write_text(json.dumps(cluster))
        self.top.joinpath('demand.csv').write_text(test_folder.CSV)

    def test_names(self) -> None:
        """The command knows those that there are."""
        self.assertEqual(replay.NAMES, command.RULES)
        self.assertEqual(replay.WORKS, command.WORKS)

    def test_one_object_a_rule(self) -> None:
        self.write(cores=1)
        status, said, _ = self.of(
            *(str(self.top), '-f', 'json', '--rule', 'static'),
            *('--rule', 'steal-scheduler'),
        )
        self.assertEqual(0, status)
        static, ours = json.loads(said)
        self.assertEqual('static', static['rule'])
        # 1.5 of 3.5 core-steps.
        self.assertEqual(42.8571, static['demand_lost_percent'])
        self.assertEqual('steal-scheduler', ours['rule'])

    def test_a_table(self) -> None:
        self.write(cores=4)
        status, said, _ = self.of(str(self.top))
        self.assertEqual(0, status)
        for name in replay.NAMES:
            self.assertIn(f'| {name} ', said)

    def test_what_is_wrong(self) -> None:
        status, _, said = self.of(str(self.top))
        self.assertEqual(1, status)
        self.assertIn(f'{self.top}/cluster.json: ', said)
        self.assertNotIn('Traceback', said)

    def test_a_wrong_number(self) -> None:
        status, _, said = self.of(str(self.top), '--move-seconds', '-1')
        self.assertEqual(2, status)
        self.assertIn("'-1' is no number of 0 to 86400 seconds", said)

    def test_it_is_saved(self) -> None:
        self.write(cores=1)
        new = self.top / 'new'
        rule = ('-f', 'json', '--rule', 'static')
        first = self.of(str(self.top), '--save', str(new), *rule)
        self.assertEqual(0, first[0])
        self.assertEqual(first[:2], self.of(str(new), *rule)[:2])

    def test_a_source_that_keeps_no_past(self) -> None:
        status, _, said = self.of('--since', '7d')
        self.assertEqual(1, status)
        self.assertIn('[signals] source = static keeps nothing', said)

    def test_a_folder_or_the_past(self) -> None:
        for argv in ((), (str(self.top), '--since', '7d')):
            self.assertEqual(2, self.of(*argv)[0])

    def test_wrong_times(self) -> None:
        for text in ('7', '0d', '-1d', '7 d', '7w', '7.5d', '99999d', ''):
            status, _, said = self.of(f'--since={text}')
            self.assertEqual(2, status)
            self.assertIn(f'{text!r} is no time such as 7d', said)
