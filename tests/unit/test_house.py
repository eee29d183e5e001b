"""The house rules of HACKING.rst that a program can check.

Each rule is a function from the package's modules to complaints. The first
test class holds the package to the rules; the second holds the rules to
themselves: each must complain about a module that breaks it.
"""

import ast
import dataclasses
import graphlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from oslotest import base

import steal_scheduler

PACKAGE = 'steal_scheduler'

#: The packages, from the ground up: each imports only from floors below its
#: own; those that share a floor do not know each other. HACKING.rst draws it.
FLOORS = (
    ('exception', 'version'),
    ('edge', 'startup'),
    ('model',),
    ('decision',),
    ('orchestrators', 'signals', 'nova_client', 'messaging'),
    ('moves', 'reporting'),
    ('conf',),
    ('scheduler', 'migrator', 'replay', 'api'),
    ('demo',),
    ('cmd',),
)
#: Each runs alone, and those alone know it: the exporter on hypervisors; the
#: plug-in of the openstack command where people are.
APART = {'exporter': ('cmd',), 'osc': ()}
APART_IMPORTS = ('edge', 'exception', 'startup', 'version')

#: These decide: no I/O, no log, no clock, no chance.
PURE = ('model', 'decision')
#: What they may import besides each other. Add what does no I/O either.
#: Arrays are as pure as lists. NOTE: nova-scheduler has none, see test_extras.
#: Time zones are a table that is read once, and says the same at every call.
PURE_IMPORTS = frozenset(
    '__future__ abc array bisect collections dataclasses datetime enum '
    'fnmatch functools heapq ipaddress itertools json math numpy operator re '
    'statistics typing zoneinfo'.split()
)

#: What a plugin may import of ours, besides its own package.
PLUGIN_IMPORTS = ('edge', 'model', 'exception')

#: file -> how many handlers for every Exception it may have: one for each
#: call of a plugin, one for the tick.
CATCH_ALL: dict[str, int] = {
    # drain, reattach and the list of an orchestrator
    'orchestrators/asking.py': 1,
    # everything that nova-scheduler calls
    'scheduler/guard.py': 1,
    # the start of a worker, with whatever plugins there are
    'cmd/migrator.py': 1,
    # a request to the migrator that leads
    'messaging/leader_rpc.py': 1,
    # the signal source; a tick
    'migrator/poller.py': 1,
    'migrator/service.py': 1,
}

LONGEST_FILE = 300

#: Where no function takes more parameters than that.
FEW_PARAMETERS = ('model', 'decision', 'moves', 'migrator', 'reporting')
MOST_PARAMETERS = 4


@dataclasses.dataclass(frozen=True)
class Module:
    #: As seen from the package: scheduler/filters.py.
    path: PurePosixPath
    source: str

    @property
    def name(self) -> str:
        """Dotted, without the package: scheduler.filters; '' for the root."""
        return (
            '.'.join(self.path.with_suffix('').parts)
            .removesuffix('__init__')
            .rstrip('.')
        )

    @property
    def top(self) -> str:
        return self.name.partition('.')[0]

    def nodes(self) -> Iterator[ast.AST]:
        return ast.walk(ast.parse(self.source))

    def imports(self) -> Iterator[str]:
        """Full dotted names; of ``from a import b`` it is a.b."""
        for node in self.nodes():
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                parent = '.' * node.level + (node.module or '')
                yield from (f'{parent}.{alias.name}' for alias in node.names)

    def our_imports(self) -> Iterator[str]:
        """Of what is ours, without the package's name."""
        for name in self.imports():
            if name.startswith(f'{PACKAGE}.'):
                yield name.removeprefix(f'{PACKAGE}.')


Modules = list[Module]
Complaints = Iterator[str]
Rule = Callable[[Modules], Complaints]


