from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.signals import presets

VALUES = {
    'window': '60s',
    'max_age': '120',
    'server_label': 'instance_id',
    'host_label': 'instance',
}


class PresetsTest(base.BaseTestCase):
    def _queries(self):
        for name, preset in presets.PRESETS.items():
            for option in ('used', 'waited', 'load', 'cores'):
                template = getattr(preset, option)
                if template:
                    yield name, option, template

    def test_every_placeholder_is_filled(self):
        for _, option, template in self._queries():
            query = presets.render(option, template, VALUES)
            self.assertNotIn('$', query)
            for name in VALUES:
                self.assertNotIn(f'{{{name}}}', query)

    def test_all_but_custom_are_complete(self):
        for name, preset in presets.PRESETS.items():
            self.assertEqual(
                name == 'custom',
                None in (preset.used, preset.waited, preset.cores),
            )

    def test_only_guests_know_their_load(self):
        self.assertEqual(
            ['node_exporter'],
            [name for name, option, _ in self._queries() if option == 'load'],
        )

    def test_rates_end_with_their_series(self):
        for _, option, template in self._queries():
            self.assertEqual(
                template.count('rate('),
                template.count(' and lib') + template.count(' and node_cpu'),
                option,
            )


class RenderTest(base.BaseTestCase):
    def test_braces_of_promql_stay(self):
        self.assertEqual(
            'rate(x{a="b{2}",instance_id=""}[60s]) > 120',
            presets.render(
                'used_query',
                'rate(x{a="b{2}",{server_label}=""}[{ window }]) > {max_age}',
                VALUES,
            ),
        )

    def test_unknown_placeholder(self):
        error = self.assertRaises(
            ConfigError, presets.render, 'load_query', 'x[{windw}]', VALUES
        )
        self.assertIn("load_query = 'x[{windw}]'", str(error))
        self.assertIn('{windw}.', str(error))
        self.assertIn('{window}, {max_age}, {server_label}', str(error))
