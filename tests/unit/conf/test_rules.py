import dataclasses

from oslo_config import cfg
from oslotest import base

from steal_scheduler.conf import opts, rules
from steal_scheduler.decision.host_checks import TrustRules
from steal_scheduler.exception import ConfigError


class TestRules(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = cfg.ConfigOpts()
        opts.register(self.conf)
        self.conf([], default_config_files=[], default_config_dirs=[])

    def set(self, group: str, **values: object) -> None:
        for name, value in values.items():
            self.conf.set_override(name, value, group=group)

    def test_each_value_comes_from_its_option(self) -> None:
        self.set('detection', steal_threshold=11, load_threshold=0.6)
        self.set('placement', target_demand=80, shared_storage=True)
        self.set('limits', slots=7, coverage_floor=70, slots_per_target=3)
        self.set('signals', max_age=60)
        made = rules.rules(self.conf)
        self.assertEqual(
            (11, 0.6),
            (made.detect.steal_threshold, made.detect.load_threshold),
        )
        self.assertEqual(
            (80, 3),
            (made.heat.target_demand, made.heat.slots_per_target),
        )
        self.assertEqual(
            (7, 70, 70),
            (
                made.limit.slots,
                made.limit.coverage_floor,
                made.trust.coverage_floor,
            ),
        )
        self.assertTrue(made.limit.shared_storage and made.plan.shared_storage)
        self.assertEqual(60, made.trust.max_age)

    def test_the_defaults_are_those_of_the_rules(self) -> None:
        made = rules.rules(self.conf)
        for part in (made.heat, made.detect, made.plan, made.limit):
            self.assertEqual(type(part)(), part)
        # A list, where the rules have a tuple.
        found = dataclasses.replace(
            made.trust, checks=tuple(made.trust.checks)
        )
        self.assertEqual(TrustRules(), found)
        deadlines = rules.deadlines(self.conf)
        self.assertEqual(type(deadlines)(), deadlines)

    def test_role_out(self) -> None:
        for text, expected in (
            ('2', (2, None)),
            ('0', (0, None)),
            ('30%', (None, 30.0)),
            (' 12.5% ', (None, 12.5)),
            ('', (None, None)),
        ):
            self.set('limits', role_out=text)
            out = rules.rules(self.conf).limit.out
            self.assertEqual(
                expected, (out.role_out, out.role_out_percent), text
            )
        for text in ('half', '-1', '101%', '1.5'):
            self.set('limits', role_out=text)
            error = self.assertRaises(ConfigError, rules.rules, self.conf)
            self.assertIn(f'[limits] role_out = {text!r}', str(error))

    def test_contradictions(self) -> None:
        for group, small, large in (
            ('detection', 'polls_suffering', 'polls_window'),
            ('placement', 'target_demand', 'relief_demand'),
            ('migrator', 'step_interval', 'poll_interval'),
            ('limits', 'cooldown', 'history'),
        ):
            self.set(group, **{small: 61, large: 60})
            error = self.assertRaises(ConfigError, rules.rules, self.conf)
            for word in (f'[{group}] {small} = 61', f'{large} = 60', 'lower'):
                self.assertIn(word, str(error))
            self.set(group, **{small: 60})
            rules.rules(self.conf)

    def test_deadlines(self) -> None:
        self.set('stages', drain_timeout=5)
        self.set('detection', steal_threshold=11, bad_seconds_threshold=12)
        made = rules.deadlines(self.conf)
        self.assertEqual(
            (5, 11, 12),
            (
                made.drain_timeout,
                made.steal_threshold,
                made.bad_seconds_threshold,
            ),
        )
