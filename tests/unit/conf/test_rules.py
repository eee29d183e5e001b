import dataclasses

from oslo_config import cfg
from oslotest import base

from steal_scheduler.conf import load, rules
from steal_scheduler.decision.host_checks import HostCheck
from steal_scheduler.exception import ConfigError


class TestRules(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = cfg.ConfigOpts()
        load.register(self.conf)
        self.conf([], default_config_files=[], default_config_dirs=[])

    def set(self, group: str, **values: object) -> None:
        for name, value in values.items():
            self.conf.set_override(name, value, group=group)

    def test_each_value_comes_from_its_option(self) -> None:
        self.set('detection', steal_threshold=11, load_threshold=0.6)
        self.set('hosts', target_demand=80, shared_storage=True)
        self.set('limits', slots=7, coverage_floor=70, slots_per_target=3)
        self.set('signals', max_age=60)
        made = rules.rules(self.conf)
        detection, hosts, limits = made.detection, made.hosts, made.limits
        self.assertEqual(
            (11, 0.6), (detection.steal_threshold, detection.load_threshold)
        )
        self.assertEqual(
            (80, True), (hosts.target_demand, hosts.shared_storage)
        )
        self.assertEqual(
            (7, 70, 3),
            (limits.slots, limits.coverage_floor, limits.slots_per_target),
        )
        self.assertEqual(60, made.max_age)

    def test_no_option_is_forgotten_and_none_stands_twice(self) -> None:
        """Each field of a section's rules is an option of that section."""
        made = rules.rules(self.conf)
        for section in ('detection', 'hosts', 'limits'):
            fields = {
                field.name
                for field in dataclasses.fields(getattr(made, section))
            }
            self.assertEqual(set(self.conf[section]), fields, section)

    def test_disabled_checks(self) -> None:
        self.set('host_checks', disabled_checks=['clock', 'zero_wait'])
        self.assertEqual(
            {HostCheck.CLOCK, HostCheck.ZERO_WAIT},
            rules.rules(self.conf).disabled_checks,
        )

    def test_contradictions(self) -> None:
        self.set('detection', polls_contended=6, polls_window=5)
        error = self.assertRaises(ConfigError, rules.rules, self.conf)
        for word in (
            '[detection] polls_contended = 6',
            'polls_window = 5',
            'lower',
        ):
            self.assertIn(word, str(error))
        self.set('detection', polls_contended=5)
        rules.rules(self.conf)
