import concurrent.futures
import io
import logging
import threading
import wsgiref.util
from typing import Any

import fixtures
from falcon import testing
from keystoneauth1 import exceptions
from keystonemiddleware import auth_token

from steal_scheduler.api import app, errors
from steal_scheduler.exception import ConfigError, NoLeader, RequestRefused
from tests.shared import PATIENCE
from tests.unit.api import rig

MOVES = '/v1/moves'
ASKED = {'server_id': rig.SERVER_ID, 'reason': 'slow'}


class TestPublic(rig.ApiTestCase):
    """What needs no log-in."""

    def test_versions(self) -> None:
        [version] = self.ask(None, 'GET', '/').json['versions']
        self.assertEqual(('v1', 'CURRENT'), (version['id'], version['status']))
        for path in ('/v1', '/v1/'):
            found = self.ask(None, 'GET', path)
            self.assertEqual({'version': version}, found.json)

    def test_links_as_users_see_them(self) -> None:
        """Only where the operator says that a proxy stands before it."""
        headers = {
            'Host': 'controller:9189',
            'X-Forwarded-Proto': 'https',
            'X-Forwarded-Host': 'cloud.example.org',
        }

        def link() -> str:
            found = self.ask(None, 'GET', '/v1', headers=headers)
            return str(found.json['version']['links'][0]['href'])

        self.assertEqual('http://controller:9189/v1', link())
        self.conf.set_override(
            'enable_proxy_headers_parsing', True, group='oslo_middleware'
        )
        self.assertEqual('https://cloud.example.org/v1', link())

    def test_behind_a_path(self) -> None:
        """As mod_wsgi's WSGIScriptAlias /steal has it."""
        found = self.client.simulate_get('/v1', root_path='/steal')
        [link] = found.json['version']['links']
        self.assertTrue(link['href'].endswith('/steal/v1'), link)

    def test_health(self) -> None:
        """Of this process: no leader is asked."""
        self.leader.answers['summary'] = NoLeader('no')
        found = self.ask(None, 'GET', errors.HEALTH)
        self.assertEqual(200, found.status_code)
        self.assertEqual([], self.leader.asked)

    def test_out_of_service(self) -> None:
        path = self.useFixture(fixtures.TempDir()).join('out')
        self.conf = self.configuration(
            '[healthcheck]',
            'backends = disable_by_file',
            f'disable_by_file_path = {path}',
        )
        self.client.app = app.build(self.conf, self.leader, rig.login)
        self.assertEqual(200, self.ask(None, 'GET', errors.HEALTH).status_code)
        open(path, 'w').close()
        self.assertEqual(503, self.ask(None, 'GET', errors.HEALTH).status_code)


