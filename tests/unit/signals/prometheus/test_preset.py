import re

import yaml

from steal_scheduler.exception import ConfigError
from steal_scheduler.model.guest import GuestKey
from steal_scheduler.signals.prometheus import preset, preset_file
from steal_scheduler.signals.prometheus.drops import DropReason
from steal_scheduler.signals.prometheus.parse import Subject
from steal_scheduler.signals.prometheus.source import PrometheusSource
from tests.unit.options import configuration
from tests.unit.signals.prometheus import test_preset_file

#: The least that a file must say.
LEAST = """
servers:
  label: uuid
  used: u
  waited: w
hosts:
  label: host
  cores: c
"""


def load(name, max_age=120, **options):
    conf = configuration(
        'prometheus', PrometheusSource.OPTS, preset=name, **options
    )
    conf.set_override('max_age', max_age, group='signals')
    return preset.load(conf)


class ShippedTest(test_preset_file.Case):
    def _presets(self):
        for name in preset_file.shipped():
            yield name, load(name, selector='region="r1"')

    def test_each_is_explained(self):
        (option,) = (o for o in PrometheusSource.OPTS if o.name == 'preset')
        self.assertEqual(
            preset_file.shipped(),
            sorted(re.findall(r'^\* ``([\w-]+)``: ', option.help, re.M)),
        )
        self.assertIn(option.default, preset_file.shipped())

    def test_each_says_what_it_needs(self):
        for name, one in self._presets():
            asked = {query.partition('.')[0] for query in one.queries}
            needs = {key for key in one.keys if key.endswith('.needs')}
            self.assertEqual({f'{who}.needs' for who in asked}, needs, name)

    def test_everything_is_filled_in(self):
        for _, one in self._presets():
            for query in one.promql(60).values():
                self.assertNotIn('$', query)

    def test_every_series_is_selected(self):
        for name, one in self._presets():
            for query in one.queries.values():
                series = re.findall(r'\w{4,}\{.*?\}', query)
                self.assertNotEqual([], series)
                for text in series:
                    self.assertIn('region="r1"}', text, name)
                # Nor is one asked for without braces.
                bare = r'\b(?:node|libvirt|steal_exporter)_\w+(?!\w|\{)'
                self.assertNotRegex(query, bare, name)

    def test_what_is_asked(self):
        hypervisors = {
            'servers.vcpus',
            'servers.used',
            'servers.waited',
            'hosts.cores',
            'hosts.clock_offset',
            preset_file.NODENAMES,
        }
        hypervisors |= {'servers.worst_used', 'servers.worst_waited'}
        domains = hypervisors | {'servers.info'}
        ours = hypervisors | {
            'servers.threads_used',
            'servers.threads_waited',
            'servers.throttled',
            'servers.bad_seconds',
            'hosts.used',
            'hosts.runnable',
        }
        guests = {'guests.vcpus', 'guests.waited', 'guests.load'}
        self.assertEqual(
            {
                'inovex': domains,
                'tinkoff': domains,
                'steal-exporter': ours,
                'steal-exporter-and-guests': ours | guests,
                'node_exporter': {
                    'hosts.cores',
                    'hosts.clock_offset',
                    preset_file.NODENAMES,
                    'guests.used',
                    *guests,
                },
            },
            {name: {*one.queries} for name, one in self._presets()},
        )

    def test_no_guest_tells_of_hypervisors(self):
        """Its tenant says what it tells, also in the words of others."""
        for name, selector, matcher in (
            ('steal-exporter', None, ''),
            ('steal-exporter', 'job="vms"', 'job!="vms", '),
            ('steal-exporter-and-guests', None, 'instance_id="", '),
            ('inovex', None, 'instance_id="", '),
            ('inovex', 'job="vms"', 'job!="vms", '),
            ('tinkoff', None, 'instance_id="", '),
            ('tinkoff', 'job="vms"', 'job!="vms", '),
            ('node_exporter', None, 'instance_id="", '),
        ):
            one = name
            if selector:
                guests = {'selector': selector}
                one = self.write({'extends': name, 'guests': guests})
            for metric, query in load(one).queries.items():
                if metric.startswith('guests.'):
                    continue
                for series in re.findall(r'\w{4,}\{(.*?)\}', query):
                    # What is a label of the exporter's own, and of each of
                    # its series, tells no guest apart.
                    own = (metric, name, selector) == (
                        preset_file.INFO,
                        'inovex',
                        None,
                    )
                    said = f'{series}, '
                    self.assertIn('' if own else matcher, said, metric)
                    self.assertEqual(
                        bool(matcher) and not own,
                        any(word in said for word in ('!="vms"', '_id=""')),
                    )

    def test_each_series_ends_with_its_exporter(self):
        """By 'and' with itself, or by its age."""
        for name, one in self._presets():
            for metric, query in one.queries.items():
                if metric == preset_file.INFO:
                    # What is of nothing that is measured is of no use.
                    continue
                query = ' '.join(query.split())
                rates = re.findall(r'rate\((\w+\{.*?\})\[', query)
                if rates:
                    # Of a ratio the whole will do.
                    self.assertIn(f' and {rates[-1]}', query, name)
                    ends = sum(query.count(f' and {one}') for one in {*rates})
                    self.assertIn(len(rates) - ends, (0, 1), metric)
                    self.assertEqual(len(rates) > ends, '/' in query, metric)
                elif metric != preset_file.NODENAMES:
                    self.assertRegex(
                        query, r'timestamp\(.*\) > time\(\) - 120'
                    )

    def test_the_same_hosts_and_guests(self):
        """What node_exporter tells is asked in the same words everywhere."""
        inovex, tinkoff, node, besides = (
            preset_file.read(name, '')
            for name in (
                'inovex',
                'tinkoff',
                'node_exporter',
                'steal-exporter-and-guests',
            )
        )
        for one, other, section in (
            (inovex, tinkoff, 'hosts.'),
            (inovex, node, 'hosts.'),
            (node, besides, 'guests.'),
        ):
            both = [k for k in one if k.startswith(section) and k in other]
            self.assertGreater(len(both), 3)
            for key in both:
                self.assertEqual(one[key], other[key], key)


