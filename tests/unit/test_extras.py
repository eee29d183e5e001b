"""What pyproject.toml says each machine needs is what the code imports."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from oslotest import base

ROOT = Path(__file__).parents[2]
PACKAGE = 'steal_scheduler'

#: Imported by us, and declared by what we use it through.
THROUGH = {'cotyledon': 'oslo.service', 'urllib3': 'requests'}


def source(dotted: str) -> Path | None:
    """The file of one of our modules or packages."""
    path = ROOT / Path(*dotted.split('.'))
    for file in (path.with_suffix('.py'), path / '__init__.py'):
        if file.exists():
            return file
    return None


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text('utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f'{node.module}.{a.name}' for a in node.names)
            yield str(node.module)


def third_party(start: Iterable[str], without: str = '\0') -> set[str]:
    """Distributions that these modules of ours import, directly or not.

    :param start: paths in the package, as globs
    :param without: what is not followed, as a prefix of paths
    """
    home = ROOT / PACKAGE
    todo = [path for glob in start for path in home.glob(glob)]
    seen: set[Path] = set()
    roots: set[str] = set()
    while todo:
        path = todo.pop()
        if path in seen or str(path.relative_to(home)).startswith(without):
            continue
        seen.add(path)
        for name in imports(path):
            if name.partition('.')[0] != PACKAGE:
                roots.add(name.partition('.')[0])
            elif (file := source(name)) is not None:
                todo.append(file)
    installed = importlib.metadata.packages_distributions()
    return {
        canonical(THROUGH.get(root, installed[root][0]))
        for root in roots - sys.stdlib_module_names
    }


def canonical(requirement: str) -> str:
    """Of ``oslo.service[threading]>=4.5`` it is oslo-service."""
    name = re.match(r'[\w.-]+', requirement)
    assert name is not None, requirement
    return re.sub(r'[-_.]+', '-', name[0]).lower()


class ExtrasTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        project = tomllib.loads((ROOT / 'pyproject.toml').read_text('utf-8'))
        self.project = project['project']
        self.base = {canonical(r) for r in self.project['dependencies']}

    def extra(self, name: str) -> set[str]:
        """What it brings, with the base and the extras that it names."""
        found = set(self.base)
        for requirement in self.project['optional-dependencies'][name]:
            if requirement.startswith('steal-scheduler['):
                found |= self.extra(requirement.split('[')[1].rstrip(']'))
            else:
                found.add(canonical(requirement))
        return found


class TestExtras(ExtrasTest):
    def test_the_base_is_what_nova_scheduler_loads(self) -> None:
        loaded = third_party(['scheduler/*.py', 'conf/scheduler.py'])
        self.assertEqual(self.base, loaded - {'nova'})

    def test_migrator(self) -> None:
        loaded = third_party(
            [
                'cmd/manage.py',
                'cmd/migrator.py',
                'cmd/status.py',
                # found through entry points
                'orchestrators/**/*.py',
                'signals/**/*.py',
            ],
            without='demo/',
        )
        self.assertEqual(self.extra('kubernetes'), loaded)
        self.assertEqual(
            {'kubernetes'},
            self.extra('kubernetes') - self.extra('migrator'),
        )

    def test_api(self) -> None:
        loaded = third_party(['cmd/api.py', 'cmd/wsgi.py'])
        self.assertEqual(self.extra('api'), loaded)

    def test_exporter(self) -> None:
        loaded = third_party(['cmd/exporter.py'])
        # The base comes with each extra, needed or not.
        self.assertEqual(self.extra('exporter'), loaded | self.base)

    def test_cli(self) -> None:
        loaded = third_party(['osc/**/*.py'])
        # Which loads us; we know its library alone.
        loaded.add('python-openstackclient')
        self.assertEqual(self.extra('cli'), loaded | self.base)

    def test_demo(self) -> None:
        declared = self.extra('demo')
        self.assertLessEqual(self.extra('migrator'), declared)
        self.assertLessEqual({'nova', 'openstack-placement'}, declared)


#: Runs a console script, its name first, where modules are not installed:
#: those after ``--``.
SCRIPT = """
import importlib, sys
split = sys.argv.index('--')
for name in sys.argv[split + 1 :]:
    sys.modules[name] = None
module, _, function = sys.argv[1].partition(':')
sys.argv = sys.argv[2:split]
sys.exit(getattr(importlib.import_module(module), function)())
"""


#: Of a program without its extra: systemd must not try again for ever, and
#: of steal-status 1 is a warning.
STATUS = {
    'steal-api': os.EX_CONFIG,
    'steal-exporter': os.EX_CONFIG,
    'steal-manage': 1,
    'steal-migrator': os.EX_CONFIG,
    'steal-status': 255,
}


class TestMissing(ExtrasTest):
    """A program without its extra says how to get it."""

    def check(self, extra: str, command: str, *hidden: str) -> None:
        program = command.split()[0]
        run = subprocess.run(
            [
                *(sys.executable, '-c', SCRIPT),
                self.project['scripts'][program],
                *(*command.split(), '--', *hidden),
            ],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        self.assertEqual(
            (STATUS[program], ''), (run.returncode, run.stdout), run.stderr
        )
        [said] = run.stderr.splitlines()
        self.assertRegex(
            said, rf'^{program}: the Python module \w+ is not installed: '
        )
        self.assertIn(f"pip install 'steal-scheduler[{extra}]'", said)

    def test_base_alone(self) -> None:
        hidden = 'keystoneauth1 oslo_log oslo_service prometheus_client tooz'
        for extra, command in (
            ('api', 'steal-api'),
            ('exporter', 'steal-exporter'),
            ('migrator', 'steal-migrator'),
            ('migrator', 'steal-manage plan'),
            ('migrator', 'steal-manage recover'),
            ('migrator', 'steal-status upgrade check'),
        ):
            with self.subTest(command):
                self.check(extra, command, *hidden.split())

    def test_a_part_of_the_extra(self) -> None:
        # Beside Nova, whose oslo.service has no extra.
        self.check('api', 'steal-api', 'cotyledon')
        self.check('api', 'steal-api', 'keystonemiddleware')
        self.check('migrator', 'steal-migrator', 'cotyledon')
        self.check('migrator', 'steal-migrator', 'tooz')
        self.check('migrator', 'steal-manage plan', 'novaclient')
        self.check('migrator', 'steal-manage plan', 'cliff')

    def test_the_demo_without_nova(self) -> None:
        self.check('demo', 'steal-manage demo', 'nova')

    def test_every_program_is_here(self) -> None:
        self.assertEqual({*STATUS}, {*self.project['scripts']})
