import io

import fixtures
from oslotest import base

from steal_scheduler.cmd import manage
from tests.standins import nova_api
from tests.unit.deployment import Deployment


class TestManage(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.deployment = self.useFixture(Deployment())

    def run_it(self, *argv: str) -> tuple[int, str, str]:
        """Its exit status, what it prints, and what it complains of."""
        out, err = io.StringIO(), io.StringIO()
        with (
            fixtures.MonkeyPatch('sys.stdout', out),
            fixtures.MonkeyPatch('sys.stderr', err),
        ):
            try:
                status = manage.main(argv)
            except SystemExit as error:
                status = error.code
        return status, out.getvalue(), err.getvalue()

    def of(self, *argv: str) -> tuple[int, str, str]:
        return self.run_it('--config-file', self.deployment.path, *argv)

    def test_plan(self) -> None:
        status, said, _ = self.of('plan')
        self.assertEqual(0, status)
        self.assertIn('x  name-x  away from a: waits 20%', said)

    def test_a_plan_that_is_held(self) -> None:
        self.deployment.write('signals.json', '{')
        status, said, _ = self.of('plan')
        self.assertEqual(2, status)
        self.assertIn('signals:', said)

    def test_no_nova(self) -> None:
        answers = self.deployment.nova.instead
        answers['GET /servers/detail'] = nova_api.fault(500)
        status, said, complaint = self.of('plan')
        self.assertEqual((1, ''), (status, said))
        self.assertIn('steal-manage: Nova failed', complaint)

    def test_recover(self) -> None:
        self.deployment.tag('x', 'steal:undo:1')
        self.assertEqual(1, self.of('recover')[0])
        self.assertEqual([], self.deployment.removed())
        self.assertEqual(0, self.of('recover', '--clear')[0])
        self.assertEqual(1, len(self.deployment.removed()))

    def test_a_file_that_is_not_there(self) -> None:
        status, _, complaint = self.run_it('--config-file', '/no/such', 'plan')
        self.assertEqual(1, status)
        self.assertIn('/no/such', complaint)

    def test_arguments(self) -> None:
        for argv in ((), ('fly',), ('plan', '--clear')):
            self.assertEqual(2, self.run_it(*argv)[0])
        status, said, _ = self.run_it('--help')
        self.assertEqual(0, status)
        for word in ('plan', 'recover', 'demo'):
            self.assertIn(word, said)