class LoadTest(test_preset_file.Case):
    def _load(self, more='', **values):
        return load(self.write(LEAST + more), **values)

    def test_the_least(self):
        one = self._load()
        self.assertEqual(
            {'servers.used': 'u', 'servers.waited': 'w', 'hosts.cores': 'c'},
            one.queries,
        )
        self.assertEqual({*one.queries}, one.required)
        self.assertIs(Subject.SERVERS, one.who)
        self.assertEqual(
            {Subject.SERVERS: 'uuid', Subject.HOSTS: 'host'},
            {subject: label.name for subject, label in one.labels.items()},
        )

    def test_guests_alone(self):
        one = load('node_exporter')
        self.assertIs(Subject.GUESTS, one.who)
        self.assertEqual(
            {'guests.used', 'guests.waited', 'hosts.cores'}, one.required
        )
        self.assertIn('guest', one.keys['guests.needs'])

    def test_placeholders(self):
        path = self.write(
            {
                'servers': {
                    'label': 'srv',
                    'used': 'rate(x{a="b$",$selector}[$window])',
                    'waited': 'label_replace(x{$selector}, "$1", "${a}")',
                },
                'hosts': {
                    'label': 'node',
                    'cores': 'c{$host_selector, $selector} > $max_age',
                    'used': '$server_label $host_label {$selector}',
                },
                'guests': {
                    'identified_by': 'uuid',
                    'label': 'vm',
                    'selector': 'vm!=""',
                    'load': ' $guest_by {$guest_selector, $selector}\n',
                },
            }
        )
        one = load(path, max_age=77, selector='r="1"')
        self.assertEqual(
            {
                'servers.used': 'rate(x{a="b$",r="1"}[30s])',
                'servers.waited': 'label_replace(x{r="1"}, "$1", "${a}")',
                'hosts.cores': 'c{vm="", r="1"} > 77',
                'hosts.used': 'srv node {r="1"}',
                'guests.load': 'vm {vm!="", r="1"}',
            },
            one.promql(30),
        )

    def test_two_guests_of_one_address_stay_two(self):
        for key, label, by in (
            ('uuid', 'instance_id', 'instance_id'),
            ('name', 'instance', 'instance, job'),
            ('address', 'ip', 'ip, instance, job'),
            ('name', 'job', 'job, instance'),
        ):
            guests = {
                'identified_by': key,
                'label': label,
                'selector': 'job="guests"',
            }
            path = self.write(
                {'extends': 'steal-exporter-and-guests', 'guests': guests}
            )
            one = load(path)
            self.assertIs(GuestKey(key), one.guests_by)
            for name in ('guests.load', 'guests.waited'):
                self.assertIn(f' by ({by}) (', one.queries[name])

    def test_names_of_guests(self):
        labels = load('steal-exporter-and-guests').labels
        for text, name in (
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
            ('', DropReason.UNNAMED),
            (':9100', DropReason.FOREIGN),
        ):
            found = labels[Subject.GUESTS].read(
                {'metric': {'instance_id': text}}
            )
            self.assertEqual(name, found, text)

    def test_names_of_hosts(self):
        label = load('inovex').labels[Subject.HOSTS]
        for said, name in (
            ('cmp-1.example:9177', 'cmp-1.example'),
            ('cmp-1', 'cmp-1'),
            ('10.5.0.21:9177', '10.5.0.21'),
            ('[2001:db8::1]:9177', '2001:db8::1'),
            ('2001:db8::1', '2001:db8::1'),
            ('juju-7-nova/0', 'juju-7-nova/0'),
        ):
            series = {'metric': {'instance': said}}
            self.assertEqual(name, label.read(series))


