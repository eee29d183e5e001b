import pathlib
import re
import textwrap

import fixtures
import yaml
from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.signals.prometheus import preset, preset_file
from steal_scheduler.signals.prometheus.parse import METRICS
from steal_scheduler.signals.prometheus.source import PrometheusSource
from tests.unit.options import configuration

WHERE = '[prometheus] preset = x'


class Case(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir())

    def write(self, content, name='preset.yaml'):
        path = self.directory.join(name)
        if isinstance(content, dict):
            content = yaml.safe_dump(content)
        if isinstance(content, str):
            content = content.encode()
        with open(path, 'wb') as file:
            file.write(content)
        return path


class ReadTest(Case):
    def test_each_key(self):
        content = {}
        expected = {}
        for path in preset_file.KEYS:
            value = {
                'identified_by': 'name',
                'label': 'a_b',
                'regex': '(a)',
                'selector': 'c!~"d,e"',
            }.get(path.rpartition('.')[2], 'text')
            expected[path] = value
            *sections, key = path.split('.')
            where = content
            for section in sections:
                where = where.setdefault(section, {})
            where[key] = value
        content['extends'] = self.write({'hosts': {'label': 'h'}}, 'base.yaml')
        del expected['extends']
        self.assertEqual(
            expected, preset_file.read(self.write(content), WHERE)
        )

    def test_every_metric_has_a_key(self):
        self.assertLessEqual({*METRICS}, {*preset_file.KEYS})

    def test_what_is_not_set_is_inherited(self):
        first = {'hosts': {'label': 'a', 'needs': 'n', 'cores': 'c'}}
        second = {
            'extends': self.write(first, '1.yaml'),
            'hosts': {'label': 'b', 'used': 'u'},
        }
        third = {
            'extends': self.write(second, '2.yaml'),
            'hosts': {'used': 'v'},
        }
        self.assertEqual(
            {
                'hosts.label': 'b',
                'hosts.needs': 'n',
                'hosts.cores': 'c',
                'hosts.used': 'v',
            },
            preset_file.read(self.write(third), WHERE),
        )

    def test_a_shipped_one_can_be_extended(self):
        mine = {
            'extends': 'steal-exporter',
            'hosts': {'needs': 'luck'},
        }
        theirs = preset_file.read('steal-exporter', WHERE)
        self.assertEqual(
            theirs | {'hosts.needs': 'luck'},
            preset_file.read(self.write(mine), WHERE),
        )


