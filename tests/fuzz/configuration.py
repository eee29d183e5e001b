"""Options with values that nobody should write, in files of each program.

A wrong value ends a program with the status that doc/source/reference/
commands.rst tells, and with a line that names section, option, value, and what
to do about it. nova-scheduler goes on, with the default. Nobody sees a
traceback, and a right value is taken.
"""

import contextlib
import dataclasses
import functools
import io
import json
import os
import pathlib
import random
import re
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import fixtures
import nova.conf
from oslo_config import fixture as config_fixture

from steal_scheduler.cmd import exporter, status
from steal_scheduler.conf import scheduler as nova_options
from steal_scheduler.exporter import options as exporter_options
from steal_scheduler.exporter import preflight
from steal_scheduler.migrator import checks, plugins
from steal_scheduler.scheduler import settings
from tests.fuzz import driver, mutate
from tests.standins.kubernetes_objects import kubeconfig
from tests.unit.deployment import run_it

VALUES = (
    *('', ' ', '0', '-1', '1', '0.5', '1.5', '100', '1e3', '1_000', '٣'),
    *('9' * 30, '1e309', '-0', 'nan', 'inf', '-inf', '0x10', '1,5'),
    *('10 s', '5 min', '50%', '1h', 'PT5M', '10GiB', '09:00-17:00 Mon'),
    *('True', 'maybe', 'None', 'null', '[]', '{}', '[x]', '"x"', "'"),
    *('a', 'a,b', 'a,,b', ',', 'a:b', 'a=b', '#', ';', '\\', '|', '*'),
    *('(', '[a-', '(?P<x', '{', '{x}', '{node}', '{0.__class__}', '%s'),
    *('$x', '$', '$$', '${nova.password}', '$my_ip', '~', '$selector'),
    *('http://', 'http://[', 'http://127.0.0.1:9', 'ftp://x', 'x:99999'),
    *('http://u:geheim@x', 'http://x/?q=1', 'http://x y', 'file:///no/such'),
    *('/', '/no/such', '/etc/passwd', '/dev/null', '../x', '\\\\x\\y'),
    *('127.0.0.1', '::1', '300.0.0.1', '10.0.0.0/33', '10.0.0.0/8'),
    *('steal-exporter', 'password', 'http_basic', 'token', 'nova', 'DEFAULT'),
    *(text for text in mutate.TEXTS if '\ud800' not in text),
)
#: What ends a program before a value is looked at: the file is no file.
_NO_FILE = ('\n', '\r', '\x85', '\u2028', '\u2029', '\x0b', '\x0c', '\x1c')
#: How a cure begins.
_CURE = re.compile(
    r'\b(Add|Check|Correct|Give|Raise|Set|Shorten|Unset|Use|Write|'
    r'chmod|chown|correct|leave|remove|run|set|write)\b'
)
#: What is never shown.
_SECRET = {'tag_keys', 'password', 'url', 'lock_url', 'catalog'}

BASE = """
[DEFAULT]
transport_url = fake:/
[migrator]
lock_url = file://{directory}/lock
tag_keys = key of the fuzz that is long enough
orchestrators = {orchestrators}
[signals]
source = {source}
[static]
path = {directory}/signals.json
[nova]
auth_type = none
endpoint_override = http://192.0.2.1:8774
[command]
all_servers = True
path = /bin/true
[kubernetes]
name_pattern = k
kubeconfig = {directory}/kubeconfig
[consul]
name_pattern = c
networks = 10.0.0.0/8
[octavia]
name_pattern = o
auth_section = keystone
[keystone]
auth_type = none
[webhook]
name_pattern = w
url = http://192.0.2.1/
signing_key_file = {directory}/key
[noop]
name_pattern = n
"""


@dataclasses.dataclass(frozen=True)
class Says:
    """One line of a file."""

    section: str
    option: str
    value: str


@dataclasses.dataclass(frozen=True)
class Case:
    program: str
    events: tuple[Says, ...]


@functools.cache
def _options() -> dict[str, list[tuple[str, Any]]]:
    """The options of each program, with their sections."""
    listed = {
        'steal-status': plugins.list_opts(),
        'steal-exporter': exporter_options.list_opts(),
        'nova-scheduler': nova_options.list_opts(),
    }
    return {
        program: [(group, opt) for group, opts in groups for opt in opts]
        for program, groups in listed.items()
    }


def drawn(seed: int) -> Case:
    rng = random.Random(seed)
    program = rng.choice(('steal-status',) * 8 + tuple(_options()))
    said = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        section, opt = rng.choice(_options()[program])
        value = rng.choice(VALUES)
        if rng.random() < 0.2 and opt.default is not None:
            # The default, and a little more.
            value = f'{opt.default}{rng.choice(VALUES)}'
        said.append(Says(str(section), opt.dest, value))
    return Case(program, tuple(said))


def play(case: Case) -> driver.Ended:
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        (directory / 'kubeconfig').write_text(kubeconfig('https://192.0.2.1'))
        (directory / 'key').write_text(f'whsec_{"A" * 44}')
        (directory / 'key').chmod(0o600)
        path = directory / 'x.conf'
        path.write_text(_text(case, directory))
        try:
            violation = _PROGRAMS[case.program](str(path), case, counts)
        except Exception as error:
            violation = driver.described(error)
    if violation:
        violation = f'{case.program}: {violation}'
    return driver.Ended(violation, counts)


