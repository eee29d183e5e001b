import dataclasses
import pathlib
import re

import fixtures

from steal_scheduler.conf import scheduler as options
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.scheduler import settings
from tests.unit.scheduler import base


class TestSettings(base.SchedulerTestCase):
    def load(self, *lines: str) -> settings.Settings:
        directory = self.useFixture(fixtures.TempDir()).path
        path = pathlib.Path(directory, 'nova.conf')
        path.write_text('\n'.join(['[steal_scheduler]', *lines]))
        self.conf([], project='nova', default_config_files=[str(path)])
        return settings.load()

    def test_defaults(self) -> None:
        self.assertEqual(
            settings.Settings(
                steal_weight_multiplier=10.0,
                view_max_age=120,
                role_lookup=False,
                strict_moves=False,
                strict_boots=False,
                role=RoleRule('role', 'role'),
            ),
            self.load(),
        )
        self.assertEqual('', self.log.output)

    def test_what_is_enabled(self) -> None:
        self.load()
        self.assertEqual([], settings.enabled())
        self.load(
            '[filter_scheduler]',
            'enabled_filters = ComputeFilter, StealFilter',
            'weight_classes = nova.scheduler.weights.all_weighers, '
            'steal_scheduler.scheduler.weighers.StealWeigher',
        )
        self.assertEqual(['StealFilter', 'StealWeigher'], settings.enabled())

    def test_a_dollar_at_the_end_is_itself(self) -> None:
        found = self.load(r'role_name_pattern = ^(\w+)-\d+$')
        self.assertEqual('web', found.role.role_of(name='web-1'))

    def test_wrong_values_are_named_and_defaults_taken(self) -> None:
        found = self.load(
            'steal_weight_multiplier = -1',
            'view_max_age = soon',
            'strict_moves = perhaps',
            'strict_boots = True',
        )
        self.assertEqual(
            dataclasses.replace(self.load(), strict_boots=True), found
        )
        for part in ('steal_weight_multiplier', 'soon', 'perhaps', '120'):
            self.assertIn(part, self.log.output)
        self.assertNotIn('strict_boots', self.log.output)

    def test_a_number_that_is_none(self) -> None:
        for value in ('nan', 'inf', '-inf', '1e7', '-0.1'):
            found = self.load(f'steal_weight_multiplier = {value}')
            self.assertEqual(10.0, found.steal_weight_multiplier, value)
        for value in ('0', '86401', 'nan'):
            found = self.load(f'view_max_age = {value}')
            self.assertEqual(120, found.view_max_age, value)
        self.assertEqual(8, self.log.output.count('The default ('))
        self.assertIn("'nan' is not allowed. Give 0 to", self.log.output)

    def test_an_empty_number(self) -> None:
        default = self.load()
        for name in ('steal_weight_multiplier', 'view_max_age'):
            self.assertEqual(default, self.load(f'{name} ='))
            self.assertIn(f'option {name} ', self.log.output)
        self.assertIn("'' is not allowed", self.log.output)

    def test_a_dollar_that_refers_to_nothing(self) -> None:
        default = self.load()
        for opt in options.OPTS:
            for value in ('a$b', '${b}', '${b.c}'):
                found = self.load(f'{opt.name} = {value}')
                self.assertEqual(default, found, opt.name)
            self.assertIn(
                f'A $ in option steal_scheduler.{opt.name}', self.log.output
            )

    def test_at_most_eight_options(self) -> None:
        self.assertLessEqual(len(options.OPTS), 8)

    def test_it_is_said_once(self) -> None:
        self.load('view_max_age = soon', 'role_name_pattern = (')
        for _ in range(3):
            settings.load()
        self.assertEqual(2, self.log.output.count('ntil'))

    def test_a_pattern_that_is_none(self) -> None:
        for pattern, why in ((r'(\w+', 'not a regular'), (r'\w+', 'no group')):
            found = self.load(
                f'role_name_pattern = {pattern}', 'role_hint = purpose'
            )
            self.assertEqual(RoleRule('role', 'purpose'), found.role)
            self.assertIn(pattern, self.log.output)
            self.assertIn(why, self.log.output)

    def test_as_the_migrator_has_it(self) -> None:
        found = self.load(
            r'role_name_pattern = ^(\w+)-', 'role_metadata_key = purpose'
        )
        self.assertEqual(
            RoleRule('purpose', 'role', re.compile(r'^(\w+)-')), found.role
        )

    def test_every_help_tells_the_values(self) -> None:
        for opt in options.OPTS:
            self.assertIn('\nPossible values:\n\n* ', opt.help, opt.name)
