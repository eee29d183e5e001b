import logging
import threading

import fixtures
from oslo_config import cfg
from oslotest import base

from steal_scheduler.exception import ConfigError, SignalError
from steal_scheduler.signals.prometheus import PrometheusSource
from tests.unit.signals import stand_in

NOW = 1_000_000.0
A, B = {'server_id': 'a', 'host': 'h:9177'}, {'server_id': 'b', 'host': 'i'}


def configuration(**options):
    conf = cfg.ConfigOpts()
    conf.register_opts(PrometheusSource.OPTS, group='prometheus')
    conf([])
    for name, value in options.items():
        conf.set_override(name, value, group='prometheus')
    return conf


def custom(**options):
    """Queries so plain that a test can tell their answers."""
    queries = {
        f'{name}_query': name for name in ('used', 'waited', 'load', 'cores')
    }
    return configuration(preset='custom', **(queries | options))


class ReadTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.logs = self.useFixture(
            fixtures.FakeLogger('steal_scheduler', level=logging.INFO)
        )
        self.prometheus = self.enterContext(stand_in.StandIn())
        self.source = PrometheusSource(custom(url=self.prometheus.url))
        self._says(
            used=[(A, 2.0, NOW), (B, 1.0, NOW)],
            waited=[(A, 0.5, NOW), (B, 0.0, NOW)],
            load=[({'server_id': 'a'}, 4.5, NOW)],
            cores=[({'host': 'h:9100'}, 16, NOW), ({'host': 'i'}, 8, NOW)],
        )

    def _says(self, **answers):
        self.prometheus.answers.update(
            (query, stand_in.vector(*series))
            for query, series in answers.items()
        )

    def _fails(self, *words):
        error = self.assertRaises(SignalError, self.source.read, NOW)
        for word in (self.source.conf.prometheus.url, *words):
            self.assertIn(word, str(error))

    def test_good(self):
        signals = self.source.read(NOW)
        self.assertEqual(NOW, signals.taken_at)
        self.assertEqual(
            {'a': ('h', 2.0, 0.5, 4.5), 'b': ('i', 1.0, 0.0, None)},
            {
                s.server_id: (s.host, s.used, s.waited, s.load)
                for s in signals.servers.values()
            },
        )
        self.assertEqual(
            {'h': 16.0, 'i': 8.0},
            {host.host: host.cores for host in signals.hosts.values()},
        )

    def test_four_queries(self):
        self.source.read(NOW)
        self.source.read(NOW)
        self.assertEqual(8, len(self.prometheus.requests))
        self.assertEqual(
            {
                'used_query': 2,
                'waited_query': 2,
                'load_query': 2,
                'cores_query': 2,
            },
            self.source.queries,
        )
        for path, _, form in self.prometheus.requests:
            self.assertEqual('/api/v1/query', path)
            self.assertEqual('10s', form['timeout'])

    def test_no_load_query_is_not_asked(self):
        self.source = PrometheusSource(
            custom(url=self.prometheus.url + '/prefix/', load_query=None)
        )
        signals = self.source.read(NOW)
        self.assertIsNone(signals.servers['a'].load)
        self.assertEqual(
            ['/prefix/api/v1/query'] * 3,
            [path for path, _, _ in self.prometheus.requests],
        )

    def test_no_guest_tells_its_load(self):
        self._says(load=[])
        self.assertIsNone(self.source.read(NOW).servers['a'].load)

    def test_partly_unusable(self):
        self._says(
            used=[(A, 2.0, NOW), (B, 'NaN', NOW)], waited=[(A, 0.5, NOW)]
        )
        self.assertEqual(['a'], list(self.source.read(NOW).servers))
        self.assertIn('1 not a finite number', self.logs.output)
        # Told once, and once more when it is over.
        lines = self.logs.output.count('\n')
        self.source.read(NOW)
        self.assertEqual(lines, self.logs.output.count('\n'))
        self._says(used=[(A, 2.0, NOW)])
        self.source.read(NOW)
        self.assertIn('used_query: nothing more', self.logs.output)

    def test_empty(self):
        for query in ('used', 'waited', 'cores'):
            before = self.prometheus.answers[query]
            self._says(**{query: []})
            self._fails(f'{query}_query', 'no series answers')
            self.prometheus.answers[query] = before

    def test_all_stale(self):
        self._says(waited=[(A, 0.5, NOW - 500), (B, 0.5, NOW - 500)])
        self._fails('waited_query', 'none of 2', '2 older than max_age')

    def test_nanoseconds(self):
        self._says(used=[(A, 1e9, NOW)])
        self._fails('used_query', '1 more cores than any machine has')

    def test_no_server_on_both_sides(self):
        self._says(used=[(A, 1.0, NOW)], waited=[(B, 1.0, NOW)])
        self._fails('used_query and waited_query', '2 in only one of')

    def test_warnings_are_told_once(self):
        self.prometheus.answers['used']['warnings'] = ['store x is down']
        for _ in range(2):
            self.assertIn('a', self.source.read(NOW).servers)
        self.assertEqual(1, self.logs.output.count('store x is down'))

    def test_http_errors(self):
        for status, body, *words in (
            (400, {'status': 'error', 'error': 'parse error'}, 'parse error'),
            (401, b'Unauthorized', 'username and password'),
            (404, b'not here', '/api/v1/query'),
            (422, {'status': 'error', 'error': 'many-to-many'}, 'many-to'),
            (502, b'<html>bad gateway</html>', 'bad gateway'),
            (302, b'', 'what answers there'),
            (200, b'<html>welcome</html>', 'welcome'),
            (200, b'[]', 'what answers there'),
            (200, {'status': 'error', 'error': 'odd'}, 'odd'),
        ):
            self.prometheus.answers['waited'] = status, body
            self._fails('waited_query', str(status), *words)

    def test_wrong_shape(self):
        self.prometheus.answers['used'] = {
            'status': 'success',
            'data': {'resultType': 'matrix', 'result': []},
        }
        self._fails('used_query', "type 'matrix'")

    def test_time_out(self):
        self.source.conf.set_override('timeout', 1, group='prometheus')
        over = threading.Event()
        self.addCleanup(over.set)
        self.prometheus.before = lambda: over.wait(30)
        self._fails('cores_query', 'within 1 seconds')

    def test_nobody_listens(self):
        self.prometheus.stop()
        self._fails('no answer', 'that it runs')

    def test_tls(self):
        url = self.prometheus.url.replace('http:', 'https:')
        self.source.conf.set_override('url', url, group='prometheus')
        self.source = PrometheusSource(self.source.conf)
        self._fails('TLS failed', 'cafile')

    def test_no_such_cafile(self):
        self.source = PrometheusSource(
            custom(url='https://127.0.0.1:9', cafile='/nowhere/ca.pem')
        )
        self._fails('/nowhere/ca.pem')

    def test_basic_authentication(self):
        self.source = PrometheusSource(
            custom(url=self.prometheus.url, username='ä', password='ö')
        )
        self.source.read(NOW)
        _, headers, _ = self.prometheus.requests[0]
        self.assertEqual('Basic w6Q6w7Y=', headers['Authorization'])

    def test_token_is_read_anew(self):
        path = self.useFixture(fixtures.TempDir()).join('token')
        self.source = PrometheusSource(
            custom(url=self.prometheus.url, token_file=path)
        )
        error = self.assertRaises(SignalError, self.source.read, NOW)
        self.assertIn(f'token_file = {path}', str(error))
        for token in ('one', 'two'):
            with open(path, 'w') as file:
                file.write(token + '\n')
            self.source.read(NOW)
            _, headers, _ = self.prometheus.requests[-1]
            self.assertEqual(f'Bearer {token}', headers['Authorization'])
        with open(path, 'w') as file:
            file.write('hush\nhush')
        error = self.assertRaises(SignalError, self.source.read, NOW)
        self.assertNotIn('hush', str(error))