def _text(case: Case, directory: pathlib.Path) -> str:
    text = ''
    if case.program == 'steal-status':
        sections = {said.section for said in case.events}
        known = ('command', 'kubernetes', 'consul', 'octavia', 'webhook')
        text = BASE.format(
            directory=directory,
            source='prometheus' if 'prometheus' in sections else 'static',
            orchestrators=', '.join(sections & {*known, 'noop'}) or 'noop',
        )
    for said in case.events:
        # Of a section that stands twice oslo.config reads both.
        text += f'[{said.section}]\n{said.option} = {said.value}\n'
    return text


def _check(path: str, case: Case, counts: Counter[str]) -> str:
    """``steal-status upgrade check``, of which only the options are asked."""
    argv = ('--config-file', path, 'upgrade', 'check', '--json')
    with mock.patch.dict(checks.CHECKS, clear=True):
        code, out, err = run_it(status.main, *argv)
    counts[f'ended with {code}'] += 1
    if code == 255:
        return _wrong(err, case)
    if code not in (0, 1, 2) or err:
        return f'status {code}\n{err!r:.300}'
    [result] = json.loads(out)['checks']
    if code != result['result']:
        return f'status {code} of a result {result["result"]}'
    return _wrong(result['details'], case) if code == 2 else ''


def _export(path: str, case: Case, counts: Counter[str]) -> str:
    """``steal-exporter``, until it would listen."""

    def serve(conf: Any, stopping: Any) -> None:
        group = conf.exporter
        preflight.check(group.proc_path, group.cgroup_path)
        online = preflight.online_cores(group.proc_path)
        preflight.count_cores(group.cores, online)

    argv = ['steal-exporter', '--config-file', path]
    said = io.StringIO()
    with (
        mock.patch.object(exporter, 'serve', serve),
        mock.patch.object(exporter.startup, 'set_up_log'),
        mock.patch.object(signal, 'signal'),
        mock.patch('sys.argv', argv),
        contextlib.redirect_stderr(said),
    ):
        code = exporter.main()
    counts[f'ended with {code}'] += 1
    if code not in (0, os.EX_CONFIG):
        return f'status {code}\n{said.getvalue()!r:.300}'
    return _wrong(said.getvalue(), case) if code else ''


def _schedule(path: str, case: Case, counts: Counter[str]) -> str:
    """Our options in nova.conf, of which none may stop nova-scheduler."""
    conf = nova.conf.CONF
    with config_fixture.Config(conf), fixtures.FakeLogger('steal') as log:
        try:
            conf([], project='nova', default_config_files=[path])
        except Exception as error:
            # Nova's own end, of a file that is none.
            counts['no file'] += 1
            return '' if _is_no_file(case) else driver.described(error)
        settings.log_once.cache_clear()
        settings.load()
        counts['loaded'] += 1
        said = log.output
    wrong = [line for line in said.splitlines() if not line.isprintable()]
    return f'a log line is no line\n{wrong[0]!r:.300}' if wrong else ''


_PROGRAMS: dict[str, Callable[[str, Case, Counter[str]], str]] = {
    'steal-status': _check,
    'steal-exporter': _export,
    'nova-scheduler': _schedule,
}


def _is_no_file(case: Case) -> bool:
    return any(c in said.value for said in case.events for c in _NO_FILE)


def _wrong(said: str, case: Case) -> str:
    """What is wrong with what a program says of a wrong option."""
    lines = said.splitlines()
    if any(not line.isprintable() for line in lines):
        return f'a line that is not printable\n{said!r:.300}'
    if len(said) > 3_000:
        return f'too much is said\n{said!r:.300}'
    if _is_no_file(case):
        return ''
    if 'Traceback' in said:
        return f'a traceback\n{said!r:.300}'
    about = [each for each in case.events if _names(said, each)]
    if not about:
        return f'names no option of these\n{said!r:.400}'
    if not any(_shows(said, each) for each in about):
        return f'does not show the value\n{said!r:.400}'
    if not _CURE.search(said):
        return f'tells no cure\n{said!r:.400}'
    return ''


def _names(said: str, each: Says) -> bool:
    option = each.option.replace('-', '_')
    return f'[{each.section}]' in said and option in said.replace('-', '_')


def _shows(said: str, each: Says) -> bool:
    # oslo.config takes off a pair of quotes.
    value = each.value.strip(' \'"')
    short = value.isascii() and value.isprintable() and len(value) < 40
    # A $ may lead to a piece of a password.
    hidden = each.option in _SECRET or '$' in value
    # A list is told with spaces.
    told = said.replace(' ', '')
    # A backslash may be doubled, as in Python's strings.
    forms = {value, value.replace('\\', '\\\\')}
    return (
        not short or hidden or any(f.replace(' ', '') in told for f in forms)
    )


def told(counts: Counter[str]) -> str:
    return ', '.join(
        f'{n} {what}' for what, n in sorted(counts.items()) if what != 'runs'
    )


@contextlib.contextmanager
def starting() -> Iterator[driver.Kind]:
    yield driver.Kind('Configuration', drawn, play, told)
