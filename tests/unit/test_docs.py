"""What is written for operators says what the code does."""

import ast
import configparser
import enum
import json
import os
import re
import socketserver
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import testtools
from oslo_config import cfg
from oslotest import base

from steal_scheduler.conf import load, scheduler
from steal_scheduler.decision.host_checks import HostCheck
from steal_scheduler.messaging import view_format
from steal_scheduler.migrator import build, plugins
from steal_scheduler.model.move import Outcome, Stage
from steal_scheduler.model.refusal import Reason
from steal_scheduler.moves.leftovers import Kind
from steal_scheduler.reporting import metrics, text

try:
    from docutils import core, utils
except ImportError:
    # It comes with the dependency group docs.
    core = None

ROOT = Path(__file__).parents[2]
ADMIN = ROOT / 'doc/source/admin'
EXAMPLE = ROOT / 'etc/steal_scheduler/steal-migrator.conf.example'


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding='utf-8')


def rows(text: str) -> list[str]:
    """The first cells of list tables that hold one literal."""
    return re.findall(r'^   \* - ``([^`]+)``$', text, re.MULTILINE)


def rows_of(text: str) -> list[str]:
    """The first cells of a simple table that hold one literal."""
    return re.findall(r'^``(\w+)``  ', text, re.MULTILINE)


def metric_names() -> set[str]:
    """Names of families, and of the samples that they have."""
    found: set[str] = set()
    for family in metrics.Metrics().registry.collect():
        suffixes = {
            'counter': ['_total', '_created'],
            'histogram': ['', '_bucket', '_sum', '_count', '_created'],
        }.get(family.type, [''])
        found |= {family.name + suffix for suffix in suffixes}
    return found


