import itertools
import threading
import types

import fixtures
from oslotest import base

from steal_scheduler.exception import ConfigError, SignalError
from steal_scheduler.signals.prometheus.client import PrometheusClient
from steal_scheduler.signals.prometheus.source import PrometheusSource
from tests.hostile import HOSTILE, SHOWN
from tests.standins import prometheus
from tests.standins.transport import mounted, served
from tests.unit.options import configuration


def client(**values):
    made = PrometheusClient(
        configuration('prometheus', PrometheusSource.OPTS, **values)
    )
    made.begin()
    return made


class AskTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.logs = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.prometheus = prometheus.Prometheus()
        self.url = 'http://192.0.2.1:9090'
        self.net = {self.url: self.prometheus}
        self.enterContext(mounted(self.net))
        self.prometheus.answers['up'] = prometheus.vector(({'a': 'b'}, 1, 7.5))
        self.client = client(url=self.url, timeout=10)

    def _serve(self):
        self.url = self.enterContext(served(self.prometheus)).url

    def _fails(self, *words):
        error = self.assertRaises(
            SignalError, self.client.ask, 'servers.used', 'up'
        )
        for word in (
            f'{self.url}: [prometheus] preset = steal-exporter, '
            'query servers.used: ',
            *words,
        ):
            self.assertIn(word, str(error))
        return error

    def test_good(self):
        (series,) = self.client.ask('servers.used', 'up')
        self.assertEqual({'metric': {'a': 'b'}, 'value': [7.5, '1']}, series)
        (asked,) = self.prometheus.asked
        self.assertEqual('GET /api/v1/query', str(asked))
        self.assertEqual({'query': 'up', 'timeout': '10s'}, asked.query)

    def test_prefix(self):
        client(url=self.url + '/prefix/').ask('servers.used', 'up')
        self.assertEqual(['GET /prefix/api/v1/query'], self.prometheus.calls())

    def test_it_is_a_plain_get(self):
        self.client.ask('servers.used', 'up')
        (asked,) = self.prometheus.asked
        self.assertEqual('application/json', asked.headers['accept'])
        self.assertNotIn('authorization', asked.headers)
        self.assertEqual(b'', asked.body)

    def test_a_long_query(self):
        query = 'up or ' * 1000 + 'up'
        self.prometheus.answers[query] = prometheus.vector(({}, 1, 7.5))
        self.assertEqual(1, len(self.client.ask('servers.used', query)))

    def test_warnings_are_told_once(self):
        self.prometheus.answers['up']['warnings'] = ['store x is down']
        for _ in range(2):
            self.assertEqual(1, len(self.client.ask('servers.used', 'up')))
        self.assertEqual(1, self.logs.output.count('store x is down'))
        self.prometheus.answers['up']['warnings'] = [HOSTILE]
        self.client.ask('servers.used', 'up')
        self.assertIn(SHOWN, self.logs.output)

    def test_no_success(self):
        for status, body, *words in (
            (400, {'status': 'error', 'error': 'parse error'}, 'parse error'),
            (401, b'Unauthorized', 'auth_type = http_basic'),
            (404, b'not here', '/api/v1/query'),
            (422, {'status': 'error', 'error': 'many-to-many'}, 'many-to'),
            (502, b'<html>bad gateway</html>', 'bad gateway'),
            (503, {'status': 'error', 'error': 'timed out'}, 'raise timeout'),
            (500, prometheus.vector(({}, 1, 1)), 'what answers there'),
            (302, b'', 'what answers there'),
            (414, b'', 'Shorten the query'),
            (200, b'<html>welcome</html>', 'welcome'),
            (200, b'\xff', 'what answers there'),
            (200, b'[]', 'what answers there'),
            (200, {'status': 'error', 'error': 'odd'}, 'odd'),
        ):
            self.prometheus.answers['up'] = status, body
            self._fails(f'answered {status} ', *words)

    def test_a_redirect_is_not_followed(self):
        """Nobody else is asked, nor believed."""
        other = prometheus.Prometheus()
        other.answers = {'up': prometheus.vector(({}, 1, 7.5))}
        self.net['http://192.0.2.2:9090'] = other
        there = 'http://192.0.2.2:9090/api/v1/query?query=up'
        for status in (301, 302, 303, 307, 308):
            self.prometheus.answers['up'] = status, b'', {'Location': there}
            self._fails(f'answered {status} ')
        self.assertEqual([], other.asked)

    def test_wrong_shape(self):
        self.prometheus.answers['up'] = {
            'status': 'success',
            'data': {'resultType': 'matrix', 'result': []},
        }
        self._fails("type 'matrix'")

    def test_time_out(self):
        self._serve()
        self.client = client(url=self.url, timeout=1)
        over = threading.Event()
        self.addCleanup(over.set)
        self.prometheus.before = lambda asked: over.wait(30)
        self._fails('no answer within 1 seconds')

    def test_a_reading_ends(self):
        """However many queries there are, and however slow each is."""
        clock = itertools.count(0, 9)
        self.useFixture(
            fixtures.MonkeyPatch(
                'steal_scheduler.signals.prometheus.client.time',
                types.SimpleNamespace(monotonic=lambda: next(clock)),
            )
        )
        self.client.begin()
        # After 9, 18 and 27 seconds, of 30.
        for _ in range(3):
            self.client.ask('servers.used', 'up')
        self._fails('not sent', '3 times timeout = 10 seconds', 'raise time')
        self.assertEqual(3, len(self.prometheus.asked))
        self.client.begin()
        self.client.ask('servers.used', 'up')

    def test_nobody_listens(self):
        self.net.clear()
        error = self._fails('no answer', 'that it runs')
        # The query is long, and stands in the URL.
        self.assertNotIn('query=', str(error))

    def test_no_tls_there(self):
        self._serve()
        self.url = self.url.replace('http:', 'https:')
        self.client = client(url=self.url)
        self._fails('TLS failed', 'cafile')

    def test_no_such_cafile(self):
        self.url = self.url.replace('http:', 'https:')
        self.client = client(url=self.url, cafile='/nowhere/ca.pem')
        self._fails('/nowhere/ca.pem')


