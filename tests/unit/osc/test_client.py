import json

import fixtures

from steal_scheduler.exception import NoLeader, RequestRefused
from steal_scheduler.osc import client
from tests.standins.app import StandIn, hang_up
from tests.standins.keystone import PASSWORD, PROJECT, USER, Keystone
from tests.unit.osc.rig import SHOP, ShellTestCase


class TestErrors(ShellTestCase):
    """The words of steal-api, and a status."""

    def check(self, status: int, pattern: str, command: str) -> None:
        ran = self.steal(command)
        self.assertEqual((status, ''), (ran.status, ran.out), ran.err)
        # steal-api logs in this process, too.
        *_, line = ran.err.splitlines()
        self.assertRegex(line, pattern)

    def test_no_migrator_leads(self) -> None:
        for error in (
            NoLeader('nobody listens'),
            NoLeader('No steal-migrator leads now: see its log.'),
            RequestRefused('not_leader', 'it has just stopped to lead'),
        ):
            self.leader.answers['summary'] = error
            self.check(1, rf'^(no migrator leads: )?{error}', 'summary')

    def test_refused(self) -> None:
        for reason, status in (
            ('conflict', 2),
            ('busy', 2),
            ('invalid', 1),
            ('not_found', 1),
        ):
            said = RequestRefused(reason, 'it is locked')
            self.leader.answers['move_create'] = said
            self.check(status, 'it is locked', f'move create {SHOP}')

    def test_no_right(self) -> None:
        ran = self.steal('plan', who='member')
        self.assertEqual(1, ran.status)
        self.assertRegex(ran.err, '^You may not do this: .*steal:plan')

    def test_no_such_token(self) -> None:
        ran = self.steal('plan', who='stranger')
        self.assertEqual(1, ran.status)
        self.assertIn('steal-api does not take the token: ', ran.err)

    def test_a_mistake_of_ours(self) -> None:
        self.leader.answers['plan'] = KeyError('x')
        self.check(
            1, r'steal-api made a mistake; .* \(req-[-0-9a-f]+\)', 'plan'
        )

    def test_an_argument_that_steal_api_refuses(self) -> None:
        self.check(1, 'zone = "" is not allowed', 'host list --zone ""')


class TestOthers(ShellTestCase):
    """Whatever listens there, it is told in a line."""

    def setUp(self) -> None:
        super().setUp()
        self.other = StandIn()
        self.url = self.serve(self.other)

    def said(self, answer: object, command: str = 'summary') -> str:
        self.other.instead['*'] = answer  # type: ignore[assignment]
        ran = self.steal(command)
        self.assertEqual((1, ''), (ran.status, ran.out))
        [line] = ran.err.splitlines()
        self.assertTrue(line.isprintable(), line)
        return line

    def test_a_proxy(self) -> None:
        said = self.said((502, b'<html>\x1b[2J\nBad Gateway</html>'))
        self.assertIn(f'HTTP 502 from {self.url}: <html>?[2J', said)

    def test_nothing_is_there(self) -> None:
        said = self.said((404, {'message': 'none'}))
        self.assertIn(f'HTTP 404 from {self.url}', said)

    def test_no_json(self) -> None:
        for body in (b'', b'hello', b'[1]', b'"a"', b'\xff'):
            said = self.said((200, body))
            self.assertIn(f'{self.url}/v1/summary is no steal-api', said)

    def test_an_error_of_another_form(self) -> None:
        for error in ('no', ['no'], {'message': None}, {'message': 7}, None):
            self.said((409, {'error': error}))

    def test_it_hangs_up(self) -> None:
        self.assertIn(f'{self.url} does not answer: ', self.said(hang_up))

    def test_it_does_not_answer_in_time(self) -> None:
        self.useFixture(
            fixtures.MockPatchObject(client, '_TIMEOUT', (0.2, 0.2))
        )
        silent = self.said(lambda request: request.socket.recv(1))
        self.assertIn('does not answer: no answer in time', silent)

    def test_nobody_listens(self) -> None:
        ran = self.steal('summary', url='http://127.0.0.1:9')
        self.assertEqual(1, ran.status)
        self.assertEqual(
            'steal-api at http://127.0.0.1:9 does not answer: Connection '
            'refused. See that it runs there.\n',
            ran.err,
        )

    def test_text_of_others(self) -> None:
        for odd in ('a\x1b[2Jb', 'a\r\nb', 'a\u202eb', 'a\x9bb'):
            error = {'code': 400, 'message': odd, 'reason': 'invalid'}
            self.said((400, {'error': error}))

    def test_an_address_with_its_version(self) -> None:
        for tail in ('', '/', '/v1', '/v1/'):
            self.other.instead['*'] = 200, {}
            self.done('summary', url=f'{self.url}/cpu{tail}')
        asked = self.other.calls()
        self.assertEqual(['GET /cpu/v1/summary'], sorted({*asked}))

    def test_names_in_a_path(self) -> None:
        self.other.instead['*'] = 200, {}
        self.done('host show "a/../b c?d#e%2F"')
        self.assertEqual(['GET /v1/hosts/a/../b c?d#e%2F'], self.other.calls())


class TestCatalog(ShellTestCase):
    """Found in the catalog of Keystone, by its service type."""

    def setUp(self) -> None:
        super().setUp()
        self.keystone = Keystone()
        url = self.serve(self.keystone)
        self.login = [
            *('--os-auth-url', f'{url}/v3', '--os-region-name', 'r'),
            *('--os-username', USER, '--os-password', PASSWORD),
            *('--os-user-domain-id', 'default'),
            *('--os-project-name', PROJECT),
            *('--os-project-domain-id', 'default'),
        ]
        self.asked_with: list[str | None] = []

        def app(environ: dict[str, object], start: object) -> object:
            token = environ.get('HTTP_X_AUTH_TOKEN')
            self.asked_with.append(None if token is None else str(token))
            environ['HTTP_X_AUTH_TOKEN'] = 'admin'
            return self.app(environ, start)

        self.behind = self.serve(app)

    def test_found(self) -> None:
        self.keystone.catalog['steal'] = self.behind
        ran = self.openstack(self.login, 'steal summary -f json')
        self.assertEqual(0, ran.status, ran.err)
        self.assertEqual(self.keystone.tokens, self.asked_with)
        self.assertIn('Leader', json.loads(ran.out))

    def test_not_found(self) -> None:
        ran = self.openstack(self.login, 'steal summary')
        self.assertEqual(1, ran.status)
        self.assertIn(
            'has no endpoint of the service type "steal" (region r, '
            'interface public)',
            ran.err,
        )

    def test_of_clouds_yaml(self) -> None:
        name, value = 'OS_STEAL_ENDPOINT_OVERRIDE', self.behind
        self.useFixture(fixtures.EnvironmentVariable(name, value))
        ran = self.openstack(self.login, 'steal summary')
        self.assertEqual(0, ran.status, ran.err)
