import re

from oslotest import base

from steal_scheduler.signals import presets, prometheus_opts, promql
from steal_scheduler.signals.quantity import QUANTITIES, About

VALUES = {
    'window': '60s',
    'max_age': '120',
    'server_label': 'uuid',
    'host_label': 'instance',
    'guest_by': 'instance_id',
    'guest_selector': 'instance_id!=""',
    'host_selector': 'instance_id=""',
}


class PresetsTest(base.BaseTestCase):
    def _queries(self):
        for name, preset in presets.PRESETS.items():
            for option, template in preset.queries.items():
                yield name, option, template
        for option, template in presets.GUESTS_ALONE.items():
            yield 'guests', option, template

    def test_every_query_is_of_a_quantity(self):
        for name, option, _ in self._queries():
            about = QUANTITIES[option].about
            self.assertEqual(name == 'guests', about is About.GUESTS, option)

    def test_every_placeholder_is_filled(self):
        for _, option, template in self._queries():
            query = promql.render(option, template, VALUES)
            self.assertNotIn('$', query)
            for name in VALUES:
                self.assertNotIn(f'{{{name}}}', query)

    def test_all_but_custom_are_complete(self):
        for name, preset in presets.PRESETS.items():
            asked = {**preset.queries}
            if preset.guests_only:
                asked |= presets.GUESTS_ALONE
            self.assertEqual(
                name != 'custom', promql.required(preset) <= asked.keys()
            )

    def test_each_can_be_chosen(self):
        (option,) = (o for o in prometheus_opts.OPTS if o.name == 'preset')
        self.assertEqual([*presets.PRESETS], [*option.type.choices])
        self.assertIn(option.default, presets.PRESETS)

    def test_each_series_ends_with_its_exporter(self):
        """By 'and' with itself, or by its age."""
        for _, option, template in self._queries():
            query = promql.render(option, template, VALUES)
            rates = re.findall(r'rate\((\w+(?:{.*?})?)\[', query)
            if rates:
                # Of a ratio the whole will do.
                self.assertIn(f' and {rates[-1]})', query, option)
                ends = query.count(' and ')
                self.assertIn(len(rates) - ends, (0, 1), option)
                self.assertEqual(len(rates) > ends, '/' in query, option)
            else:
                self.assertRegex(query, r'timestamp\(.*\) > time\(\) - 120')
