from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.signals import guest_opts, names, prometheus_opts
from steal_scheduler.signals import selectors as tested
from steal_scheduler.signals.presets import PRESETS
from tests.unit.signals.options import configuration

BOTH = ('guest_selector', 'host_selector')


def selectors(*needed, **values):
    conf = configuration(
        'prometheus', [*prometheus_opts.OPTS, *guest_opts.OPTS], **values
    )
    known = names.build(conf.prometheus, PRESETS['inovex'])
    return tested.build(conf.prometheus, known, needed)


class SelectorsTest(base.BaseTestCase):
    def _are(self, guests, hosts, **values):
        self.assertEqual(
            {'guest_selector': guests, 'host_selector': hosts},
            selectors(*BOTH, **values),
        )

    def test_by_a_label_that_only_guests_have(self):
        self._are('instance_id!=""', 'instance_id=""')
        self._are('vm!=""', 'vm=""', guest_key='name', guest_label='vm')

    def test_hosts_are_the_opposite(self):
        for guests, hosts in (
            ('job="guests"', 'job!="guests"'),
            ("job!='node'", "job='node'"),
            ('job=~"a|b"', 'job!~"a|b"'),
            ('job !~ "a|b"', 'job=~"a|b"'),
        ):
            self._are(
                guests, hosts, guest_key='address', guest_selector=guests
            )

    def test_both_given(self):
        self._are(
            'job="guests", env=~"a,b|\\"c"',
            'job="node"',
            guest_selector='job="guests", env=~"a,b|\\"c"',
            host_selector=' job="node" ',
        )

    def _wrong(self, option, *words, needed=BOTH, **values):
        error = self.assertRaises(ConfigError, selectors, *needed, **values)
        for word in (f'[prometheus] {option} ', *words):
            self.assertIn(word, str(error))

    def test_hosts_have_that_label_too(self):
        for key in ('name', 'address'):
            self._wrong(
                'guest_selector', 'guest_label = instance', guest_key=key
            )
        self._wrong('guest_selector', 'job="guests"', guest_label='instance')
        self._wrong(
            'guest_selector',
            'guest_label = node',
            guest_label='node',
            host_label='node',
        )
        self._wrong(
            'host_selector',
            'job="hosts"',
            needed=['host_selector'],
            guest_key='address',
        )

    def test_what_nobody_asks_for_may_be_missing(self):
        self.assertEqual({}, selectors(guest_key='address'))
        self.assertEqual(
            {'host_selector': 'job="node"'},
            selectors(
                'host_selector',
                guest_key='address',
                host_selector='job="node"',
            ),
        )

    def test_two_matchers_have_no_opposite(self):
        self._wrong(
            'host_selector', 'no simple opposite', guest_selector='a="b",c="d"'
        )

    def test_no_matchers(self):
        for text in (
            'guests',
            '{job="guests"}',
            'job=guests',
            'job=="guests"',
            'job="guests',
            'job="gu"ests"',
            'job="a" env="b"',
            'job="a",',
            'job="a"} or node_load1{job="b"',
            'a-b="c"',
        ):
            for option in BOTH:
                self._wrong(option, f'= {text!r}', **{option: text})