class WrongTest(Case):
    def _wrong(self, preset, *words):
        error = self.assertRaises(ConfigError, preset_file.read, preset, WHERE)
        for word in (f'{WHERE}: ', *words):
            self.assertIn(word, str(error))

    def test_no_such_file(self):
        self._wrong(
            'inovx', 'no preset of that name', 'inovex, node_exporter', 'path'
        )
        for relative in ('./preset.yaml', '../presets/inovex'):
            self._wrong(relative, 'absolute path')
        self._wrong('/nowhere/preset.yaml', "'/nowhere/preset.yaml'")
        self._wrong(self.directory.path, 'cannot be read')

    def test_no_yaml(self):
        for content in (
            'a: b: c',
            '{',
            'hosts: !!python/object:os.system {}',
            b'\xff\xfe\xff',
            'a: &a [*a',
        ):
            self._wrong(self.write(content), 'is no YAML')

    def test_no_keys(self):
        for content in ('', '# nothing', '- a', 'text', '7'):
            self._wrong(self.write(content), 'no keys', 'servers.label')

    def test_unknown_keys(self):
        for content, *words in (
            (
                {'host': {'label': 'x'}},
                "host = {'label': 'x'} ",
                'extends, servers.label, servers.needs, servers.domain_label',
            ),
            ({7: 'x'}, "7 = 'x' "),
            (
                {'hosts': {'lebal': 'x'}},
                "hosts.lebal = 'x' ",
                'hosts.label, hosts.needs',
            ),
            (
                {'servers': {'usd': 'x'}},
                "servers.usd = 'x' ",
                'servers.used, servers.waited',
            ),
            ({'servers': {'regex': '(x)'}}, "servers.regex = '(x)' "),
            ({'hosts': None}, 'hosts = None ', 'hosts.label, hosts.needs'),
            ({'hosts': {'regex': '(x)'}}, "hosts.regex = '(x)' "),
            ({'hosts': []}, 'hosts = [] '),
            (
                {'hosts': {'queries': {'used': 'x'}}},
                "hosts.queries = {'used': 'x'} ",
                'hosts.cores',
            ),
        ):
            self._wrong(self.write(content), 'is none of the keys', *words)

    def test_a_key_stands_twice(self):
        self._wrong(
            self.write('hosts:\n  label: a\n  used: b\n  label: b\n'),
            "'label' stands twice, the second time in line 4",
        )

    def test_wrong_values(self):
        for content, *words in (
            ({'hosts': {'label': 7}}, 'hosts.label = 7 is no text'),
            ({'hosts': {'label': None}}, 'hosts.label = None is no text'),
            ({'hosts': {'label': 'a-b'}}, "hosts.label = 'a-b'", 'letters'),
            ({'servers': {'label': '1a'}}, "servers.label = '1a'"),
            ({'guests': {'label': 'a b'}}, "guests.label = 'a b'"),
            ({'guests': {'regex': '('}}, "guests.regex = '('", 'Correct'),
            ({'guests': {'regex': '.*'}}, "guests.regex = '.*'", 'no group'),
            ({'guests': {'regex': '['}}, "guests.regex = '['"),
            (
                {'guests': {'identified_by': 'ip'}},
                "guests.identified_by = 'ip'",
                'uuid, name, address',
            ),
            (
                {'hosts': {'cores': ' '}},
                "hosts.cores = ' ' is no text",
            ),
            ({'extends': ['a']}, "extends = ['a'] is no text"),
        ):
            self._wrong(self.write(content), *words)

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
            # The opposite of two matchers is no matcher.
            'job="a", env="b"',
        ):
            self._wrong(
                self.write({'guests': {'selector': text}}),
                f'guests.selector = {text!r}',
                'without braces',
            )

    def test_the_file_that_is_extended_is_named(self):
        base = self.write({'hosts': {'label': 'a-b'}}, 'base.yaml')
        self._wrong(
            self.write({'extends': base}),
            f"{WHERE}: extends = {base}: hosts.label = 'a-b'",
        )
        self._wrong(
            self.write({'extends': 'inovx'}), 'extends = inovx: there is no'
        )

    def test_a_small_file_that_is_huge(self):
        lines = ['a0: &a0 {k: x}']
        for n in range(1, 40):
            pairs = ', '.join(f'{k}: *a{n - 1}' for k in 'bcdefghi')
            lines.append(f'a{n}: &a{n} {{{pairs}}}')
        for key, fault in (('label', 'is no text'), ('x', 'is none of the')):
            text = f'hosts:\n  {key}:\n    ' + '\n    '.join(lines)
            self._wrong(self.write(text), f'hosts.{key} = {{', fault)
        self._wrong(
            self.write('hosts: &a\n  used: *a\n'),
            "hosts.used = {'used': {",
            'is no text',
        )

    def test_keys_that_are_no_text(self):
        for key in ('[a, b]', '{a: b}'):
            self._wrong(self.write(f'? {key}\n: c\n'), 'line 1', 'unhashable')

    def test_nested_without_end(self):
        self._wrong(self.write('[' * 600 + ']' * 600), 'no YAML')

    def test_a_circle(self):
        one = self.directory.join('one.yaml')
        two = self.write({'extends': one}, 'two.yaml')
        self.write({'extends': two}, 'one.yaml')
        self._wrong(one, f'extends = {two}', 'extends itself')


class DocsTest(Case):
    """doc/source/configuration/signals.rst and install/signals.rst."""

    def setUp(self):
        super().setUp()
        docs = pathlib.Path(__file__).parents[4] / 'doc/source'
        self.reference, self.install = (
            (docs / where / 'signals.rst').read_text(encoding='utf-8')
            for where in ('configuration', 'install')
        )

    def _rows(self, heading):
        """The first cells of the first table below a heading."""
        _, _, below = self.reference.partition(f'\n{heading}\n---')
        table, _, _ = below.partition('\n---')
        return re.findall(r'^   \* - ``([^`]+)``$', table, re.MULTILINE)

    def test_every_key_is_described_once(self):
        self.assertEqual(sorted(preset_file.KEYS), sorted(self._rows('Keys')))

    def test_every_placeholder_is_described_once(self):
        self.assertEqual(
            [f'${name}' for name in preset.PLACEHOLDERS],
            self._rows('Placeholders'),
        )

    def test_every_example_is_a_preset(self):
        found = 0
        for text in (self.reference, self.install):
            for match in re.finditer(
                r'^( *).. code-block:: yaml\n\n((?:\1    .*\n|\n)+)',
                text,
                re.MULTILINE,
            ):
                path = self.write(textwrap.dedent(match[2]))
                for selector in ('', 'region="r1"'):
                    preset.load(
                        configuration(
                            'prometheus',
                            PrometheusSource.OPTS,
                            preset=path,
                            selector=selector,
                        )
                    )
                found += 1
        self.assertEqual(6, found)