class CheckTest(base.BaseTestCase):
    def _wrong(self, *words, **values):
        error = self.assertRaises(ConfigError, client, **values)
        for word in ('[prometheus] ', *words):
            self.assertIn(word, str(error))
        self.assertNotIn('hush', str(error))

    def test_good(self):
        for values in (
            {},
            {'url': 'https://prometheus.example/prefix/'},
            {'url': 'http://[::1]:9090'},
            {'url': 'HTTP://Prometheus'},
            {'cafile': '/c'},
            {'insecure': True},
        ):
            client(**values)

    def test_wrong_url(self):
        for url in (
            '',
            'prometheus:9090',
            'ftp://a',
            'http://',
            'http://:9090',
            'http://a:99999',
            'http://a:0',
            'http://a:b',
            'http://[::1',
            'http://a b',
        ):
            self._wrong(f'url = {url!r}', url=url)
        for url in ('http://a/?b=c', 'http://a/#b'):
            self._wrong(f'url = {url!r} is no', 'no query', url=url)

    def test_credentials_in_the_url(self):
        self._wrong(
            "url = 'http://***@a:9090/x' is no", url='http://me:hush@a:9090/x'
        )
        self._wrong("url = 'http://***@[a' is no", url='http://me:hush@[a')

    def test_contradictions(self):
        self._wrong(
            'insecure = True and cafile = /c', insecure=True, cafile='/c'
        )

    def test_verification_is_the_default(self):
        for values, verify in (
            ({}, True),
            ({'cafile': '/c'}, '/c'),
            ({'insecure': True}, False),
        ):
            self.assertEqual(verify, client(**values).session.verify)
