import pathlib
import threading
import types
from typing import Any

import fixtures
from oslotest import base

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.consul.client import (
    ConsulClient,
    Forbidden,
    Unreachable,
)
from tests.standins.app import StandIn, hang_up
from tests.standins.transport import mounted, served

_SECRET = '33333333-3333-4333-8333-333333333333'
_URL = 'http://192.0.2.1:8500'


class ClientTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.said: tuple[int, Any] = (200, {})
        self.place = StandIn()
        self.place.instead['*'] = lambda asked: self.said
        self.url = _URL
        self.enterContext(mounted({_URL: self.place}))
        self.files = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.token = self.files / 'token'
        self.token.write_text(f'{_SECRET}\n')

    def client(
        self, token: bool = True, seconds: float = 4, **tls: Any
    ) -> ConsulClient:
        options = types.SimpleNamespace(
            token_file=str(self.token) if token else None,
            timeout=seconds / 2,
            cafile=tls.get('cafile'),
            certfile=tls.get('certfile'),
            insecure=tls.get('insecure', False),
        )
        return ConsulClient(options, 'dc1', self.url, 'catalog', None)

    def tokens(self) -> set[str | None]:
        return {r.headers.get('x-consul-token') for r in self.place.asked}

    def error(
        self, kind: type[OrchestratorError] = OrchestratorError, **options: Any
    ) -> str:
        error = self.assertRaises(kind, self.client(**options).get, '/v1/x')
        self.assertIs(kind, type(error))
        text = str(error)
        self.assertNotIn(_SECRET, text)
        return text


class TestAnswers(ClientTest):
    def test_an_answer(self) -> None:
        self.said = 200, {'a': 'b'}
        self.assertEqual({'a': 'b'}, self.client().get('/v1/x', filter='y'))
        self.assertEqual(['GET /v1/x'], self.place.calls())
        self.assertEqual({_SECRET}, self.tokens())

    def test_no_token(self) -> None:
        self.client(token=False).get('/v1/x')
        self.assertEqual({None}, self.tokens())

    def test_a_token_of_each_server(self) -> None:
        client = self.client()
        client.options.token_file = str(self.files / 'of-{id}')
        (self.files / 'of-catalog').write_text('own')
        client.get('/v1/x')
        self.assertEqual({'own'}, self.tokens())

    def test_a_token_that_is_renewed(self) -> None:
        client = self.client()
        client.put('/v1/x')
        self.token.write_text('new')
        client.put('/v1/x')
        self.assertEqual({_SECRET, 'new'}, self.tokens())

    def test_no(self) -> None:
        for status in 401, 403:
            self.said = status, b"lacks permission 'node:write'"
            text = self.error(Forbidden)
            self.assertIn(f'GET /v1/x answered {status}', text)
            self.assertIn("lacks permission 'node:write'", text)

    def test_trouble(self) -> None:
        for status in 400, 404, 429, 500, 503, 204:
            self.said = status, b'No cluster leader'
            self.assertIn('answered', self.error())

    def test_what_it_says_is_not_believed_to_be_text(self) -> None:
        self.said = 500, f'a\r\nb\x1b[2J\xff {_SECRET} {"x" * 9999}'.encode()
        text = self.error()
        self.assertIn('answered 500: a b?[2J', text)
        self.assertIn('***', text)
        self.assertLess(len(text), 500)
        self.assertTrue(text.isprintable())

    def test_no_json(self) -> None:
        # The last one is, and nested as deep as to end our stack.
        for body in b'', b'<html>', b'\xff', b'[' * 100_000:
            self.said = 200, body
            self.assertIn('its answer makes no sense', self.error())

    def test_too_much(self) -> None:
        self.said = 200, b'[' + b' ' * (4 * 1024 * 1024) + b']'
        self.assertIn('too long', self.error())

    def test_the_token_goes_nowhere_else(self) -> None:
        other = StandIn()
        self.enterContext(mounted({'http://192.0.2.2:80': other}))
        self.place.headers['Location'] = 'http://192.0.2.2:80/v1/x'
        for status in 301, 302, 307, 308:
            self.said = status, b''
            self.assertIn(f'answered {status}', self.error())
        self.assertEqual([], other.asked)


