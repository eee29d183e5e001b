"""An exchange ends, whatever the other side does."""

import socket
import time
from typing import Any

import fixtures
import requests
from oslotest import base

from steal_scheduler.edge.http import (
    ExchangeFailed,
    NoAnswer,
    Tls,
    bind,
    exchange,
)
from tests.shared import PATIENCE
from tests.standins.app import Request, StandIn, raw
from tests.standins.transport import served

#: Seconds after which an exchange that should have ended has not.
_HANGS = PATIENCE


class HttpTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.said: tuple[int, Any] = (200, {'a': 'b'})
        self.place = StandIn()
        self.place.instead['*'] = lambda asked: self.said
        self.url = self.enterContext(served(self.place)).url

    def ask(self, **values: Any) -> requests.Response:
        tls = values.pop('tls', Tls())
        values = {'seconds': _HANGS, 'most': 100} | values
        return exchange('GET', f'{self.url}/x', tls, **values)

    def error(self, kind: type[ExchangeFailed], **values: Any) -> str:
        error = self.assertRaises(kind, self.ask, **values)
        self.assertIs(kind, type(error))
        return str(error)


class TestAnswers(HttpTest):
    def test_whatever_its_status_it_is_an_answer(self) -> None:
        for status in (200, 302, 404, 500):
            self.said = status, {'a': 'b'}
            response = self.ask()
            self.assertEqual(status, response.status_code)
            self.assertEqual({'a': 'b'}, response.json())

    def test_what_is_sent(self) -> None:
        self.ask(params={'q': '1'}, headers={'X-Consul-Token': 't'})
        (asked,) = self.place.asked
        self.assertEqual(('GET /x', {'q': '1'}), (str(asked), asked.query))
        self.assertEqual('t', asked.headers['x-consul-token'])

    def test_nothing_of_the_environment(self) -> None:
        proxy = StandIn()
        url = self.enterContext(served(proxy)).url
        for name in ('http_proxy', 'all_proxy'):
            self.useFixture(fixtures.EnvironmentVariable(name, url))
        self.useFixture(fixtures.EnvironmentVariable('no_proxy', ''))
        self.ask()
        self.assertEqual([], proxy.asked)

    def test_too_much(self) -> None:
        self.said = 200, b'x' * 100
        self.assertEqual(100, len(self.ask().content))
        self.said = 200, b'x' * 101
        self.assertIn('more than 100 bytes', self.error(ExchangeFailed))

    def test_packed(self) -> None:
        """It might unpack to a thousand times its size."""
        self.place.headers['Content-Encoding'] = 'gzip'
        self.said = 200, b'\x1f\x8b'
        self.assertEqual(b'\x1f\x8b', self.ask().content)


class TestTime(HttpTest):
    def assert_ends(self) -> None:
        begun = time.monotonic()
        self.assertEqual(
            'no answer in 0.4 s', self.error(NoAnswer, seconds=0.4)
        )
        self.assertLess(time.monotonic() - begun, _HANGS)

    def test_slow_headers(self) -> None:
        self.place.instead['*'] = raw(b'HTTP/1.1 200 OK\r\nX-Long: ', b'x')
        self.assert_ends()

    def test_a_slow_body(self) -> None:
        head = b'HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n'
        self.place.instead['*'] = raw(head, b'x')
        self.assert_ends()

    def test_a_body_without_an_end(self) -> None:
        """Its beginning is no answer, whatever its status says."""
        self.place.instead['*'] = raw(b'HTTP/1.1 200 OK\r\n\r\n', b'x')
        begun = time.monotonic()
        self.error(NoAnswer, seconds=0.4, most=10**9)
        self.assertLess(time.monotonic() - begun, _HANGS)

    def test_a_handshake_that_hangs(self) -> None:
        with socket.create_server(('127.0.0.1', 0)) as silent:
            self.url = f'https://127.0.0.1:{silent.getsockname()[1]}'
            self.assert_ends()

    def test_one_that_was_kept_open(self) -> None:
        """The bound of an exchange is its own."""
        session = self.enterContext(requests.Session())
        bind(session, 100)
        whole = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'
        slow = raw(b'HTTP/1.1 200 OK\r\nX-Long: ', b'x')

        def answer(request: Request) -> None:
            request.socket.sendall(whole)
            self.assertIn(b'GET /x', request.socket.recv(65536))
            slow(request)

        self.place.instead['*'] = answer
        url = f'{self.url}/x'
        self.assertEqual({}, session.get(url, timeout=_HANGS).json())
        error = self.assertRaises(
            requests.exceptions.Timeout, session.get, url, timeout=0.4
        )
        self.assertIn('no answer in 0.4 s', str(error))
        # There was no second connection.
        self.assertEqual(1, len(self.place.asked))


class TestTrouble(HttpTest):
    def test_nobody(self) -> None:
        self.url = 'http://127.0.0.1:1'
        self.assertIn('refused', self.error(NoAnswer))

    def test_half_an_answer(self) -> None:
        self.place.instead['*'] = raw(
            b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}'
        )
        self.assertIn('no end', self.error(NoAnswer))

    def test_no_http(self) -> None:
        self.place.instead['*'] = raw(b'SSH-2.0-OpenSSH\r\n')
        self.error(NoAnswer)

    def test_no_tls_there(self) -> None:
        self.url = self.url.replace('http:', 'https:')
        self.assertIn('TLS failed', self.error(ExchangeFailed))

    def test_no_such_file(self) -> None:
        self.url = self.url.replace('http:', 'https:')
        for tls in (
            Tls(cafile='/no/such'),
            Tls(certfile='/no/such', insecure=True),
        ):
            self.assertIn('/no/such', self.error(ExchangeFailed, tls=tls))
