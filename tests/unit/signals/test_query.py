import threading

import fixtures
from oslotest import base

from steal_scheduler.exception import ConfigError, SignalError
from steal_scheduler.signals import connection, login
from steal_scheduler.signals.query import PrometheusApi, Refused
from tests.unit.signals import stand_in
from tests.unit.signals.options import configuration


def api(**values):
    return PrometheusApi(
        configuration('prometheus', [*connection.OPTS, *login.OPTS], **values)
    )


class AskTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.logs = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.prometheus = self.enterContext(stand_in.StandIn())
        self.url = self.prometheus.url
        self.prometheus.answers['up'] = stand_in.vector(({'a': 'b'}, 1, 7.5))
        self.api = api(url=self.url, timeout=10)

    def _fails(self, *words):
        error = self.assertRaises(
            SignalError, self.api.ask, 'used_query', 'up'
        )
        for word in (f'{self.url}: [prometheus] used_query: ', *words):
            self.assertIn(word, str(error))
        return error

    def test_good(self):
        (sample,) = self.api.ask('used_query', 'up')
        self.assertEqual(
            ({'a': 'b'}, 1.0, 7.5), (sample.labels, sample.value, sample.at)
        )
        ((path, _, form),) = self.prometheus.requests
        self.assertEqual('/api/v1/query', path)
        self.assertEqual({'query': 'up', 'timeout': '10s'}, form)

    def test_prefix(self):
        api(url=self.url + '/prefix/').ask('used_query', 'up')
        ((path, _, _),) = self.prometheus.requests
        self.assertEqual('/prefix/api/v1/query', path)

    def test_who_asks_is_told(self):
        api(url=self.url, username='u').ask('used_query', 'up')
        ((_, headers, _),) = self.prometheus.requests
        self.assertEqual('Basic dTo=', headers['Authorization'])
        self.assertEqual('application/json', headers['Accept'])

    def test_queries_are_counted(self):
        for option in ('used_query', 'used_query', 'load_query'):
            self.api.ask(option, 'up')
        self.prometheus.answers['up'] = 500, b''
        self._fails()
        self.assertEqual({'used_query': 3, 'load_query': 1}, self.api.queries)

    def test_wrong_options(self):
        self.assertRaises(ConfigError, api, url='nowhere')
        self.assertRaises(ConfigError, api, username='u', token_file='/t')

    def test_warnings_are_told_once(self):
        self.prometheus.answers['up']['warnings'] = ['store x is down']
        for _ in range(2):
            self.assertEqual(1, len(self.api.ask('used_query', 'up')))
        self.assertEqual(1, self.logs.output.count('store x is down'))

    def test_no_success(self):
        for status, body, *words in (
            (400, {'status': 'error', 'error': 'parse error'}, 'parse error'),
            (401, b'Unauthorized', 'username and password'),
            (404, b'not here', '/api/v1/query'),
            (422, {'status': 'error', 'error': 'many-to-many'}, 'many-to'),
            (502, b'<html>bad gateway</html>', 'bad gateway'),
            (503, {'status': 'error', 'error': 'timed out'}, 'raise timeout'),
            (500, stand_in.vector(({}, 1, 1)), 'what answers there'),
            (302, b'', 'what answers there'),
            (200, b'<html>welcome</html>', 'welcome'),
            (200, b'\xff', 'what answers there'),
            (200, b'[]', 'what answers there'),
            (200, {'status': 'error', 'error': 'odd'}, 'odd'),
        ):
            self.prometheus.answers['up'] = status, body
            error = self._fails(f'answered {status} ', *words)
            # Then the query is to blame, and not Prometheus.
            self.assertEqual(status in (400, 422), isinstance(error, Refused))

    def test_wrong_shape(self):
        self.prometheus.answers['up'] = {
            'status': 'success',
            'data': {'resultType': 'matrix', 'result': []},
        }
        self._fails("type 'matrix'")

    def test_time_out(self):
        self.api = api(url=self.url, timeout=1)
        over = threading.Event()
        self.addCleanup(over.set)
        self.prometheus.before = lambda: over.wait(30)
        self._fails('no answer within 1 seconds')

    def test_nobody_listens(self):
        self.prometheus.stop()
        self._fails('no answer', 'that it runs')

    def test_no_tls_there(self):
        self.url = self.url.replace('http:', 'https:')
        self.api = api(url=self.url)
        self._fails('TLS failed', 'cafile')

    def test_no_such_cafile(self):
        self.url = self.url.replace('http:', 'https:')
        self.api = api(url=self.url, cafile='/nowhere/ca.pem')
        self._fails('/nowhere/ca.pem')
