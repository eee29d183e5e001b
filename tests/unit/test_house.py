"""The house rules of HACKING.rst that a program can check.

Each rule is a function from the package's modules to complaints. The first
test class holds the package to the rules; the second holds the rules to
themselves: each must complain about a module that breaks it.
"""

import ast
import dataclasses
import graphlib
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from oslotest import base

import steal_scheduler

PACKAGE = 'steal_scheduler'

#: These decide: no I/O, no log, no clock, no chance.
PURE = (
    'model move refusal tags roles view wire evidence facts ranking targets '
    'detector limits veto cure planner world turns decision guests heat '
    'trust doubts arrivals survey deadlines routing out'
).split()
#: What they may import besides each other. Add what does no I/O either.
PURE_IMPORTS = frozenset(
    '__future__ abc bisect collections dataclasses datetime enum fnmatch '
    'functools heapq itertools json math operator re statistics typing'.split()
)

#: Who may import whom: only from the own layer or one further left. A module
#: that is not named here is an edge (compute, conf, metrics, signals, ...).
LAYERS = (
    ('exception', 'model', 'move', 'refusal'),
    PURE,
    ('edges',),
    ('effects', 'stages'),
    ('parts',),
    ('service', 'checks', 'planned', 'recovery'),
    ('cmd', 'demo', 'guru'),
)

#: What a plugin may import of ours, besides its own package.
PLUGIN_IMPORTS = ('model', 'exception')

#: file -> how many handlers for every Exception it may have: one for each
#: call of a plugin, one for the tick.
CATCH_ALL: dict[str, int] = {
    # drain, reattach and the list of an orchestrator
    'router.py': 1,
    # everything that nova-scheduler calls
    'scheduler/guard.py': 1,
    # the signal source
    'poller.py': 1,
    # the start of a worker, with whatever plugins there are
    'cmd/migrator.py': 1,
    # a tick
    'loop.py': 1,
}

LONGEST_FILE = 250
LONGEST_MEDIAN = 99


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
        if 'novaclient' in roots and module.name != 'compute':
            yield f'{module.path} imports novaclient'


def conf_is_passed_in(modules: Modules) -> Complaints:
    for module in modules:
        if module.top in ('scheduler', 'demo'):
            continue
        for node in module.nodes():
            if 'CONF' in names(node):
                yield f'{module.path}:{node.lineno} uses a global CONF'


def deciding_modules_are_pure(modules: Modules) -> Complaints:
    for module in modules:
        if module.name not in PURE:
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
    median = statistics.median(n for n in lines.values() if n)
    if median > LONGEST_MEDIAN:
        longest = sorted(lines, key=lines.__getitem__, reverse=True)[:5]
        yield f'the median file has {median} lines; {longest=}'


def layer(name: str) -> int:
    """The index in LAYERS of a dotted name of ours."""
    top = name.partition('.')[0]
    for index, members in enumerate(LAYERS):
        if top in members:
            return index
    return LAYERS.index(('edges',))


def imports_point_one_way(modules: Modules) -> Complaints:
    ours = {module.name: module for module in modules}
    graph: dict[str, set[str]] = {}
    for module in modules:
        graph[module.name] = set()
        for name in module.our_imports():
            if layer(name) > layer(module.name):
                yield f'{module.path} imports {PACKAGE}.{name}, further out'
            target = name if name in ours else name.rpartition('.')[0]
            graph[module.name].add(target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        yield 'a circle of imports: ' + ' <- '.join(error.args[1])


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

    def test_imports_point_one_way(self) -> None:
        self.check(imports_point_one_way)

    def test_only_listed_handlers_catch_all(self) -> None:
        self.check(only_listed_handlers_catch_all)

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
        ('planner.py', 'import nova'),
        ('service.py', 'from nova.scheduler import filters'),
        ('demo/cloud.py', 'from novaclient import client'),
    ],
    conf_is_passed_in: [
        ('leader.py', 'x = cfg.CONF.debug'),
        ('leader.py', 'from oslo_config.cfg import CONF as conf'),
    ],
    deciding_modules_are_pure: [
        ('planner.py', 'import time'),
        ('limits.py', 'import os.path'),
        ('model.py', 'import logging'),
        ('view.py', 'from oslo_log import log'),
        ('roles.py', 'def f(): open("x")'),
        ('limits.py', NOW),
    ],
    plugins_import_only_their_contract: [
        ('signals/static.py', f'{OURS}.conf import signals'),
        ('signals/static.py', f'{OURS}.orchestrators import base'),
    ],
    files_are_small: [
        ('stages.py', 'pass\n' * (LONGEST_FILE + 1)),
        ('stages.py', 'pass\n' * (LONGEST_MEDIAN + 1)),
    ],
    imports_point_one_way: [
        ('model.py', f'{OURS} import planner'),
        ('planner.py', f'{OURS}.compute import A'),
        ('compute.py', f'{OURS} import stages'),
        ('service.py', f'import {PACKAGE}.cmd.migrator'),
        ('view.py', f'{OURS}.view import A'),
    ],
    only_listed_handlers_catch_all: [
        ('metrics.py', f'{TRY} Exception: pass'),
        ('metrics.py', f'{TRY} (OSError, BaseException) as e: pass'),
        ('metrics.py', f'{TRY}: pass'),
    ],
    nothing_sleeps: [
        ('demo/cloud.py', 'import time\ntime.sleep(1)'),
        ('leader.py', 'from time import sleep as nap'),
        ('leader.py', 'import eventlet.green'),
    ],
    imports_are_absolute: [('leader.py', 'from . import model')],
}

#: ... and must not.
KEPT = {
    only_scheduler_and_demo_import_nova: [
        ('demo/cloud.py', 'import nova'),
        ('compute.py', 'from novaclient import client'),
    ],
    conf_is_passed_in: [('scheduler/filters.py', 'x = cfg.CONF.debug')],
    deciding_modules_are_pure: [
        ('limits.py', NOT_NOW),
        ('compute.py', 'import time'),
    ],
    plugins_import_only_their_contract: [
        ('signals/static.py', f'{OURS} import exception'),
        ('signals/static.py', f'{OURS}.signals.base import Source'),
    ],
    files_are_small: [('stages.py', 'pass\n' * LONGEST_MEDIAN)],
    imports_point_one_way: [('service.py', f'{OURS} import stages')],
    only_listed_handlers_catch_all: [
        ('metrics.py', f'{TRY} OSError: pass'),
        ('metrics.py', f'{TRY} BaseException: raise'),
    ],
    nothing_sleeps: [('leader.py', 'import time\ntime.time()')],
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

    def test_a_circle_is_found(self) -> None:
        found = self.complaints(
            imports_point_one_way,
            ('detector.py', f'{OURS} import limits'),
            ('limits.py', f'{OURS} import detector'),
        )
        self.assertIn('circle', ' '.join(found))
