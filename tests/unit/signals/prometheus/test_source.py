import logging
import time
from unittest import mock

import fixtures
import yaml
from oslotest import base

from steal_scheduler.conf import load
from steal_scheduler.exception import ConfigError, SignalError
from steal_scheduler.migrator import plugins
from steal_scheduler.model.guest import GuestKey, GuestSignal
from steal_scheduler.model.threads import NO_THREADS, Spent, Threads
from steal_scheduler.signals.prometheus.parse import METRICS
from steal_scheduler.signals.prometheus.source import PrometheusSource
from tests.standins import prometheus
from tests.standins.transport import mounted
from tests.unit.options import configuration

NOW = 1_000_000.0
URL = 'http://192.0.2.1:9090'
A = {'server_id': 'a', 'host': 'cmp-1.example:9177'}
B = {'server_id': 'b', 'host': 'cmp-2'}
H = {'host': 'cmp-1.example:9100'}
I = {'host': 'cmp-2'}  # noqa: E741
GUEST = {'instance_id': 'a'}
#: Queries so plain that a test can tell their answers: the metric's name.
PLAIN = {
    'servers': {'label': 'server_id'},
    'hosts': {'label': 'host'},
    'guests': {
        'identified_by': 'uuid',
        'label': 'instance_id',
        'needs': 'an agent in every guest',
    },
}
for _name, _metric in METRICS.items():
    PLAIN[_metric.subject][_metric.field] = _name


def built(**options):
    return PrometheusSource(
        configuration('prometheus', PrometheusSource.OPTS, **options)
    )