class TestNobody(ClientTest):
    def test_none_in_time(self) -> None:
        hold = threading.Event()
        self.addCleanup(hold.set)
        self.place.instead['*'] = lambda asked: (hold.wait(60), (200, {}))[1]
        self.url = self.enterContext(served(self.place)).url
        text = self.error(Unreachable, seconds=0.3)
        self.assertIn(f'[dc1] {self.url}: no answer in 0.3 s', text)

    def test_nobody(self) -> None:
        self.place.instead['*'] = hang_up
        self.error(Unreachable)


class TestFiles(ClientTest):
    """What is wrong here is no outage of an agent."""

    def over_tls(self) -> None:
        url = self.enterContext(served(self.place)).url
        self.url = url.replace('http:', 'https:')

    def test_no_token_file(self) -> None:
        self.token.unlink()
        self.assertIn(f"'{self.token}' cannot be read", self.error())

    def test_no_token_in_it(self) -> None:
        for text in '', 'a b', f'{_SECRET}\nmore', '\N{SNOWMAN}', '\x00':
            self.token.write_text(text)
            self.assertIn('one line of printable', self.error())
        self.token.write_bytes(b'\xff')
        self.assertIn('one line of printable', self.error())
        self.assertEqual([], self.place.asked)

    def test_no_tls_there(self) -> None:
        self.over_tls()
        self.assertIn('TLS failed', self.error())

    def test_no_cafile(self) -> None:
        self.over_tls()
        self.assertIn('/no/ca', self.error(cafile='/no/ca'))

    def test_a_key_with_a_password(self) -> None:
        """Nobody is asked for it."""
        self.over_tls()
        file = self.files / 'cert'
        file.write_text('-----BEGIN ENCRYPTED PRIVATE KEY-----\n')
        error = self.error(certfile=str(file), insecure=True)
        self.assertIn('is encrypted', error)

    def test_no_certfile(self) -> None:
        self.over_tls()
        error = self.error(certfile='/no/cert', insecure=True)
        self.assertIn('/no/cert', error)


class TestAll(ClientTest):
    """A list is all there is, or an error."""

    def assert_all(self, expected: list[Any], **options: Any) -> None:
        self.assertEqual(expected, self.client(**options).all('/v1/x'))

    def test_lists(self) -> None:
        for said in [{'a': 1}], {'x': {'a': 1}}:
            self.said = 200, said
            self.assert_all([{'a': 1}])

    def test_none(self) -> None:
        for said in [], {}:
            self.said = 200, said
            self.assert_all([])

    def test_nonsense(self) -> None:
        for said in 3, 'x', [1], {'x': 1}, None:
            self.said = 200, said
            error = self.assertRaises(
                OrchestratorError, self.client().all, '/v1/x'
            )
            self.assertIn('no list', str(error))

    def test_hidden(self) -> None:
        self.place.headers['X-Consul-Results-Filtered-By-ACLs'] = 'true'
        self.said = 200, []
        error = self.assertRaises(Forbidden, self.client().all, '/v1/x')
        self.assertIn('node:read', str(error))
        # What was looked for is there: the rest is none of our business.
        self.said = 200, [{'a': 1}]
        self.assert_all([{'a': 1}])

    def test_hidden_from_who_has_no_token(self) -> None:
        """Consul says so only to who has one."""
        self.said = 200, []
        self.assert_all([], token=False)
        self.place.instead = {
            '* /v1/agent/self': (403, b'Permission denied'),
            '*': (200, []),
        }
        client = self.client(token=False)
        self.assertRaises(Forbidden, client.all, '/v1/x')