class ConfigTest(base.BaseTestCase):
    def test_defaults_are_good(self):
        source = PrometheusSource(configuration())
        self.assertEqual(
            {'used_query', 'waited_query', 'cores_query'}, set(source.promql)
        )
        self.assertIn('[60s]', source.promql['used_query'])
        self.assertIn('openstack_info', source.promql['used_query'])

    def test_labels_reach_the_preset(self):
        source = PrometheusSource(
            configuration(server_label='uuid', host_label='nodename')
        )
        for promql in source.promql.values():
            self.assertNotIn('instance', promql.replace('instance_id', ''))
            self.assertIn('nodename', promql)

    def test_an_override_replaces_one_query(self):
        source = PrometheusSource(
            configuration(load_query='x[{window}]', window=30)
        )
        self.assertEqual('x[30s]', source.promql['load_query'])

    def test_wrong_options(self):
        for options, *words in (
            ({'url': 'prometheus:9090'}, "url = 'prometheus:9090'"),
            ({'url': 'http://'}, "url = 'http://'"),
            ({'url': 'http://a:99999'}, "url = 'http://a:99999'"),
            ({'url': 'http://a/?b=c'}, 'url = http://a/?b=c'),
            ({'used_query': 'x[{windw}]'}, 'used_query', '{windw}'),
            ({'host_regex': '('}, "host_regex = '('"),
            ({'host_regex': '.*'}, "host_regex = '.*'", 'group'),
            ({'host_label': 'a-b'}, "host_label = 'a-b'"),
            ({'preset': 'custom'}, 'used_query', 'preset = custom'),
            ({'username': 'u', 'token_file': '/t'}, 'username', 'token_file'),
            ({'insecure': True, 'cafile': '/c'}, 'insecure', 'cafile'),
            ({'password': 'hush'}, 'username'),
        ):
            error = self.assertRaises(
                ConfigError, PrometheusSource, configuration(**options)
            )
            for word in ('[prometheus] ', *words):
                self.assertIn(word, str(error))
            self.assertNotIn('hush', str(error))

    def test_credentials_in_the_url(self):
        error = self.assertRaises(
            ConfigError,
            PrometheusSource,
            configuration(url='http://me:hush@a:9090/x'),
        )
        self.assertIn('url = http://a:9090/x', str(error))
        self.assertNotIn('hush', str(error))
