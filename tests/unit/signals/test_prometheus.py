import logging

import fixtures
from oslotest import base

from steal_scheduler.exception import ConfigError, SignalError
from steal_scheduler.model.cloud import GuestKey, GuestSignal
from steal_scheduler.signals.prometheus import PrometheusSource
from steal_scheduler.signals.quantity import QUANTITIES
from tests.unit.signals import stand_in
from tests.unit.signals.options import configuration

NOW = 1_000_000.0
A = {'server_id': 'a', 'host': 'cmp-1.example:9177'}
B = {'server_id': 'b', 'host': 'cmp-2'}
H = {'host': 'cmp-1.example:9100'}
I = {'host': 'cmp-2'}  # noqa: E741
GUEST = {'instance_id': 'a'}


def built(**options):
    return PrometheusSource(
        configuration('prometheus', PrometheusSource.OPTS, **options)
    )


def custom(**options):
    """Queries so plain that a test can tell their answers."""
    queries = {option: option.removesuffix('_query') for option in QUANTITIES}
    return built(preset='custom', **(queries | options))


class Case(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.logs = self.useFixture(
            fixtures.FakeLogger('steal_scheduler', level=logging.INFO)
        )
        self.prometheus = self.enterContext(stand_in.StandIn())

    def _says(self, **answers):
        self.prometheus.answers = {
            **self.prometheus.answers,
            **{
                query: stand_in.vector(*series)
                for query, series in answers.items()
            },
        }

    def _fails(self, *words):
        error = self.assertRaises(SignalError, self.source.read, NOW)
        for word in (self.source.conf.prometheus.url, *words):
            self.assertIn(word, str(error))


class ReadTest(Case):
    def setUp(self):
        super().setUp()
        self.source = custom(url=self.prometheus.url, window=90)
        self._says(
            used=[(A, 2.0, NOW), (B, 1.0, NOW)],
            waited=[(A, 0.5, NOW), (B, 0.0, NOW)],
            throttled=[(A, 0.25, NOW)],
            bad_seconds=[(A, 0.75, NOW), (B, 'NaN', NOW)],
            cores=[(H, 16, NOW), (I, 8, NOW)],
            host_used=[(H, 3.0, NOW)],
            runnable=[(H, 1.5, NOW), (I, 'NaN', NOW)],
            clock=[(H, -2.5, NOW)],
            guest_used=[(GUEST, 1.9, NOW)],
            guest_waited=[(GUEST, 0.4, NOW)],
            guest_load=[(GUEST, 4.5, NOW)],
        )

    def test_good(self):
        signals = self.source.read(NOW)
        self.assertEqual((NOW, 90.0), (signals.taken_at, signals.window))
        self.assertEqual(
            {
                'a': ('cmp-1.example', 2.0, 0.5, 0.25, 0.75),
                'b': ('cmp-2', 1.0, 0.0, None, None),
            },
            {
                s.server_id: (
                    s.host,
                    s.used,
                    s.waited,
                    s.throttled,
                    s.bad_seconds,
                )
                for s in signals.servers.values()
            },
        )
        self.assertEqual(
            {
                'cmp-1.example': (16.0, 3.0, 1.5, -2.5),
                'cmp-2': (8.0, None, None, None),
            },
            {
                h.host: (h.cores, h.used, h.runnable, h.clock_offset)
                for h in signals.hosts.values()
            },
        )
        # A ratio of nothing is no news.
        self.assertEqual('', self.logs.output)

    def test_guests_are_not_joined(self):
        signals = self.source.read(NOW)
        self.assertEqual(
            {'a': GuestSignal(NOW, 1.9, 0.4, 4.5)}, signals.guests
        )
        self.assertIs(GuestKey.UUID, signals.guests_by)
        signal = signals.servers['a']
        self.assertEqual((None, None), (signal.load, signal.guest_waited))

    def test_three_queries(self):
        self.source.read(NOW)
        self.source.read(NOW)
        self.assertEqual(6, len(self.prometheus.requests))
        self.assertEqual(6, self.source.queries.total())
        self.assertEqual([2, 2, 2], [*self.source.queries.values()])

    def test_what_is_not_asked_costs_nothing(self):
        none = dict.fromkeys(
            ('guest_used_query', 'guest_waited_query', 'guest_load_query')
        )
        self.source = custom(url=self.prometheus.url, **none)
        self.assertEqual({}, self.source.read(NOW).guests)
        self.assertEqual(2, len(self.prometheus.requests))

    def test_what_is_optional_may_be_missing(self):
        for query in (
            'throttled',
            'bad_seconds',
            'host_used',
            'runnable',
            'clock',
            'guest_used',
            'guest_waited',
            'guest_load',
        ):
            self._says(**{query: []})
            signals = self.source.read(NOW)
            self.assertEqual({'a', 'b'}, {*signals.servers})
            self.assertEqual({'cmp-1.example', 'cmp-2'}, {*signals.hosts})
            # Nobody else would tell that a query is misspelt.
            said = f'{query}_query: no series answers'
            self.assertEqual(1, self.logs.output.count(said))
        self.assertEqual({}, signals.guests)

    def test_partly_unusable(self):
        used = [(A, 2.0, NOW), (B, 'NaN', NOW)]
        self._says(used=used, waited=[(A, 0.5, NOW)])
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
            before = self.prometheus.answers
            self._says(**{query: []})
            self._fails(f'{query}_query', 'no series answers')
            self.prometheus.answers = before

    def test_all_stale(self):
        self._says(waited=[(A, 0.5, NOW - 500), (B, 0.5, NOW - 500)])
        self._fails('waited_query', 'none of 2', '2 older than max_age')

    def test_nanoseconds(self):
        self._says(used=[(A, 1e9, NOW)])
        self._fails('used_query', '1 more cores than any machine has')

    def test_no_server_on_both_sides(self):
        self._says(used=[(A, 1.0, NOW)], waited=[(B, 1.0, NOW)])
        self._fails(
            'used_query and waited_query', 'no server', '2 of which only one'
        )


class GuestsOnlyTest(Case):
    def setUp(self):
        super().setUp()
        self.source = built(
            url=self.prometheus.url,
            preset='node_exporter',
            guest_key='address',
            guest_selector='job="guests"',
            guest_used_query='used',
            guest_waited_query='waited',
            guest_load_query='load',
            cores_query='cores',
            clock_query='clock',
        )
        one, two = ({'instance': f'10.0.0.{n}:9100'} for n in (1, 2))
        self._says(
            used=[(one, 1.0, NOW), (two, 2.0, NOW)],
            waited=[(one, 0.5, NOW)],
            load=[(one, 3.0, NOW)],
            cores=[({'instance': 'cmp-1:9100'}, 16, NOW)],
            clock=[],
        )

    def test_good(self):
        signals = self.source.read(NOW)
        self.assertEqual({}, signals.servers)
        self.assertEqual(
            {'10.0.0.1': GuestSignal(NOW, 1.0, 0.5, 3.0)}, signals.guests
        )
        self.assertIs(GuestKey.ADDRESS, signals.guests_by)
        self.assertEqual(['cmp-1'], [*signals.hosts])
        self.assertIn('guests: 1 of which only one', self.logs.output)

    def test_no_guest_is_usable(self):
        self._says(waited=[({'instance': '10.0.0.9'}, 0.5, NOW)])
        self._fails('guest_used_query and guest_waited_query', 'no guest')

    def test_no_guest_answers(self):
        for query in ('used', 'waited'):
            before = self.prometheus.answers
            self._says(**{query: []})
            self._fails(f'guest_{query}_query', 'node_exporter in every guest')
            self.prometheus.answers = before


class ConfigTest(base.BaseTestCase):
    def test_the_default_is_our_own_exporter(self):
        source = built()
        self.assertIn(
            'steal_exporter_server_wait', source.promql['waited_query']
        )
        self.assertIn('[60s]', source.promql['waited_query'])
        self.assertEqual(2, len(source.unions))

    def test_labels_reach_the_preset(self):
        source = built(server_label='srv', host_label='nodename')
        for promql in source.promql.values():
            self.assertNotIn('instance', promql)
            self.assertIn('nodename', promql)

    def test_wrong_options(self):
        for options, *words in (
            ({'url': 'prometheus:9090'}, 'url'),
            ({'username': 'u', 'token_file': '/t'}, 'username = u'),
            ({'used_query': 'x[{windw}]'}, 'used_query', '{windw}'),
            ({'host_regex': '('}, "host_regex = '('"),
            ({'host_label': 'a-b'}, "host_label = 'a-b'"),
            ({'preset': 'custom'}, 'is not set', 'preset = custom'),
            ({'guest_selector': 'x'}, "guest_selector = 'x'"),
        ):
            error = self.assertRaises(ConfigError, built, **options)
            for word in ('[prometheus] ', *words):
                self.assertIn(word, str(error))