class Case(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.logs = self.useFixture(
            fixtures.FakeLogger('steal_scheduler', level=logging.INFO)
        )
        self.prometheus = prometheus.Prometheus()
        self.enterContext(mounted({URL: self.prometheus}))

    def _source(self, content, **options):
        """A source that asks what this preset says."""
        preset = self.create_tempfiles([('preset', yaml.dump(content))])[0]
        return built(url=URL, preset=preset, **options)

    def _says(self, **answers):
        """By the name of the metric, with _ for the point."""
        self.prometheus.answers = {
            **self.prometheus.answers,
            **{
                query.replace('_', '.', 1): prometheus.vector(*series)
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
        self.source = self._source(PLAIN, window=90)
        self._says(
            servers_vcpus=[(A, 4, NOW), (B, 2, NOW)],
            servers_used=[(A, 2.0, NOW), (B, 1.0, NOW)],
            servers_waited=[(A, 0.5, NOW), (B, 0.0, NOW)],
            servers_throttled=[(A, 0.25, NOW)],
            servers_bad_seconds=[(A, 0.75, NOW), (B, 'NaN', NOW)],
            servers_worst_used=[(A, 0.5, NOW), (B, 0.9, NOW)],
            servers_worst_waited=[(A, 0.4, NOW)],
            servers_threads_used=[(A, 0.2, NOW)],
            servers_threads_waited=[(A, 0.1, NOW)],
            hosts_cores=[(H, 16, NOW), (I, 8, NOW)],
            hosts_used=[(H, 3.0, NOW)],
            hosts_runnable=[(H, 1.5, NOW), (I, 'NaN', NOW)],
            hosts_clock_offset=[(H, -2.5, NOW)],
            hosts_network=[(H, 0.3, NOW)],
            guests_vcpus=[(GUEST, 4, NOW)],
            guests_used=[(GUEST, 1.9, NOW)],
            guests_waited=[(GUEST, 0.4, NOW)],
            guests_load=[(GUEST, 4.5, NOW)],
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
                'cmp-1.example': (16.0, 3.0, 1.5, -2.5, 0.3),
                'cmp-2': (8.0, None, None, None, None),
            },
            {
                h.host: (
                    h.cores,
                    h.used,
                    h.runnable,
                    h.clock_offset,
                    h.network,
                )
                for h in signals.hosts.values()
            },
        )
        # A ratio of nothing is no news.
        self.assertEqual('', self.logs.output)

    def test_the_past(self):
        """It is asked and judged as if it were now."""
        then = self.source.read_past(NOW, 300.0)
        self.assertEqual((NOW, 300.0), (then.taken_at, then.window))
        self.assertEqual(
            {'1000000.000'}, {r.query['time'] for r in self.prometheus.asked}
        )
        self.prometheus.asked.clear()
        now = self.source.read(NOW)
        self.assertEqual(now.servers, then.servers)
        self.assertEqual(90.0, now.window)
        self.assertFalse(
            [r for r in self.prometheus.asked if 'time' in r.query]
        )

    def test_what_was_wrong_in_the_past_is_no_news(self):
        self._says(
            servers_vcpus=[(A, 4, NOW)],
            servers_used=[(A, 2.0, NOW)],
            servers_waited=[(A, 0.5, NOW)],
            hosts_cores=[(H, 16, NOW), ('', 8, NOW)],
        )
        self.source.read_past(NOW, 300.0)
        self.assertEqual('', self.logs.output)
        self.assertEqual([], self.source.silent())
        self.source.read(NOW)
        said = self.logs.output
        self.assertIn('Dropped samples of hosts.cores', said)
        wrong = self.prometheus.answers
        self._says(hosts_cores=[(H, 16, NOW)])
        self.source.read_past(NOW, 300.0)
        self.prometheus.answers = wrong
        self.source.read(NOW)
        self.assertEqual(said, self.logs.output)

    def test_a_sample_is_judged_by_the_time_of_its_query(self):
        """Those before may have been slow; no clock of anybody is wrong."""
        self.source = self._source(PLAIN, timeout=300)
        self._says(
            servers_vcpus=[(A, 4, NOW + 100)],
            servers_used=[(A, 2.0, NOW + 100)],
            servers_waited=[(A, 0.5, NOW + 200)],
            hosts_cores=[(H, 16, NOW + 200)],
        )
        asked = []
        self.prometheus.guard = lambda headers: not asked.append(headers)
        clock = mock.patch.object(
            time, 'monotonic', lambda: 100.0 * bool(asked)
        )
        with clock:
            signals = self.source.read(NOW)
        self.assertEqual(['a'], [*signals.servers])

    def test_guests_are_not_joined(self):
        signals = self.source.read(NOW)
        self.assertEqual(
            {'a': GuestSignal(NOW, 1.9, 0.4, 4.5, vcpus=4.0)}, signals.guests
        )
        self.assertIs(GuestKey.UUID, signals.guests_by)
        signal = signals.servers['a']
        self.assertEqual((None, None), (signal.load, signal.guest_waited))

    def test_a_query_for_each_metric(self):
        self.source.read(NOW)
        self.source.read(NOW)
        self.assertEqual(2 * len(METRICS), len(self.prometheus.asked))

    def test_single_threads(self):
        found = self.source.read(NOW).servers
        self.assertEqual(
            Threads(worst=Spent(0.5, 0.4), others=Spent(0.2, 0.1)),
            found['a'].threads,
        )
        # Half of a pair says nothing.
        self.assertEqual(NO_THREADS, found['b'].threads)

    def test_what_is_not_asked_costs_nothing(self):
        least = {k: v for k, v in PLAIN.items() if k != 'guests'}
        self.source = self._source(least)
        self.assertEqual({}, self.source.read(NOW).guests)
        self.assertEqual(14, len(self.prometheus.asked))

    def test_what_is_optional_may_be_missing(self):
        for query in (
            'servers_vcpus',
            'servers_throttled',
            'servers_bad_seconds',
            'servers_worst_used',
            'servers_worst_waited',
            'servers_threads_used',
            'servers_threads_waited',
            'hosts_used',
            'hosts_runnable',
            'hosts_clock_offset',
            'hosts_network',
            'guests_vcpus',
            'guests_used',
            'guests_waited',
            'guests_load',
        ):
            self._says(**{query: []})
            signals = self.source.read(NOW)
            self.assertEqual({'a', 'b'}, {*signals.servers})
            self.assertEqual({'cmp-1.example', 'cmp-2'}, {*signals.hosts})
            # Nobody else would tell that a query is misspelt.
            said = f'no series for query {query.replace("_", ".", 1)}\n'
            self.assertEqual(1, self.logs.output.count(said))
        self.assertEqual({}, signals.guests)

    def test_guests_that_cannot_be_asked_cost_themselves(self):
        """A tenant can tell more than Prometheus answers with."""
        good = dict(self.prometheus.answers)
        refused = (422, {'status': 'error', 'error': 'too many samples'})
        for name in ('guests.load', 'guests.waited'):
            self.prometheus.answers = good | {name: refused}
            for _ in range(2):
                self.assertEqual({'a', 'b'}, {*self.source.read(NOW).servers})
            self.assertEqual(
                1, self.logs.output.count(f'{name}: answered 422')
            )
            (said,) = self.source.advice()
            self.assertIn('too many samples', said)
            self.prometheus.answers = good
            self.assertEqual(4.5, self.source.read(NOW).guests['a'].load)
            self.assertEqual([], self.source.advice())
        self.prometheus.answers = good | {'hosts.used': refused}
        self._fails('hosts.used', 'too many samples')

    def test_partly_unusable(self):
        used = [(A, 2.0, NOW), (B, 'NaN', NOW)]
        self._says(servers_used=used, servers_waited=[(A, 0.5, NOW)])
        self.assertEqual(['a'], list(self.source.read(NOW).servers))
        self.assertIn(
            'Dropped samples of servers.used: 1 not a finite number (b)',
            self.logs.output,
        )
        # Told once, and once more when it is over.
        lines = self.logs.output.count('\n')
        self.source.read(NOW)
        self.assertEqual(lines, self.logs.output.count('\n'))
        self._says(servers_used=[(A, 2.0, NOW)])
        self.source.read(NOW)
        self.assertIn(
            'All samples of servers.used are usable again', self.logs.output
        )

    def test_empty(self):
        for query in ('servers_used', 'servers_waited', 'hosts_cores'):
            before = self.prometheus.answers
            self._says(**{query: []})
            self._fails(query.replace('_', '.', 1), 'no series answers')
            self.prometheus.answers = before

    def test_empty_by_the_selector(self):
        def selected(section):
            return {
                key: f'{value}{{$selector}}' if '.' in value else value
                for key, value in PLAIN[section].items()
            }

        self.source = self._source(
            {section: selected(section) for section in ('servers', 'hosts')},
            selector='r="1"',
        )
        self.prometheus.answers = {
            f'servers.{field}{{r="1"}}': prometheus.vector()
            for field in ('vcpus', 'used')
        }
        self._fails(
            'no series answers',
            '; [prometheus] selector = r="1" must select them.',
        )

    def test_all_servers_are_on_two_hosts(self):
        twice = [(A, 2.0, NOW), (A | {'host': 'cmp-9'}, 2.0, NOW)]
        self._says(servers_used=twice)
        self._fails(
            'none of 2 series is usable',
            'set [prometheus] selector, so that only those of this cloud',
        )

    def test_all_stale(self):
        self._says(servers_waited=[(A, 0.5, NOW - 500), (B, 0.5, NOW - 500)])
        self._fails(
            'servers.waited', 'none of 2', '2 older than [signals] max_age'
        )

    def test_two_hosts_of_one_name(self):
        one, two = (I | {'region': region} for region in ('eu1', 'eu2'))
        self._says(
            hosts_cores=[(H, 16, NOW), (one, 4, NOW), (two, 64, NOW)],
            hosts_used=[(one, 1.0, NOW), (two, 60.0, NOW)],
        )
        signals = self.source.read(NOW)
        self.assertEqual(['cmp-1.example'], [*signals.hosts])
        # A server's id is nobody else's.
        self.assertEqual({'a', 'b'}, {*signals.servers})
        ((host, said),) = signals.ambiguous_hosts.items()
        self.assertEqual('cmp-2', host)
        self.assertIn('differ in region (eu1, eu2). Set [prometheus] ', said)
        # Nor is it one where only another query tells of both.
        self._says(hosts_cores=[(H, 16, NOW), (one, 4, NOW)])
        signals = self.source.read(NOW)
        self.assertEqual(['cmp-1.example'], [*signals.hosts])
        self.assertEqual(['cmp-2'], [*signals.ambiguous_hosts])

    def test_what_kernels_call_themselves(self):
        self.source = self._source(
            PLAIN | {'hosts': PLAIN['hosts'] | {'nodenames': 'uname'}}
        )
        self._says(
            uname=[
                (H | {'nodename': 'cmp-1'}, 1, NOW),
                (I | {'nodename': 'x'}, 1, NOW),
                (I | {'nodename': 'y\n', 'job': 'other'}, 1, NOW),
                (H | {'nodename': ''}, 1, NOW),
                ({'nodename': 'z'}, 1, NOW),
            ]
        )
        self.assertEqual(
            {'cmp-1.example': {'cmp-1'}, 'cmp-2': {'x', 'y'}},
            self.source.read(NOW).nodenames,
        )
        # Nobody needs them.
        self._says(uname=[])
        self.assertEqual({}, self.source.read(NOW).nodenames)

    def test_all_hosts_are_two(self):
        self._says(
            hosts_cores=[
                (I | {'region': region}, cores, NOW)
                for region, cores in (('eu1', 4), ('eu2', 64))
            ]
        )
        self._fails(
            'query hosts.cores: none of 2 series is usable: 2 named by more ',
            'cmp-2: 2 series name it, which differ in region (eu1, eu2). Set ',
        )

    def test_nanoseconds(self):
        self._says(servers_used=[(A, 1e9, NOW)])
        self._fails('servers.used', 'cores as no machine has')

    def test_no_server_on_both_sides(self):
        self._says(
            servers_used=[(A, 1.0, NOW)], servers_waited=[(B, 1.0, NOW)]
        )
        self._fails(
            'servers.used and servers.waited',
            'none of the servers',
            '2 of which used, waited or vcpus is unknown (a, b)',
        )


class DomainsTest(Case):
    """Series know a domain, and one of them which server it is."""

    def setUp(self):
        super().setUp()
        servers = {
            field: f'servers.{field}' for field in ('info', 'used', 'waited')
        }
        self.source = self._source(
            {
                'servers': {
                    **servers,
                    'label': 'uuid',
                    'domain_label': 'domain',
                },
                'hosts': {'label': 'instance', 'cores': 'hosts.cores'},
            }
        )
        self.domains = [
            {'domain': f'i-{n}', 'instance': f'cmp-{n % 2}:9177'}
            for n in range(4)
        ]
        self._says(
            servers_info=self._info(*enumerate('abcd')),
            servers_used=[(one, 1.0, NOW) for one in self.domains],
            servers_waited=[(one, 0.5, NOW) for one in self.domains],
            hosts_cores=[({'instance': 'cmp-0:9100'}, 16, NOW)],
        )

    def _info(self, *told):
        return [({**self.domains[n], 'uuid': s}, 1, NOW) for n, s in told]

    def test_joined(self):
        found = self.source.read(NOW).servers
        self.assertEqual(
            {'a': 'cmp-0', 'b': 'cmp-1', 'c': 'cmp-0', 'd': 'cmp-1'},
            {s.server_id: s.host for s in found.values()},
        )
        self.assertEqual('', self.logs.output)

    def test_one_that_stands_twice_costs_itself(self):
        self._says(servers_info=self._info(*enumerate('abcd'), (0, 'old')))
        found = self.source.read(NOW).servers
        self.assertEqual({*'bcd'}, {*found})
        self.assertIn(
            'Dropped samples of servers.used: 1 of a domain that two servers '
            'claim (i-0, cmp-0:9177 (a, old))',
            self.logs.output,
        )

    def test_nothing_tells_who_they_are(self):
        self._says(servers_info=[])
        self._fails(
            'query servers.used',
            'none of 4 series is usable: 4 of a domain whose server no series',
        )
        self.assertEqual(['servers.info'], [*self.source.silent()])


class GuestsOnlyTest(Case):
    def setUp(self):
        super().setUp()
        self.source = self._source(
            {
                'hosts': {**PLAIN['hosts'], 'label': 'instance'},
                'guests': {
                    **PLAIN['guests'],
                    'identified_by': 'address',
                    'label': 'instance',
                },
            }
        )
        one, two = ({'instance': f'10.0.0.{n}:9100'} for n in (1, 2))
        self._says(
            guests_vcpus=[],
            guests_used=[(one, 1.0, NOW), (two, 2.0, NOW)],
            guests_waited=[(one, 0.5, NOW)],
            guests_load=[(one, 3.0, NOW)],
            hosts_cores=[({'instance': 'cmp-1:9100'}, 16, NOW)],
            hosts_used=[],
            hosts_runnable=[],
            hosts_clock_offset=[],
            hosts_network=[],
        )

    def test_good(self):
        signals = self.source.read(NOW)
        self.assertEqual({}, signals.servers)
        self.assertEqual(
            {'10.0.0.1': GuestSignal(NOW, 1.0, 0.5, 3.0)}, signals.guests
        )
        self.assertIs(GuestKey.ADDRESS, signals.guests_by)
        self.assertEqual(['cmp-1'], [*signals.hosts])
        self.assertIn(
            'guests: 1 of which used, waited or vcpus', self.logs.output
        )

    def test_no_guest_is_usable(self):
        self._says(guests_waited=[({'instance': '10.0.0.9'}, 0.5, NOW)])
        self._fails('guests.used and guests.waited', 'none of the guests')

    def test_no_guest_answers(self):
        for field in ('used', 'waited'):
            before = self.prometheus.answers
            self._says(**{f'guests_{field}': []})
            self._fails(f'guests.{field}', 'an agent in every guest')
            self.prometheus.answers = before


class ConfigTest(base.BaseTestCase):
    def test_the_default_is_our_own_exporter(self):
        source = built()
        self.assertIn(
            'steal_exporter_server_wait', source.promql['servers.waited']
        )
        self.assertIn('[60s]', source.promql['servers.waited'])
        self.assertEqual(14, len(source.promql))

    def test_options_reach_the_queries(self):
        source = built(window=90, selector='region="r1"')
        for promql in source.promql.values():
            self.assertIn('{region="r1"}', promql)
        self.assertIn('[90s]', source.promql['servers.waited'])
        self.assertIn('- 120', source.promql['hosts.cores'])

    def test_wrong_options(self):
        for options, *words in (
            ({'url': 'prometheus:9090'}, 'url'),
            ({'preset': 'custom'}, 'preset = custom', 'inovex'),
            ({'selector': 'x'}, "selector = 'x'"),
        ):
            error = self.assertRaises(ConfigError, built, **options)
            for word in ('[prometheus] ', *words):
                self.assertIn(word, str(error))

    def test_nonsense_is_refused(self):
        for section, option, value in (
            ('prometheus', 'window', 'nan'),
            ('prometheus', 'window', '4'),
            ('prometheus', 'window', '3601'),
            ('prometheus', 'timeout', 'nan'),
            ('prometheus', 'timeout', '0'),
            ('prometheus', 'timeout', '301'),
            ('prometheus', 'insecure', 'perhaps'),
            ('signals', 'max_age', 'nan'),
            ('signals', 'max_age', 'inf'),
            ('signals', 'max_age', '0'),
            ('signals', 'max_age', '3601'),
        ):
            text = f'[{section}]\n{option} = {value}\n'
            path = self.create_tempfiles([('conf', text)])[0]
            conf = load.load([f'--config-file={path}'], 'test')
            error = self.assertRaises(ConfigError, plugins.signal_source, conf)
            self.assertRegex(str(error), rf'\b{option}\b')
