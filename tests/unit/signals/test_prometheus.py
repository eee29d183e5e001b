import logging

import fixtures
from oslotest import base

from steal_scheduler.exception import ConfigError, SignalError
from steal_scheduler.signals.prometheus import PrometheusSource
from tests.unit.signals import stand_in
from tests.unit.signals.options import configuration

NOW = 1_000_000.0
A = {'server_id': 'a', 'host': 'cmp-1.example:9177'}
B = {'server_id': 'b', 'host': 'cmp-2'}


def built(**options):
    return PrometheusSource(
        configuration('prometheus', PrometheusSource.OPTS, **options)
    )


def custom(**options):
    """Queries so plain that a test can tell their answers."""
    queries = {
        f'{name}_query': name for name in ('used', 'waited', 'load', 'cores')
    }
    return built(preset='custom', **(queries | options))


class ReadTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.logs = self.useFixture(
            fixtures.FakeLogger('steal_scheduler', level=logging.INFO)
        )
        self.prometheus = self.enterContext(stand_in.StandIn())
        self.source = custom(url=self.prometheus.url)
        self._says(
            used=[(A, 2.0, NOW), (B, 1.0, NOW)],
            waited=[(A, 0.5, NOW), (B, 0.0, NOW)],
            load=[({'server_id': 'a'}, 4.5, NOW)],
            cores=[
                ({'host': 'cmp-1.example:9100'}, 16, NOW),
                ({'host': 'cmp-2'}, 8, NOW),
            ],
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
            {
                'a': ('cmp-1.example', 2.0, 0.5, 4.5),
                'b': ('cmp-2', 1.0, 0.0, None),
            },
            {
                s.server_id: (s.host, s.used, s.waited, s.load)
                for s in signals.servers.values()
            },
        )
        self.assertEqual(
            {'cmp-1.example': 16.0, 'cmp-2': 8.0},
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

    def test_no_load_query_is_not_asked(self):
        self.source = custom(url=self.prometheus.url, load_query=None)
        signals = self.source.read(NOW)
        self.assertIsNone(signals.servers['a'].load)
        self.assertEqual(3, len(self.prometheus.requests))

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


class ConfigTest(base.BaseTestCase):
    def test_defaults_are_good(self):
        source = built()
        self.assertEqual(
            {'used_query', 'waited_query', 'cores_query'}, set(source.promql)
        )
        self.assertIn('[60s]', source.promql['used_query'])
        self.assertIn('openstack_info', source.promql['used_query'])

    def test_labels_reach_the_preset(self):
        source = built(server_label='uuid', host_label='nodename')
        for promql in source.promql.values():
            self.assertNotIn('instance', promql.replace('instance_id', ''))
            self.assertIn('nodename', promql)

    def test_an_override_replaces_one_query(self):
        source = built(load_query='x[{window}]', window=30)
        self.assertEqual('x[30s]', source.promql['load_query'])

    def test_wrong_options(self):
        for options, *words in (
            ({'url': 'prometheus:9090'}, 'url'),
            ({'used_query': 'x[{windw}]'}, 'used_query', '{windw}'),
            ({'host_regex': '('}, "host_regex = '('"),
            ({'host_regex': '.*'}, "host_regex = '.*'", 'group'),
            ({'host_label': 'a-b'}, "host_label = 'a-b'"),
            ({'preset': 'custom'}, 'used_query', 'preset = custom'),
        ):
            error = self.assertRaises(ConfigError, built, **options)
            for word in ('[prometheus] ', *words):
                self.assertIn(word, str(error))