def names(node: ast.AST) -> Iterator[str]:
    """Every identifier that the node reads, imports or calls."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.name for alias in node.names)


def only_scheduler_and_demo_import_nova(modules: Modules) -> Complaints:
    for module in modules:
        roots = {name.partition('.')[0] for name in module.imports()}
        if 'nova' in roots and module.top not in ('scheduler', 'demo'):
            yield f'{module.path} imports nova'
        if 'novaclient' in roots and module.top != 'nova_client':
            yield f'{module.path} imports novaclient'


def conf_is_passed_in(modules: Modules) -> Complaints:
    for module in modules:
        if module.top in ('scheduler', 'demo'):
            continue
        for node in module.nodes():
            written = isinstance(getattr(node, 'ctx', None), ast.Store)
            if 'CONF' in names(node) and not written:
                yield f'{module.path}:{node.lineno} uses a global CONF'


def deciding_modules_are_pure(modules: Modules) -> Complaints:
    for module in modules:
        if module.top not in PURE:
            continue
        for name in module.imports():
            root = name.partition('.')[0]
            if root not in {PACKAGE, *PURE_IMPORTS}:
                yield f'{module.path} imports {name}'
        for node in module.nodes():
            if isinstance(node, ast.Call):
                for name in names(node.func):
                    if name in ('now', 'utcnow', 'today', 'open', 'print'):
                        yield f'{module.path}:{node.lineno} calls {name}()'


def plugins_import_only_their_contract(modules: Modules) -> Complaints:
    for module in modules:
        if module.top not in ('signals', 'orchestrators'):
            continue
        allowed = (*PLUGIN_IMPORTS, module.top)
        for name in module.our_imports():
            if not f'{name}.'.startswith(tuple(f'{a}.' for a in allowed)):
                yield f'{module.path} imports {PACKAGE}.{name}'


def files_are_small(modules: Modules) -> Complaints:
    lines = {m.path: len(m.source.splitlines()) for m in modules}
    for path, length in lines.items():
        if length > LONGEST_FILE:
            yield f'{path} has {length} lines, more than {LONGEST_FILE}'


def floor(top: str) -> int:
    """The index in FLOORS of a package; -1 of one that has none."""
    return next((i for i, names in enumerate(FLOORS) if top in names), -1)


def packages_have_a_floor(modules: Modules) -> Complaints:
    for module in modules:
        if module.top not in ('', *APART) and floor(module.top) < 0:
            yield f'{module.path} is in no package that FLOORS names'


def imports_point_down(modules: Modules) -> Complaints:
    for module in modules:
        for name in module.our_imports():
            top = name.partition('.')[0]
            if top == module.top:
                continue
            if module.top in APART:
                down = top in APART_IMPORTS
            elif top in APART:
                down = module.top in APART[top]
            else:
                down = floor(top) < floor(module.top)
            if not down:
                yield f'{module.path} imports {PACKAGE}.{name}, up or aside'


def imports_make_no_circle(modules: Modules) -> Complaints:
    ours = {module.name for module in modules}
    graph: dict[str, set[str]] = {}
    for module in modules:
        graph[module.name] = {
            name if name in ours else name.rpartition('.')[0]
            for name in module.our_imports()
        }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        yield 'a circle of imports: ' + ' <- '.join(error.args[1])


def drawn(picture: str) -> list[set[str]]:
    """The floors in the picture of HACKING.rst, from the ground up."""
    rows = re.findall(r'^    \| (.+) \|', picture, re.MULTILINE)
    return [set(re.findall(r'\w+', row)) for row in reversed(rows)]


def only_listed_handlers_catch_all(modules: Modules) -> Complaints:
    for module in modules:
        found = [
            node.lineno
            for node in module.nodes()
            if isinstance(node, ast.ExceptHandler) and catches_all(node)
        ]
        allowed = CATCH_ALL.get(str(module.path), 0)
        if len(found) > allowed:
            yield (
                f'{module.path} catches every exception {len(found)} times '
                f'(lines {found}); CATCH_ALL allows {allowed}'
            )


def catches_all(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        # It only tidies up.
        return False
    if handler.type is None:
        return True
    caught = {name for node in ast.walk(handler.type) for name in names(node)}
    return not caught.isdisjoint({'Exception', 'BaseException'})


def few_parameters(modules: Modules) -> Complaints:
    """What a step needs, it is given whole: a snapshot, not its pieces.

    ``self`` and ``cls`` do not count; a frozen dataclass is no function.
    """
    for module in modules:
        if module.top not in FEW_PARAMETERS:
            continue
        for node in module.nodes():
            if not isinstance(node, ast.FunctionDef):
                continue
            of = node.args
            taken = [*of.posonlyargs, *of.args, *of.kwonlyargs]
            count = sum(one.arg not in ('self', 'cls') for one in taken)
            if count > MOST_PARAMETERS:
                yield (
                    f'{module.path}: {node.name}() takes {count} parameters, '
                    f'more than {MOST_PARAMETERS}'
                )


def nothing_sleeps(modules: Modules) -> Complaints:
    for module in modules:
        for node in module.nodes():
            if 'sleep' in names(node):
                yield f'{module.path}:{node.lineno} sleeps'
        if any(n.partition('.')[0] == 'eventlet' for n in module.imports()):
            yield f'{module.path} imports eventlet'


def imports_are_absolute(modules: Modules) -> Complaints:
    """Or the rules above would not see them."""
    for module in modules:
        for name in module.imports():
            if name.startswith('.'):
                yield f'{module.path} imports {name}'


class TestHouse(base.BaseTestCase):
    """The package keeps the rules."""

    def setUp(self) -> None:
        super().setUp()
        root = Path(steal_scheduler.__file__).parent
        self.modules = [
            Module(
                PurePosixPath(path.relative_to(root)),
                path.read_text(encoding='utf-8'),
            )
            for path in sorted(root.rglob('*.py'))
        ]

    def check(self, rule: Rule) -> None:
        complaints = list(rule(self.modules))
        if complaints:
            self.fail('\n'.join(['see HACKING.rst', *complaints]))

    def test_only_scheduler_and_demo_import_nova(self) -> None:
        self.check(only_scheduler_and_demo_import_nova)

    def test_conf_is_passed_in(self) -> None:
        self.check(conf_is_passed_in)

    def test_deciding_modules_are_pure(self) -> None:
        self.check(deciding_modules_are_pure)

    def test_plugins_import_only_their_contract(self) -> None:
        self.check(plugins_import_only_their_contract)

    def test_files_are_small(self) -> None:
        self.check(files_are_small)

    def test_packages_have_a_floor(self) -> None:
        self.check(packages_have_a_floor)

    def test_imports_point_down(self) -> None:
        self.check(imports_point_down)

    def test_imports_make_no_circle(self) -> None:
        self.check(imports_make_no_circle)

    def test_the_picture_shows_the_floors(self) -> None:
        hacking = Path(steal_scheduler.__file__).parents[1] / 'HACKING.rst'
        self.assertEqual(
            [set(names) for names in FLOORS], drawn(hacking.read_text('utf-8'))
        )

    def test_only_listed_handlers_catch_all(self) -> None:
        self.check(only_listed_handlers_catch_all)

    def test_few_parameters(self) -> None:
        self.check(few_parameters)

    def test_nothing_sleeps(self) -> None:
        self.check(nothing_sleeps)

    def test_imports_are_absolute(self) -> None:
        self.check(imports_are_absolute)

    def test_no_allowance_is_stale(self) -> None:
        paths = {str(module.path) for module in self.modules}
        self.assertEqual([], sorted(CATCH_ALL.keys() - paths))


OURS = f'from {PACKAGE}'
NOW = 'import datetime\ndatetime.datetime.now()'
NOT_NOW = 'import datetime\ndatetime.datetime.fromtimestamp(now)'
TRY = 'try: pass\nexcept'

#: (path, source) that each rule must complain about ...
BROKEN = {
    only_scheduler_and_demo_import_nova: [
        ('decision/planner.py', 'import nova'),
        ('migrator/service.py', 'from nova.scheduler import filters'),
        ('demo/cloud.py', 'from novaclient import client'),
    ],
    conf_is_passed_in: [
        ('migrator/leader.py', 'x = cfg.CONF.debug'),
        ('migrator/leader.py', 'from oslo_config.cfg import CONF as conf'),
    ],
    deciding_modules_are_pure: [
        ('decision/planner.py', 'import time'),
        ('decision/limits.py', 'import os.path'),
        ('model/cloud.py', 'import logging'),
        ('model/host_view.py', 'from oslo_log import log'),
        ('model/roles.py', 'def f(): open("x")'),
        ('decision/limits.py', NOW),
    ],
    plugins_import_only_their_contract: [
        ('signals/static.py', f'{OURS}.conf import signals'),
        ('signals/static.py', f'{OURS}.orchestrators import base'),
    ],
    files_are_small: [('moves/tags.py', 'pass\n' * (LONGEST_FILE + 1))],
    packages_have_a_floor: [
        ('utils.py', ''),
        ('helpers/text.py', ''),
    ],
    imports_point_down: [
        ('model/cloud.py', f'{OURS}.decision import planner'),
        ('decision/planner.py', f'{OURS}.nova_client.client import A'),
        ('nova_client/client.py', f'{OURS}.moves import tags'),
        ('conf/load.py', f'{OURS}.migrator import plugins'),
        ('migrator/service.py', f'import {PACKAGE}.cmd.migrator'),
        # aside
        ('moves/tags.py', f'{OURS}.reporting import text'),
        ('signals/static.py', f'{OURS}.messaging.view import A'),
        ('exporter/proc.py', f'{OURS}.model import cloud'),
        ('migrator/service.py', f'{OURS}.exporter import proc'),
        ('osc/client.py', f'{OURS}.model import cloud'),
        ('osc/client.py', f'{OURS}.exporter import proc'),
        ('cmd/manage.py', f'{OURS}.osc import client'),
    ],
    imports_make_no_circle: [
        ('model/host_view.py', f'{OURS}.model.host_view import A')
    ],
    only_listed_handlers_catch_all: [
        ('reporting/metrics.py', f'{TRY} Exception: pass'),
        ('reporting/metrics.py', f'{TRY} (OSError, BaseException) as e: pass'),
        ('reporting/metrics.py', f'{TRY}: pass'),
    ],
    few_parameters: [
        ('decision/limits.py', 'def f(a, b, c, d, e): pass'),
        ('model/move.py', 'class A:\n def f(self, a, b, *, c, d, e): pass'),
    ],
    nothing_sleeps: [
        ('demo/cloud.py', 'import time\ntime.sleep(1)'),
        ('migrator/leader.py', 'from time import sleep as nap'),
        ('migrator/leader.py', 'import eventlet.green'),
    ],
    imports_are_absolute: [('migrator/leader.py', 'from . import model')],
}

#: ... and must not.
KEPT = {
    only_scheduler_and_demo_import_nova: [
        ('demo/cloud.py', 'import nova'),
        ('nova_client/client.py', 'from novaclient import client'),
    ],
    conf_is_passed_in: [
        ('scheduler/filters.py', 'x = cfg.CONF.debug'),
        # What a library reads.
        ('cmd/status.py', 'upgradecheck.CONF = conf'),
    ],
    deciding_modules_are_pure: [
        ('decision/limits.py', NOT_NOW),
        ('nova_client/client.py', 'import time'),
    ],
    plugins_import_only_their_contract: [
        ('signals/static.py', f'{OURS} import exception'),
        ('signals/static.py', f'{OURS}.signals.base import Source'),
    ],
    files_are_small: [('moves/tags.py', 'pass\n' * LONGEST_FILE)],
    packages_have_a_floor: [
        ('__init__.py', ''),
        ('exporter/proc.py', ''),
        ('model/cloud.py', ''),
    ],
    imports_point_down: [
        ('migrator/service.py', f'{OURS}.moves import tags'),
        ('moves/tags.py', f'{OURS}.moves import state'),
        ('exporter/proc.py', f'{OURS} import version'),
        ('osc/client.py', f'{OURS}.edge import text'),
        ('cmd/exporter.py', f'{OURS}.exporter import proc'),
    ],
    imports_make_no_circle: [
        ('model/host_view.py', f'{OURS}.model.cloud import A')
    ],
    only_listed_handlers_catch_all: [
        ('reporting/metrics.py', f'{TRY} OSError: pass'),
        ('reporting/metrics.py', f'{TRY} BaseException: raise'),
    ],
    few_parameters: [
        ('moves/tags.py', 'class A:\n def f(self, a, b, c, d): pass'),
        ('conf/load.py', 'def f(a, b, c, d, e): pass'),
    ],
    nothing_sleeps: [('migrator/leader.py', 'import time\ntime.time()')],
}


class TestRules(base.BaseTestCase):
    """Each rule complains when it is broken, and only then."""

    def complaints(self, rule: Rule, *files: tuple[str, str]) -> list[str]:
        return list(
            rule([Module(PurePosixPath(p), text) for p, text in files])
        )

    def test_broken(self) -> None:
        for rule, files in BROKEN.items():
            for file in files:
                found = self.complaints(rule, file)
                self.assertNotEqual([], found, f'{rule.__name__}: {file}')

    def test_kept(self) -> None:
        for rule, files in KEPT.items():
            for file in files:
                found = self.complaints(rule, file)
                self.assertEqual([], found, f'{rule.__name__}: {file}')

    def test_every_rule_is_tried(self) -> None:
        self.assertEqual(BROKEN.keys(), KEPT.keys() | {imports_are_absolute})

    def test_a_circle_is_found(self) -> None:
        found = self.complaints(
            imports_make_no_circle,
            ('decision/detector.py', f'{OURS}.decision import limits'),
            ('decision/limits.py', f'{OURS}.decision import detector'),
        )
        self.assertIn('circle', ' '.join(found))
