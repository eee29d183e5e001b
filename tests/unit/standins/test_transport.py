import contextlib
import http.client
import socket
from collections.abc import Callable, Iterator
from typing import Any

import requests
import urllib3
from keystoneauth1 import session, token_endpoint
from oslotest import base

from tests.standins.app import Answer, Request, StandIn, hang_up, route
from tests.standins.transport import mounted, served

URL = 'http://192.0.2.1:80'
Ask = Callable[[str], tuple[int, bytes]]


class Counter(StandIn):
    """Counts what is put, and tells what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    @route('PUT', '/count/{}')
    def _put(self, request: Request, name: str) -> Answer:
        self.count += 1
        return 200, {'name': name, 'said': request.json}

    @route('GET', '/count')
    def _get(self, request: Request) -> Answer:
        return 200, {'query': request.query, **request.headers}


@contextlib.contextmanager
def in_memory(app: Any) -> Iterator[str]:
    with mounted({URL: app}):
        yield URL


@contextlib.contextmanager
def on_loopback(app: Any) -> Iterator[str]:
    with served(app) as server:
        yield server.url


class TestBoth(base.BaseTestCase):
    """In memory and on loopback a client sees the same."""

    def each(self) -> Iterator[tuple[Counter, str]]:
        for reach in in_memory, on_loopback:
            counter = Counter()
            with reach(counter) as url:
                yield counter, url

    def test_requests(self) -> None:
        for _, url in self.each():
            answer = requests.put(f'{url}/count/a%20b', json={'x': 'é'})
            self.assertEqual(
                {'name': 'a b', 'said': {'x': 'é'}}, answer.json()
            )
            answer = requests.get(
                f'{url}/count', {'q': ''}, headers={'X-Y': '1'}
            )
            self.assertEqual({'q': ''}, answer.json()['query'])
            self.assertEqual('1', answer.json()['x-y'])
            answer = requests.get(f'{url}/elsewhere')
            self.assertEqual(
                (404, 'Not Found'), (answer.status_code, answer.reason)
            )

    def test_one_connection_pool(self) -> None:
        for counter, url in self.each():
            with urllib3.PoolManager() as pool:
                for _ in range(3):
                    pool.request('PUT', f'{url}/count/a')
            self.assertEqual(3, counter.count)
            self.assertEqual(['PUT /count/a'] * 3, counter.calls())

    def test_keystoneauth(self) -> None:
        for _, url in self.each():
            auth = token_endpoint.Token(url, 's3cr3t')
            answer = session.Session(auth).get(f'{url}/count')
            self.assertEqual('s3cr3t', answer.json()['x-auth-token'])

    def test_a_socket_of_our_own(self) -> None:
        for counter, url in self.each():
            host, _, port = url.removeprefix('http://').partition(':')
            with contextlib.closing(
                http.client.HTTPConnection(host, int(port))
            ) as connection:
                connection.sock = socket.create_connection((host, port), 5)
                copy = connection.sock.dup()
                connection.request('PUT', '/count/a', b'3')
                self.assertIn(b'"said": 3', connection.getresponse().read())
                with contextlib.suppress(OSError):
                    copy.shutdown(socket.SHUT_RDWR)
                copy.close()
            self.assertEqual(1, counter.count)

    def test_something_else(self) -> None:
        for counter, url in self.each():
            counter.instead = {
                'PUT *': (418, b'', {'X-A': 'b'}),
                'GET *': lambda request: None,
                '*/b': hang_up,
            }
            answer = requests.put(f'{url}/count/a')
            self.assertEqual(
                (418, 'b'), (answer.status_code, answer.headers['X-A'])
            )
            self.assertTrue(requests.get(f'{url}/count').ok)
            self.assertRaises(
                requests.ConnectionError, requests.get, f'{url}/b'
            )
            self.assertEqual(0, counter.count)

    def test_out_of_time(self) -> None:
        """In memory it is said at once, by whoever decides on the time."""

        def late(request: Request) -> None:
            if request.socket is None:
                raise TimeoutError
            request.socket.recv(1)

        for counter, url in self.each():
            counter.instead['*'] = late
            self.assertRaises(
                requests.ReadTimeout, requests.get, url, timeout=0.2
            )


class TestMounted(base.BaseTestCase):
    def test_nobody_is_there(self) -> None:
        net = {URL: Counter()}
        with mounted(net):
            self.assertTrue(requests.get(f'{URL}/count').ok)
            del net[URL]
            self.assertRaises(
                requests.ConnectionError, requests.get, f'{URL}/count'
            )

    def test_an_app_that_breaks(self) -> None:
        counter = Counter()
        counter.instead['*'] = lambda request: {}['x']
        with mounted({URL: counter}):
            error = self.assertRaises(
                AssertionError, requests.get, f'{URL}/count'
            )
        self.assertIn('GET /count broke', str(error))