class TestErrors(rig.ApiTestCase):
    """All have one form."""

    def test_no_such_address(self) -> None:
        for path in ('/nothing', '/v1/nothing', '/v2', '/v1/servers/a/b'):
            self.error(404, self.ask('admin', 'GET', path))
            # Nor does a stranger learn what there is.
            self.error(401, self.ask(None, 'GET', path))

    def test_no_such_method(self) -> None:
        found = self.ask('admin', 'POST', '/v1/summary')
        self.error(405, found)
        self.assertIn('GET', found.headers['allow'])

    def test_what_the_leader_says(self) -> None:
        for reason, status in (
            ('invalid', 400),
            ('not_found', 404),
            ('conflict', 409),
            ('busy', 429),
            ('failed', 502),
            ('not_leader', 503),
            ('what a newer one says', 502),
        ):
            no = RequestRefused(reason, 'because of that')
            self.leader.answers['moves'] = no
            error = self.error(status, self.ask('admin', 'GET', MOVES))
            self.assertEqual('because of that', error['message'])
            self.assertEqual(reason, error['reason'])

    def test_no_leader(self) -> None:
        self.leader.answers['moves'] = NoLeader('No steal-migrator leads.')
        found = self.ask('admin', 'GET', MOVES)
        error = self.error(503, found)
        self.assertEqual('no_leader', error['reason'])
        self.assertEqual('10', found.headers['retry-after'])

    def test_a_member_learns_no_address_of_ours(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        said = 'The message bus does not carry it: no AMQP server on ctl-7.'
        self.leader.answers['moves'] = NoLeader(said)
        error = self.error(503, self.ask('member', 'GET', MOVES))
        self.assertEqual('no_leader', error['reason'])
        self.assertEqual(
            'No steal-migrator leads now that can be asked: try again later.',
            error['message'],
        )
        self.assertIn(said, log.output)
        error = self.error(503, self.ask('admin', 'GET', MOVES))
        self.assertEqual(said, error['message'])

    def test_a_mistake_of_ours(self) -> None:
        """It costs one request, and its words stay in the log."""
        log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        self.leader.answers['moves'] = ZeroDivisionError('hush')
        error = self.error(500, self.ask('admin', 'GET', MOVES))
        self.assertNotIn('hush', str(error))
        self.assertIn('ZeroDivisionError: hush', log.output)
        self.assertEqual(200, self.ask('admin', 'GET', '/v1/plan').status_code)

    def test_of_a_layer_below(self) -> None:
        """Such as keystonemiddleware, whose Keystone does not answer."""

        def down(inner: Any) -> Any:
            def answer(environ: Any, start: Any) -> list[bytes]:
                start('503 Service Unavailable', [('X-Other', 'kept')])
                return [b'<html>']

            return answer

        self.client.app = app.build(self.conf, self.leader, down)
        found = self.ask('admin', 'GET', MOVES)
        self.assertIn('Keystone', self.error(503, found)['message'])
        self.assertEqual('10', found.headers['retry-after'])
        self.assertEqual('kept', found.headers['x-other'])


class TestAsking(rig.ApiTestCase):
    def test_it_is_logged(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        self.ask('admin', 'GET', MOVES)
        self.assertEqual('', log.output)
        self.ask('admin', 'POST', MOVES, json=ASKED)
        self.assertIn('User admin (admin-id) asks for move_create', log.output)
        self.leader.answers['move_create'] = RequestRefused('conflict', 'no!')
        self.ask('admin', 'POST', MOVES, json=ASKED)
        self.assertIn('refused: no!', log.output)

    def test_those_who_wait_do_not_hold_up_those_who_look(self) -> None:
        self.patch(app, '_MOST_ASKS', 1)
        begun, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)

        class Slow(rig.Leader):
            def call(self, who: Any, method: str, args: Any) -> dict[str, Any]:
                if method == 'move_create':
                    begun.set()
                    go_on.wait(PATIENCE)
                return super().call(who, method, args)

        self.client.app = app.build(self.conf, Slow(), rig.login)

        def ask() -> testing.Result:
            return self.ask('admin', 'POST', MOVES, json=ASKED)

        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            first = threads.submit(ask)
            self.assertTrue(begun.wait(PATIENCE))
            busy = ask()
            self.assertEqual('busy', self.error(429, busy)['reason'])
            self.assertEqual('10', busy.headers['retry-after'])
            found = self.ask('admin', 'GET', MOVES)
            self.assertEqual(200, found.status_code)
            go_on.set()
            self.assertEqual(202, first.result(PATIENCE).status_code)
        self.assertEqual(202, ask().status_code)

    def test_projects_take_no_place_from_operators(self) -> None:
        self.patch(app, '_MOST_ASKS', 2)
        self.patch(app, '_MOST_OF_PROJECTS', 1)
        begun, go_on = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)

        class Slow(rig.Leader):
            def call(self, who: Any, method: str, args: Any) -> dict[str, Any]:
                if who['user_name'] == 'member':
                    begun.set()
                    go_on.wait(PATIENCE)
                return super().call(who, method, args)

        self.client.app = app.build(self.conf, Slow(), rig.login)

        def skip(who: str) -> testing.Result:
            path = f'/v1/servers/{rig.SERVER_ID}/skip'
            return self.ask(who, 'PUT', path, json={'reason': 'mine'})

        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            first = threads.submit(skip, 'member')
            self.assertTrue(begun.wait(PATIENCE))
            no = self.error(429, skip('member'))
            self.assertEqual('busy', no['reason'])
            self.assertEqual(200, skip('admin').status_code)
            go_on.set()
            self.assertEqual(200, first.result(PATIENCE).status_code)
        self.assertEqual(200, skip('member').status_code)

    def test_nothing_may_keep_an_answer(self) -> None:
        found = self.ask('admin', 'GET', MOVES)
        self.assertEqual('no-store', found.headers['cache-control'])

    def test_a_body_of_unknown_length(self) -> None:
        """As a client sends it in chunks to a server that does not count."""
        environ: dict[str, Any] = {
            'REQUEST_METHOD': 'POST',
            'PATH_INFO': MOVES,
            'CONTENT_TYPE': 'application/json',
            'HTTP_X_AUTH_TOKEN': 'admin',
            'wsgi.input': io.BytesIO(b'{"reason": "x"}' * 10_000),
        }
        wsgiref.util.setup_testing_defaults(environ)
        started: list[str] = []
        self.app(environ, lambda status, *_: started.append(status))
        self.assertEqual('400 Bad Request', started[0])