class WrongTest(test_preset_file.Case):
    def _wrong(self, content, *words, **values):
        path = self.write(content)
        error = self.assertRaises(ConfigError, load, path, **values)
        for word in (f'[prometheus] preset = {path}: ', *words):
            self.assertIn(word, str(error))

    def test_missing_keys(self):
        for key in (
            'servers.used',
            'servers.waited',
            'hosts.cores',
            'servers.label',
            'hosts.label',
        ):
            content = yaml.safe_load(LEAST)
            content['hosts']['used'] = 'u'
            section, _, last = key.partition('.')
            content[section].pop(last)
            self._wrong(content, f'the key {key} is missing')
        for key in ('label', 'identified_by'):
            guests = {'label': 'x', 'identified_by': 'uuid'}
            del guests[key]
            self._wrong(
                yaml.safe_load(LEAST) | {'guests': {**guests, 'load': 'l'}},
                f'the key guests.{key} is missing',
            )

    def test_guests_alone_must_tell_used(self):
        content = yaml.safe_load(LEAST)
        del content['servers']
        self._wrong(content, 'the key guests.used is missing')

    def test_unknown_placeholder(self):
        self._wrong(
            LEAST.replace('used: u', 'used: "x[$windw]"'),
            'servers.used has the placeholder $windw',
            '$window, $max_age, $selector, $no_guests',
        )

    def test_a_placeholder_without_its_key(self):
        self._wrong(
            LEAST.replace('cores: c', 'cores: "c{$host_selector}"'),
            'hosts.cores has the placeholder $host_selector',
            'guests.selector is missing',
        )

    def test_a_query_without_the_selector(self):
        self._wrong(
            LEAST.replace('used: u', 'used: "u{$selector}"'),
            'servers.waited has a series without the placeholder $selector',
            '[prometheus] selector = region="r1"',
            selector='region="r1"',
        )

    def test_a_query_of_which_a_part_lacks_it(self):
        whole = 'u{$selector}'
        least = LEAST.replace('c\n', 'c{$selector}\n')
        for part, wrong in (
            ('v{}', True),
            ("v{a='$selector'}", True),
            ('v{a="b"}', True),
            ('v{a="}{", $selector}', False),
        ):
            path = self.write(
                yaml.safe_load(least)
                | {
                    'servers': {
                        'label': 'uuid',
                        'used': whole,
                        'waited': f'{whole} / {part}',
                    }
                }
            )
            if wrong:
                error = self.assertRaises(
                    ConfigError, load, path, selector='region="r1"'
                )
                self.assertIn('servers.waited has a series', str(error))
            else:
                load(path, selector='region="r1"')

    def test_no_selector(self):
        error = self.assertRaises(
            ConfigError, load, 'inovex', selector='{a="b"}'
        )
        self.assertIn('[prometheus] selector = \'{a="b"}\' is', str(error))


class WhoIsAGuestTest(test_preset_file.Case):
    def test_who_is_no_guest_may_be_a_host(self):
        for guests, hosts in (
            ('job="guests"', 'job!="guests"'),
            ("job!='node'", "job='node'"),
            ('job=~"a|b"', 'job!~"a|b"'),
            ('job !~ "a|b"', 'job=~"a|b"'),
        ):
            for base in ('node_exporter', 'inovex'):
                content = {'extends': base, 'guests': {'selector': guests}}
                one = load(self.write(content))
                self.assertIn(
                    f'{{mode="idle", {hosts}, }}', one.queries['hosts.cores']
                )
