import json
import logging

from oslo_upgradecheck.upgradecheck import Code
from oslotest import base

from steal_scheduler import version
from steal_scheduler.cmd import status
from steal_scheduler.migrator import checks
from tests.standins import nova_api
from tests.unit import fakes
from tests.unit.deployment import Deployment, run_it


class TestChecks(base.BaseTestCase):
    def results(self, deployment: Deployment) -> dict[str, Code]:
        made = status.Checks(deployment.conf())
        return {
            name: check[0](made, **check[1])
            if isinstance(check, tuple)
            else check(made)
            for name, check in made._upgrade_checks
        }

    def codes(self, deployment: Deployment) -> dict[str, Code]:
        return {n: r.code for n, r in self.results(deployment).items()}

    def test_all_is_well(self) -> None:
        self.assertEqual(
            dict.fromkeys(
                ('Configuration', *checks.CHECKS),
                Code.SUCCESS,
            ),
            self.codes(self.useFixture(Deployment())),
        )

    def test_a_wrong_option(self) -> None:
        wrong = self.useFixture(
            Deployment('[limits]\nblackout = nine\n[limts]\n')
        )
        found = self.results(wrong)['Configuration']
        self.assertEqual(Code.FAILURE, found.code)
        self.assertIn('[limits] blackout = nine: ', found.details)
        self.assertIn('Did you mean [limits]?', found.details)
        # What hangs on it says no more than that.
        others = self.results(wrong)
        del others['Configuration']
        self.assertEqual(
            {(Code.FAILURE, 'Not checked: see Configuration.')},
            {(r.code, r.details) for r in others.values()},
        )

    def test_an_option_that_nobody_reads(self) -> None:
        wrong = self.useFixture(Deployment('[limits]\nblackot = nine'))
        found = self.results(wrong)['Configuration']
        self.assertEqual(Code.WARNING, found.code)
        self.assertIn('Did you mean blackout?', found.details)

    def test_nova_does_not_answer(self) -> None:
        deployment = self.useFixture(Deployment())
        answers = deployment.nova.instead
        answers['GET /servers/detail'] = nova_api.fault(503)
        found = self.codes(deployment)
        self.assertEqual(
            (Code.SUCCESS, Code.FAILURE, Code.FAILURE),
            (found['Configuration'], found['Nova'], found['Tags']),
        )

    def test_an_orchestrator_says_no(self) -> None:
        deployment = self.useFixture(
            Deployment(
                '[migrator]\norchestrators = command\n'
                '[command]\npath = /bin/false\nlists_detached = True\n'
            )
        )
        found = self.results(deployment)['Orchestrators']
        self.assertEqual(Code.FAILURE, found.code)
        self.assertIn('[command] path', found.details)

    def test_tags_that_no_key_of_ours_has_signed(self) -> None:
        deployment = self.useFixture(Deployment())
        deployment.tag('x', 'steal:drain:1')
        deployment.tag('y', fakes.tag('y', 'drain', 1))
        found = self.results(deployment)['Tags']
        self.assertEqual(Code.WARNING, found.code)
        self.assertIn('on: x.', found.details)
        self.assertNotIn('newer', found.details)

    def test_tags_of_a_newer_version(self) -> None:
        deployment = self.useFixture(Deployment())
        deployment.tag('x', fakes.newer_tag('x', 'steal2:drain:1:'))
        found = self.results(deployment)['Tags']
        self.assertEqual(Code.WARNING, found.code)
        self.assertIn('Tags of a newer steal-scheduler, on: x', found.details)
        self.assertNotIn('signed', found.details)


class TestMain(base.BaseTestCase):
    def test_version(self) -> None:
        self.assertEqual(
            (0, f'{version.version_string()}\n', ''),
            run_it(status.main, '--version'),
        )

    def test_a_connection_that_closes_is_no_news(self) -> None:
        amqp = logging.getLogger('amqp')
        self.addCleanup(amqp.setLevel, amqp.level)
        # As in a program of its own; another test may have run one here.
        amqp.setLevel(logging.NOTSET)
        deployment = self.useFixture(Deployment())
        run_it(
            status.main, '--config-file', deployment.path, 'upgrade', 'check'
        )
        self.assertFalse(amqp.isEnabledFor(logging.WARNING))
        self.assertTrue(amqp.isEnabledFor(logging.ERROR))

    def test_the_worst_code_is_its_status(self) -> None:
        """One document in JSON, whatever sections the plugins have."""
        deployment = self.useFixture(Deployment())
        check = ('--config-file', deployment.path, 'upgrade', 'check')
        self.assertEqual(0, run_it(status.main, *check)[0])
        deployment.tag('x', 'steal:drain:1')
        code, said, _ = run_it(status.main, *check, '--json')
        self.assertEqual(1, code)
        results = {c['check']: c['result'] for c in json.loads(said)['checks']}
        self.assertEqual((0, 1), (results['Nova'], results['Tags']))

    def test_a_file_that_is_not_there(self) -> None:
        code, said, complaint = run_it(
            status.main, '--config-file', '/no/such', 'upgrade', 'check'
        )
        self.assertEqual((255, ''), (code, said))
        self.assertIn('steal-status: ', complaint)
        self.assertIn('/no/such', complaint)

    def test_a_wrong_argument(self) -> None:
        """1 and 2 are said of the checks."""
        for argv in (('--no-such',), ('upgrade',), ('fly',)):
            self.assertEqual(255, run_it(status.main, *argv)[0], argv)