LOGIN = (
    '[keystone_authtoken]',
    'www_authenticate_uri = http://127.0.0.1:1/v3',
    'auth_type = password',
    'auth_url = http://127.0.0.1:1/v3',
    'username = steal-api',
    'password = x',
)


class TestKeystone(rig.ApiTestCase):
    def test_a_catalog_without_keystone(self) -> None:
        """No error of keystoneauth gets out, and the log has its words."""
        log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))

        def trip(*args: object) -> None:
            raise exceptions.EndpointNotFound('internal endpoint not found')

        self.patch(auth_token.AuthProtocol, 'process_request', trip)
        conf = self.configuration(*LOGIN)
        self.client.app = app.build(conf, self.leader)
        self.error(503, self.ask('admin', 'GET', MOVES))
        self.assertIn('internal endpoint not found. Check', log.output)

    def test_no_token_of_a_service(self) -> None:
        """Its scope would pass for that of whoever asks."""
        found: list[dict[str, Any]] = []

        def login(inner: Any) -> Any:
            def entry(environ: dict[str, Any], start: Any) -> Any:
                found.append({**environ})
                return rig.login(inner)(environ, start)

            return entry

        self.client.app = app.build(self.conf, self.leader, login)
        headers = {'X-Service-Token': 'system-reader'}
        self.error(
            403, self.ask('reader', 'GET', '/v1/hosts', headers=headers)
        )
        self.assertEqual('reader', found[0]['HTTP_X_AUTH_TOKEN'])
        self.assertNotIn('HTTP_X_SERVICE_TOKEN', found[0])


class TestBuild(rig.ApiTestCase):
    def refuse(self, *lines: str) -> str:
        conf = self.configuration(*lines)
        return str(self.assertRaises(ConfigError, app.build, conf))

    def test_nobody_tells_who_asks(self) -> None:
        self.assertIn('[keystone_authtoken] auth_type', self.refuse())

    def test_users_are_not_told_where_keystone_is(self) -> None:
        said = self.refuse(
            '[keystone_authtoken]',
            'auth_type = password',
            'auth_url = http://127.0.0.1:1/v3',
            'username = steal-api',
            'password = x',
        )
        self.assertIn('www_authenticate_uri', said)

    def test_a_bus_that_cannot_be(self) -> None:
        said = self.refuse(
            '[DEFAULT]',
            'transport_url = nosuch://u:hush@h/',
            '[keystone_authtoken]',
            'www_authenticate_uri = http://127.0.0.1:1/v3',
            'auth_type = password',
            'auth_url = http://127.0.0.1:1/v3',
            'username = steal-api',
            'password = x',
        )
        self.assertIn('transport_url', said)
        self.assertNotIn('hush', said)
