from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.signals import names, promql
from steal_scheduler.signals.presets import PRESETS
from steal_scheduler.signals.prometheus import PrometheusSource
from tests.unit.signals.options import configuration

VALUES = {
    'window': '60s',
    'max_age': '120',
    'server_label': 'instance_id',
    'host_label': 'instance',
}
HYPERVISORS = {'used_query', 'waited_query', 'cores_query', 'clock_query'}


def built(**values):
    conf = configuration('prometheus', PrometheusSource.OPTS, **values)
    preset = PRESETS[conf.prometheus.preset]
    known = names.build(conf.prometheus, preset)
    return promql.build(conf.prometheus, preset, known)


class BuildTest(base.BaseTestCase):
    def test_what_is_asked(self):
        alone = {
            'guest_used_query',
            'guest_waited_query',
            'guest_load_query',
            'cores_query',
            'clock_query',
        }
        for preset, guests, options in (
            ('inovex', 'none', HYPERVISORS),
            ('tinkoff', 'none', HYPERVISORS),
            (
                'tinkoff',
                'node_exporter',
                HYPERVISORS | {'guest_waited_query', 'guest_load_query'},
            ),
            ('node_exporter', 'none', alone),
            ('node_exporter', 'node_exporter', alone),
            (
                'steal-exporter',
                'none',
                HYPERVISORS
                | {
                    'throttled_query',
                    'bad_seconds_query',
                    'host_used_query',
                    'runnable_query',
                },
            ),
        ):
            queries = built(preset=preset, guest_preset=guests)
            self.assertEqual(options, {*queries}, (preset, guests))

    def test_options_reach_the_queries(self):
        queries = built(
            preset='tinkoff',
            guest_preset='node_exporter',
            window=30,
            server_label='srv',
            host_label='node',
            guest_label='vm',
            max_age=77,
        )
        used = queries['used_query']
        self.assertIn('sum by (srv, node) (', used)
        self.assertIn('[30s]', used)
        self.assertIn('> time() - 77', queries['cores_query'])
        self.assertIn('{mode="idle",vm=""}', queries['cores_query'])
        self.assertIn('node_time_seconds{vm=""}', queries['clock_query'])
        self.assertIn('node_load1{vm!=""}', queries['guest_load_query'])
        self.assertIn('max by (vm) (', queries['guest_load_query'])

    def test_two_guests_of_one_address_stay_two(self):
        for key, label, by in (
            ('uuid', None, '(instance_id)'),
            ('name', None, '(instance, job)'),
            ('address', 'ip', '(ip, instance, job)'),
            ('name', 'job', '(job, instance)'),
        ):
            queries = built(
                guest_preset='node_exporter',
                guest_key=key,
                guest_label=label,
                guest_selector='job="guests"',
            )
            for option in ('guest_load_query', 'guest_waited_query'):
                self.assertIn(f' by {by} (', queries[option])

    def test_an_override_replaces_one_query(self):
        queries = built(runnable_query='x[{window}]')
        self.assertEqual('x[60s]', queries['runnable_query'])
        self.assertIn('steal_exporter_host_cores', queries['cores_query'])

    def test_a_query_for_guests_needs_no_preset(self):
        queries = built(guest_load_query='max by ({guest_label}) (load)')
        self.assertEqual(
            'max by (instance_id) (load)', queries['guest_load_query']
        )
        self.assertNotIn('guest_waited_query', queries)

    def test_wrong_options(self):
        own = {'used_query': 'u', 'waited_query': 'w'}
        for values, *words in (
            ({'preset': 'custom', **own}, 'cores_query', 'preset = custom'),
            ({'used_query': 'x[{windw}]'}, 'used_query', '{windw}'),
            (
                {'preset': 'node_exporter', 'used_query': 'x'},
                "used_query = 'x'",
                'guest_used_query',
            ),
            (
                {'guest_preset': 'node_exporter', 'guest_key': 'name'},
                'guest_selector',
            ),
            (
                {
                    'preset': 'inovex',
                    'guest_preset': 'node_exporter',
                    'guest_selector': 'a="b",c="d"',
                },
                'host_selector',
            ),
        ):
            error = self.assertRaises(ConfigError, built, **values)
            for word in ('[prometheus] ', *words):
                self.assertIn(word, str(error))


class RenderTest(base.BaseTestCase):
    def test_braces_of_promql_stay(self):
        self.assertEqual(
            'rate(x{a="b{2}",instance_id=""}[60s]) > 120',
            promql.render(
                'used_query',
                'rate(x{a="b{2}",{server_label}=""}[{ window }]) > {max_age}',
                VALUES,
            ),
        )

    def test_unknown_placeholder(self):
        error = self.assertRaises(
            ConfigError, promql.render, 'load_query', 'x[{windw}]', VALUES
        )
        self.assertIn("load_query = 'x[{windw}]'", str(error))
        self.assertIn('{windw}.', str(error))
        self.assertIn('{window}, {max_age}, {server_label}', str(error))
