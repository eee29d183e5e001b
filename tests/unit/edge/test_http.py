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
    TlsFailed,
    bind,
    exchange,
)
from tests.unit.orchestrators.consul.stand_in import HttpPlace

#: Seconds after which an exchange that should have ended has not.
_HANGS = 30


class HttpTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.said: tuple[int, Any] = (200, {'a': 'b'})
        self.place = self.enterContext(HttpPlace(lambda *asked: self.said))

    def ask(self, **values: Any) -> requests.Response:
        tls = values.pop('tls', Tls())
        values = {'seconds': _HANGS, 'most': 100} | values
        return exchange('GET', f'{self.place.url}/x', tls, **values)

    def error(self, kind: type[ExchangeFailed], **values: Any) -> str:
        error = self.assertRaises(kind, self.ask, **values)
        self.assertIs(kind, type(error))
        return str(error)

    def serve(self, *pieces: bytes, hold: bool = False) -> None:
        """Send these, and then, if it holds us, a byte now and then."""

        def answer(handler: Any) -> None:
            handler.close_connection = True
            for piece in pieces:
                handler.wfile.write(piece)
            try:
                while hold:
                    handler.wfile.write(b'x')
                    time.sleep(0.05)
            except OSError:
                pass

        self.place.instead['/x'] = answer


class TestAnswers(HttpTest):
    def test_whatever_its_status_it_is_an_answer(self) -> None:
        for status in (200, 302, 404, 500):
            self.said = status, {'a': 'b'}
            response = self.ask()
            self.assertEqual(status, response.status_code)
            self.assertEqual({'a': 'b'}, response.json())

    def test_what_is_sent(self) -> None:
        self.ask(params={'q': '1'}, headers={'X-Consul-Token': 't'})
        self.assertEqual([('GET', '/x')], self.place.asked)
        self.assertEqual({'t'}, self.place.tokens)

    def test_nothing_of_the_environment(self) -> None:
        proxy = self.enterContext(HttpPlace(lambda *asked: (200, {})))
        for name in ('http_proxy', 'all_proxy'):
            self.useFixture(fixtures.EnvironmentVariable(name, proxy.url))
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
        self.serve(b'HTTP/1.1 200 OK\r\nX-Long: ', hold=True)
        self.assert_ends()

    def test_a_slow_body(self) -> None:
        head = b'HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n'
        self.serve(head, hold=True)
        self.assert_ends()

    def test_a_body_without_an_end(self) -> None:
        """Its beginning is no answer, whatever its status says."""
        self.serve(b'HTTP/1.1 200 OK\r\n\r\n', hold=True)
        begun = time.monotonic()
        self.error(NoAnswer, seconds=0.4, most=10**9)
        self.assertLess(time.monotonic() - begun, _HANGS)

    def test_a_handshake_that_hangs(self) -> None:
        with socket.create_server(('127.0.0.1', 0)) as silent:
            self.place.url = f'https://127.0.0.1:{silent.getsockname()[1]}'
            self.assert_ends()

    def test_one_that_was_kept_open(self) -> None:
        """The bound of an exchange is its own."""
        session = self.enterContext(requests.Session())
        bind(session, 100)

        self.place.headers['Connection'] = 'keep-alive'
        callers = []

        def answer(handler: Any) -> None:
            callers.append(handler.client_address)
            if len(callers) == 1:
                handler.protocol_version = 'HTTP/1.1'
                self.place.send(handler, 200, {})
                handler.close_connection = False
            else:
                slow(handler)

        self.serve(b'HTTP/1.1 200 OK\r\nX-Long: ', hold=True)
        slow = self.place.instead['/x']
        self.place.instead['/x'] = answer
        url = f'{self.place.url}/x'
        self.assertEqual({}, session.get(url, timeout=_HANGS).json())
        error = self.assertRaises(
            requests.exceptions.Timeout, session.get, url, timeout=0.4
        )
        self.assertIn('no answer in 0.4 s', str(error))
        self.assertEqual(callers[:1] * 2, callers)


class TestTrouble(HttpTest):
    def test_nobody(self) -> None:
        self.place.url = 'http://127.0.0.1:1'
        self.assertIn('refused', self.error(NoAnswer))

    def test_half_an_answer(self) -> None:
        self.serve(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}')
        self.assertIn('no end', self.error(NoAnswer))

    def test_no_http(self) -> None:
        self.serve(b'SSH-2.0-OpenSSH\r\n')
        self.error(NoAnswer)

    def test_no_tls_there(self) -> None:
        self.place.url = self.place.url.replace('http:', 'https:')
        self.error(TlsFailed)

    def test_no_such_file(self) -> None:
        self.place.url = self.place.url.replace('http:', 'https:')
        for tls in (
            Tls(cafile='/no/such'),
            Tls(certfile='/no/such', insecure=True),
        ):
            self.assertIn('/no/such', self.error(ExchangeFailed, tls=tls))
