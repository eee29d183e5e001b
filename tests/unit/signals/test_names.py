from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.model.cloud import GuestKey
from steal_scheduler.signals import guest_opts, names, prometheus_opts
from steal_scheduler.signals.lost import Lost
from steal_scheduler.signals.presets import PRESETS
from steal_scheduler.signals.sample import Sample
from tests.unit.signals.options import configuration

OPTS = [*prometheus_opts.OPTS, *guest_opts.OPTS]


def built(preset='custom', **values):
    conf = configuration('prometheus', OPTS, **values)
    return names.build(conf.prometheus, PRESETS[preset])


def sample(**labels):
    return Sample(labels, 1.0, 1.0)


class NamesTest(base.BaseTestCase):
    def test_a_server(self):
        known = built()
        self.assertEqual('a', known.server(sample(server_id='a')))
        self.assertEqual(Lost.UNNAMED, known.server(sample(server_id='')))
        self.assertEqual(Lost.UNNAMED, known.server(sample(host='h')))

    def test_a_host(self):
        known = built(host_regex=r'(cmp[^.:]*).*')
        self.assertEqual('cmp-1', known.host(sample(host='cmp-1.a.b:9178')))
        self.assertEqual(Lost.FOREIGN, known.host(sample(host='ctl-1')))
        self.assertEqual(Lost.UNNAMED, known.host(sample(server_id='a')))

    def test_a_guest(self):
        known = built(guest_key='address')
        for label, name in (
            ('10.0.0.1', '10.0.0.1'),
            ('10.0.0.1:9100', '10.0.0.1'),
            ('[2001:db8::1]:9100', '2001:db8::1'),
            ('[2001:db8::1]', '2001:db8::1'),
            ('2001:db8::1', '2001:db8::1'),
            ('2001:db8::9100', '2001:db8::9100'),
            ('::1', '::1'),
            ('web-1.example', 'web-1.example'),
            ('web-1:9100', 'web-1'),
            ('a name with blanks', 'a name with blanks'),
            ('', Lost.UNNAMED),
            (':9100', Lost.FOREIGN),
        ):
            self.assertEqual(name, known.guest(sample(instance=label)), label)


class BuildTest(base.BaseTestCase):
    def test_labels_of_the_preset(self):
        known = built('steal-exporter')
        self.assertEqual(
            ('uuid', 'instance'), (known.server_label, known.host_label)
        )
        known = built('tinkoff', server_label='x', host_label='y')
        self.assertEqual(('x', 'y'), (known.server_label, known.host_label))

    def test_label_of_the_key(self):
        for key, label in (
            ('uuid', 'instance_id'),
            ('name', 'instance'),
            ('address', 'instance'),
        ):
            known = built(guest_key=key)
            self.assertEqual(label, known.guest_label)
            self.assertIs(GuestKey(key), known.guests_by)
            self.assertEqual('z', built(guest_label='z').guest_label)

    def test_wrong_options(self):
        for option, value in (
            ('host_regex', '('),
            ('host_regex', '.*'),
            ('guest_regex', '['),
            ('guest_regex', 'x'),
            ('server_label', '1a'),
            ('host_label', 'a-b'),
            ('guest_label', 'a b'),
        ):
            error = self.assertRaises(ConfigError, built, **{option: value})
            self.assertIn(f'[prometheus] {option} = {value!r}', str(error))