class TestAdmin(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.operating = (ADMIN / 'operating.rst').read_text('utf-8')

    def section(self, label: str) -> str:
        """From a label to the next one."""
        begin = self.operating.index(f'.. _{label}:')
        return self.operating[begin:].split('\n.. _')[0]

    def described(self, label: str, words: type[enum.StrEnum]) -> None:
        section = self.section(label)
        found = rows(section) + re.findall(r'^``(\w+)``$', section, re.M)
        self.assertEqual(sorted(words), sorted(found))

    def test_every_refusal_is_described_once(self) -> None:
        self.described('refusals', Reason)

    def test_every_stage_is_described_once(self) -> None:
        self.described('stages', Stage)

    def test_every_outcome_is_described_once(self) -> None:
        self.described('outcomes', Outcome)

    def test_every_host_check_is_described_once(self) -> None:
        """For whoever has to repair the host, and among the rules."""
        text = (ADMIN / 'troubleshooting.rst').read_text('utf-8')
        section = text[text.index('.. _unreliable:') :].split('\n.. _')[0]
        found = re.findall(r'^``(\w+)``$', section, re.MULTILINE)
        self.assertEqual(list(HostCheck), found)
        rules = read('doc/source/reference/rules.rst')
        words = re.findall(r'^(\w+)$', rules, re.MULTILINE)
        # In the order in which they are made.
        self.assertEqual(
            list(HostCheck), [w for w in words if w in list(HostCheck)]
        )

    def test_every_leftover_is_described_once(self) -> None:
        text = (ADMIN / 'leftovers.rst').read_text('utf-8')
        self.assertEqual([*Kind], rows(text))

    def test_every_metric_is_described_once(self) -> None:
        text = (ADMIN / 'metrics.rst').read_text('utf-8')
        found = [name for name in rows(text) if name.startswith('steal_')]
        shown = {
            name
            for name in metric_names()
            if not name.endswith(('_created', '_bucket', '_sum', '_count'))
        }
        self.assertEqual(sorted(shown), sorted(found))

    def test_every_alert_is_described_once(self) -> None:
        text = (ADMIN / 'metrics.rst').read_text('utf-8')
        found = [name for name in rows(text) if name.startswith('Steal')]
        rules = read('etc/prometheus/steal-scheduler.rules')
        alerts = re.findall(r'- alert: (\w+)', rules)
        self.assertEqual(sorted(alerts), sorted(found))

    def test_every_alert_leads_to_its_runbook(self) -> None:
        """The label of a section is its anchor in the page."""
        text = (ADMIN / 'runbooks.rst').read_text('utf-8')
        sections = re.findall(
            r'^\.\. _(Steal\w+):\n\n\1\n=+\n\n(\w+)\. ', text, re.MULTILINE
        )
        rules = read('etc/prometheus/steal-scheduler.rules')
        alerts = rules.split('- alert: ')[1:]
        self.assertEqual(len(alerts), len(sections))
        page = 'https://docs.example.org/steal-scheduler/admin/runbooks.html'
        for alert in alerts:
            name = alert.split('\n')[0]
            (severity,) = re.findall(r'severity: (\w+)', alert)
            self.assertIn((name, severity.capitalize()), sections)
            (url,) = re.findall(r'runbook_url: (\S+)', alert)
            self.assertEqual(f'{page}#{name.lower()}', url)

    def test_no_page_names_another_alert(self) -> None:
        rules = read('etc/prometheus/steal-scheduler.rules')
        alerts = re.findall(r'- alert: (\w+)', rules)
        classes = {'StealFilter', 'StealWeigher'}
        for page in [
            ROOT / 'README.rst',
            *(ROOT / 'doc/source').rglob('*.rst'),
        ]:
            text = page.read_text('utf-8')
            found = set(re.findall(r'``(Steal[A-Z]\w+)``', text)) - classes
            self.assertLessEqual(found, set(alerts), str(page))


class TestLogLines(base.BaseTestCase):
    """A line of the log that a page for operators quotes is one of ours."""

    def setUp(self) -> None:
        super().setUp()
        self.said = '\n'.join(
            node.value
            for path in (ROOT / 'steal_scheduler').rglob('*.py')
            for node in ast.walk(ast.parse(path.read_text('utf-8')))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )

    def is_said(self, quoted: str) -> bool:
        """Capitals, classes, numbers and dots stand for what is filled in."""
        filled_in = r'\.\.\.|\(?\b[A-Z]+\b\)?|\d+|\bSteal[A-Z]\w+|: '
        for part in re.split(filled_in, quoted):
            words = part.strip(' .:')
            if len(words) > 3 and words not in self.said:
                return False
        return True

    def test_each_is_said(self) -> None:
        pages = [*ADMIN.glob('*.rst'), ROOT / 'doc/source/install/turn-on.rst']
        for page in pages:
            text = re.sub(r'\s+', ' ', page.read_text('utf-8'))
            for quoted in re.findall(r'``([A-Z][^`]* [^`]+)``', text):
                self.assertTrue(self.is_said(quoted), f'{page}: {quoted}')

    def test_it_can_tell(self) -> None:
        self.assertFalse(self.is_said('This migrator is at work.'))
        self.assertTrue(self.is_said('Acquired leadership.'))


class TestOptions(base.BaseTestCase):
    def test_every_deciding_option_is_in_the_reference(self) -> None:
        names = {
            option.name
            for group, options in plugins.list_opts()
            if group
            in ('detection', 'hosts', 'host_checks', 'limits', 'stages')
            for option in options
        }
        text = read('doc/source/reference/rules.rst') + read(
            'doc/source/configuration/limits.rst'
        )
        words = set(re.findall(r'\w+', text))
        self.assertEqual(set(), names - words)


class TestView(base.BaseTestCase):
    """reference/view.rst: what a listener is told."""

    def test_its_example_is_a_view_of_this_version(self) -> None:
        text = read('doc/source/reference/view.rst')
        example = re.search(r'^::\n\n((?:    .*\n)+)', text, re.MULTILINE)
        assert example is not None
        shown = json.loads(example[1])
        view = view_format.decode(shown)
        self.assertEqual(shown, view_format.encode(view))
        self.assertEqual(sorted(shown), sorted(rows_of(text)))


class TestPlan(base.BaseTestCase):
    def test_every_block_and_field_is_described(self) -> None:
        page = read('doc/source/reference/plan.rst')
        blocks, fields, have = re.split(r'\nFields\n|\nWhich block', page)
        self.assertEqual(list(text.BLOCKS), rows_of(blocks))
        all_fields = {
            f for block in text.BLOCKS.values() for f in block.fields
        }
        self.assertEqual(sorted(all_fields), sorted(rows_of(fields)))
        # The table wraps: a name at the beginning of a line begins a block.
        found = {
            row.split()[0].strip('`'): tuple(re.findall(r'``(\w+)``', row)[1:])
            for row in re.split(r'\n(?=``)', have)[1:]
        }
        self.assertEqual(
            {name: block.fields for name, block in text.BLOCKS.items()}, found
        )


class TestExample(base.BaseTestCase):
    """steal-migrator.conf.example: every option exists and is right."""

    def given(self) -> Iterator[tuple[str, str]]:
        # ConfigParser would give every section what stands in [DEFAULT].
        parser = configparser.RawConfigParser(
            default_section='', delimiters='='
        )
        parser.read_string(EXAMPLE.read_text('utf-8'))
        for section in parser.sections():
            for name in parser.options(section):
                yield section, name

    def test_every_option_exists_and_is_right(self) -> None:
        conf = load.load([f'--config-file={EXAMPLE}'], 'test')
        # Which registers, beside ours, what the libraries ask for.
        build.build(conf)
        for group, name in self.given():
            self.assertIsNotNone(
                conf[name] if group == 'DEFAULT' else conf[group][name]
            )
        self.assertIs(True, conf.migrator.dry_run)

    def test_its_values_are_the_defaults(self) -> None:
        """Whoever deletes a line gets what it said."""
        conf = load.load([f'--config-file={EXAMPLE}'], 'test')
        plugins.signal_source(conf)
        bare = load.load(['--config-file=/dev/null'], 'test')
        plugins.signal_source(bare)
        for group, name in self.given():
            if group not in ('DEFAULT', 'nova'):
                self.assertEqual(bare[group][name], conf[group][name], name)


class TestNovaConf(base.BaseTestCase):
    """nova.conf.snippet: what the demo runs, and Nova's own filters."""

    def setUp(self) -> None:
        super().setUp()
        self.snippet = self.parse(
            read('etc/steal_scheduler/nova.conf.snippet')
        )
        tree = ast.parse(read('steal_scheduler/demo/story.py'))
        text = next(
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == 'FILTER_SCHEDULER'
        )
        self.demo = self.parse(f'[filter_scheduler]\n{text}')

    def parse(self, text: str) -> Any:
        path = self.create_tempfiles([('nova', text)])[0]
        conf = cfg.ConfigOpts()
        conf.register_opts(
            [
                cfg.MultiStrOpt('available_filters'),
                cfg.ListOpt('enabled_filters'),
                cfg.ListOpt('weight_classes'),
            ],
            'filter_scheduler',
        )
        conf(['--config-file', path], default_config_files=[])
        return conf.filter_scheduler

    def test_it_names_the_same_classes(self) -> None:
        for name in ('available_filters', 'weight_classes'):
            self.assertEqual(self.demo[name], self.snippet[name])

    def test_our_filters_are_the_last(self) -> None:
        enabled = self.snippet.enabled_filters
        self.assertEqual(self.demo.enabled_filters[-2:], enabled[-2:])
        self.assertLessEqual({*self.demo.enabled_filters}, {*enabled})

    def test_its_options_exist_with_their_defaults(self) -> None:
        text = read('etc/steal_scheduler/nova.conf.snippet')
        found = dict(re.findall(r'^#(\w+) = ?(.*)$', text, re.MULTILINE))
        [(_, options)] = scheduler.list_opts()
        self.assertEqual({o.name: str(o.default) for o in options}, found)


class TestMonitoring(base.BaseTestCase):
    def test_rules_use_metrics_that_exist(self) -> None:
        text = read('etc/prometheus/steal-scheduler.rules')
        # Of the exporter's, see tests/unit/signals/prometheus/test_histories.
        found = set(re.findall(r'\bsteal_migrator_\w+', text))
        self.assertNotEqual(set(), found)
        self.assertEqual(set(), found - metric_names())

    def test_rules_use_labels_that_exist(self) -> None:
        text = read('etc/prometheus/steal-scheduler.rules')
        for label, words in (
            ('reason', Reason),
            ('outcome', Outcome),
        ):
            found = re.findall(rf'{label}=~?"([\w|]+)"', text)
            self.assertNotEqual([], found)
            self.assertLessEqual({*'|'.join(found).split('|')}, {*words})

    def test_dashboard_uses_metrics_that_exist(self) -> None:
        board = json.loads(read('etc/grafana/steal-scheduler.json'))
        used: set[str] = set()
        for panel in board['panels']:
            for target in panel['targets']:
                found = set(re.findall(r'\bsteal_\w+', target['expr']))
                self.assertNotEqual(set(), found, panel['title'])
                used |= found
        self.assertEqual(set(), used - metric_names())

    def test_dashboard_leads_to_pages_that_exist(self) -> None:
        board = json.loads(read('etc/grafana/steal-scheduler.json'))
        self.assertNotEqual([], board['links'])
        for link in board['links']:
            page = link['url'].removeprefix(
                'https://docs.example.org/steal-scheduler/'
            )
            path = ROOT / 'doc/source' / page.replace('.html', '.rst')
            self.assertTrue(path.exists(), page)

    def test_panels_do_not_overlap(self) -> None:
        board = json.loads(read('etc/grafana/steal-scheduler.json'))
        taken: set[tuple[int, int]] = set()
        for panel in board['panels']:
            at = panel['gridPos']
            cells = {
                (at['x'] + x, at['y'] + y)
                for x in range(at['w'])
                for y in range(at['h'])
            }
            self.assertEqual(set(), taken & cells, panel['title'])
            taken |= cells
        ids = [panel['id'] for panel in board['panels']]
        self.assertEqual(len(ids), len(set(ids)))


class TestPaths(base.BaseTestCase):
    """Files that are named are there."""

    def test_in_any_page(self) -> None:
        pages = [*ROOT.glob('*.rst'), *ROOT.glob('doc/source/**/*.rst')]
        for page in pages:
            named = re.findall(
                r'(?<![\w/])(?:steal_scheduler|tests|tools|doc/source|etc)/[\w./-]*\w/?',
                page.read_text('utf-8'),
            )
            for path in named:
                where = f'{page.relative_to(ROOT)} names {path}'
                self.assertTrue((ROOT / path).exists(), where)

    def test_what_the_wheel_brings(self) -> None:
        """Paths in an environment, as pip has filled it."""
        project = tomllib.loads(read('pyproject.toml'))
        files = project['tool']['setuptools']['data-files']
        brought = {
            f'{place}/{path.name}'
            for place, globs in files.items()
            for glob in globs
            for path in ROOT.glob(glob)
        }
        brought |= {*files}
        brought |= {f'bin/{name}' for name in project['project']['scripts']}
        brought |= {'bin/pip', 'bin/oslo-config-generator'}
        for page in [*ROOT.glob('*.rst'), *ROOT.glob('doc/source/**/*.rst')]:
            named = re.findall(
                r'(?:/opt/steal-scheduler/|\b(?=share/steal-scheduler\b))'
                r'([\w./-]*\w)',
                page.read_text('utf-8'),
            )
            self.assertEqual(set(), {*named} - brought, page)

    def test_in_the_rules(self) -> None:
        """Modules stand in brackets."""
        rules = read('doc/source/reference/rules.rst')
        modules = {
            path.stem
            for package in ('decision', 'moves')
            for path in (ROOT / 'steal_scheduler' / package).glob('*.py')
        }
        found = {
            name
            for names in re.findall(r' \[(\w[\w, ]*)\]$', rules, re.MULTILINE)
            for name in names.split(', ')
        }
        self.assertNotEqual(set(), found)
        self.assertEqual(set(), found - modules)

    def test_in_the_tree(self) -> None:
        tree = read('doc/source/contributor/tree.rst')
        package = ROOT / 'steal_scheduler'
        for path in re.findall(r'``((?!steal_|tests)\w+/[\w/.]*)``', tree):
            self.assertTrue((package / path).exists(), path)
        self.assertEqual(
            {path.parent.name for path in package.glob('*/__init__.py')},
            {*re.findall(r'^   \* - ``(\w+)/``$', tree, re.MULTILINE)},
        )


class TestReadme(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.text = read('README.rst')

    @testtools.skipIf(core is None, 'docutils is not installed')
    def test_it_is_valid_without_sphinx(self) -> None:
        core.publish_doctree(
            self.text,
            settings_overrides={
                'halt_level': utils.Reporter.WARNING_LEVEL,
                'report_level': utils.Reporter.SEVERE_LEVEL,
            },
        )

    def test_it_has_no_roles_of_sphinx(self) -> None:
        self.assertNotRegex(self.text, r':[a-z-]+:`')

    def test_make_targets_exist(self) -> None:
        targets = set(re.findall(r'^(\w+):', read('Makefile'), re.MULTILINE))
        named = set(re.findall(r'(?:``|^ +)make (\w+)', self.text, re.M))
        self.assertEqual({'demo', 'test'}, named & {'demo', 'test'})
        self.assertEqual(set(), named - targets)

    def test_files_and_links_exist(self) -> None:
        paths = re.findall(r'<([\w/.-]+)>`_', self.text)
        paths += re.findall(r'``((?:etc|steal_scheduler)/[^` ]+)``', self.text)
        for path in paths:
            self.assertTrue((ROOT / path).exists(), path)

    def test_it_is_short(self) -> None:
        self.assertLessEqual(len(self.text.splitlines()), 150)


class _HAProxy(socketserver.StreamRequestHandler):
    """As much of its runtime API as the example needs."""

    state: dict[str, str]
    sessions: int

    def handle(self) -> None:
        words = self.rfile.readline().decode().split()
        if words[:2] == ['set', 'server']:
            states = {'drain': 'DRAIN', 'ready': 'UP'}
            self.state[words[2]] = states[words[4]]
            return
        lines = ['# pxname,svname,status,scur,']
        for name, status in self.state.items():
            place = name.replace('/', ',')
            lines.append(f'{place},{status},{self.sessions},')
        self.wfile.write('\n'.join(lines).encode() + b'\n\n')


class TestDrainScript(base.BaseTestCase):
    """The example of doc/source/configuration/command.rst."""

    def setUp(self) -> None:
        super().setUp()
        self.haproxy = type('HAProxy', (_HAProxy,), {'sessions': 0})
        self.haproxy.state = {'shop/web-1': 'UP', 'shop/web-2': 'UP'}
        server = socketserver.TCPServer(('127.0.0.1', 0), self.haproxy)
        self.addCleanup(server.server_close)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        source = read('doc/source/configuration/drain_haproxy.py')
        address = f'HAPROXIES = [{server.server_address!r}]'
        self.script = self.create_tempfiles(
            [('drain', re.sub('(?m)^HAPROXIES = .*$', address, source))]
        )[0]

    def run_it(self, verb: str) -> int:
        return subprocess.run(
            [sys.executable, self.script, verb],
            env={**os.environ, 'STEAL_SERVER_NAME': 'web-1'},
            stdout=subprocess.DEVNULL,
        ).returncode

    def test_out_and_back(self) -> None:
        self.assertEqual(0, self.run_it('drain'))
        self.assertEqual(0, self.run_it('drain'))
        drained = {'shop/web-1': 'DRAIN', 'shop/web-2': 'UP'}
        self.assertEqual(drained, self.haproxy.state)
        self.assertEqual(0, self.run_it('reattach'))
        self.assertEqual(0, self.run_it('reattach'))
        self.assertEqual({'UP'}, {*self.haproxy.state.values()})

    def test_sessions_are_waited_for(self) -> None:
        self.haproxy.sessions = 3
        self.assertEqual(75, self.run_it('drain'))
        self.assertEqual('DRAIN', self.haproxy.state['shop/web-1'])

    def test_maintenance_is_left_alone(self) -> None:
        self.haproxy.state['shop/web-1'] = 'MAINT'
        self.assertEqual(0, self.run_it('drain'))
        self.assertEqual(0, self.run_it('reattach'))
        self.assertEqual('MAINT', self.haproxy.state['shop/web-1'])
