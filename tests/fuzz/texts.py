"""What tenants write, into all that they may write.

Names, metadata, tags and what else is a tenant's goes through the programs,
from Nova's answer to the log, the terminal and the metrics. Nothing of it may
be there as it was written, if it is not printable; and of tags only the ones
that we have signed for this server are moves.
"""

from steal_scheduler.cmd import threading_backend  # noqa: F401

# isort: split

import contextlib
import dataclasses
import itertools
import json
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import fixtures
import prometheus_client

from steal_scheduler.cmd import manage
from steal_scheduler.conf import load
from steal_scheduler.migrator import build
from steal_scheduler.migrator.service import Migrator
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.nova_client import parse
from tests.fuzz import driver, mutate
from tests.hostile import HOSTILE
from tests.unit import fakes
from tests.unit.deployment import Deployment, run_it

#: A line that is longer is none for a person.
LONGEST = 4_000
TEXTS = (HOSTILE, *mutate.TEXTS, *(f'web{c}' for c in '\u200b\u2066\u3164'))
#: What prints: each shows all servers, or those that are left over.
COMMANDS = (
    *(('plan', '-f', form) for form in ('text', 'table', 'csv', 'yaml')),
    ('plan',),
    ('doctor',),
    ('recover',),
)
#: Where a tenant writes, and what a part of his server becomes.
PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    'name': lambda text: {'name': text},
    'role': lambda text: {'metadata': {'role': text}},
    'metadata': lambda text: {'metadata': {text: text}},
    'opt out': lambda text: {'metadata': {'steal:migrate': text}},
    'orchestrator': lambda text: {'metadata': {'steal:orchestrator': text}},
    'node': lambda text: {'metadata': {'steal:node': text}},
    'project': lambda text: {'tenant_id': text},
    'tag': lambda text: {'tags': [text, f'steal:{text}']},
    'address': lambda text: {'addresses': {text: [{'addr': text}]}},
}


@dataclasses.dataclass(frozen=True)
class Writes:
    """A text of a server's tenant."""

    server_id: str
    place: str
    text: str


@dataclasses.dataclass(frozen=True)
class Tags:
    """A tag that was genuine once, or is one."""

    server_id: str
    tag: str


@dataclasses.dataclass(frozen=True)
class Case:
    command: tuple[str, ...]
    events: tuple[Writes | Tags, ...]


def drawn(seed: int) -> Case:
    rng = random.Random(seed)
    happens: list[Writes | Tags] = []
    for _ in range(rng.choice((1, 1, 2, 4))):
        server_id = rng.choice('xy')
        if rng.random() < 0.3:
            happens.append(Tags(server_id, _tag(rng)))
        else:
            place = rng.choice([*PLACES])
            text = rng.choice(TEXTS)
            if rng.random() < 0.3:
                text = f'{text}{rng.choice(TEXTS)}'
            happens.append(Writes(server_id, place, text))
    return Case(rng.choice(COMMANDS), tuple(happens))


def _tag(rng: random.Random) -> str:
    """Of another server, of the past, or with some characters changed."""
    stage = rng.choice(('drain', 'request', 'migrate', 'undo'))
    tag = fakes.tag(rng.choice('xyz'), stage, rng.randrange(10**9))
    for _ in range(rng.choice((0, 1, 1, 2))):
        at = rng.randrange(len(tag) + 1)
        new = rng.choice(('', ' ', '\n', '\x00', ':', '٣', '1', 'A', 'é'))
        tag = tag[:at] + new + tag[at + rng.randrange(2) :]
    return tag


def play(case: Case) -> driver.Ended:
    counts = Counter({'of texts': len(case.events)})
    with contextlib.ExitStack() as stack:
        # A program of its own sets up the log of the process.
        root = logging.getLogger()
        stack.callback(root.setLevel, root.level)
        stack.enter_context(fixtures.MonkeyPatch('logging.root.handlers', []))
        there = stack.enter_context(Deployment())
        for event in case.events:
            _happen(there, event)
        try:
            violation = _shown(there, case) or _ticked(there, counts)
        except Exception as error:
            violation = driver.described(error)
    return driver.Ended(violation or _moves(there, counts), counts)


def _happen(there: Deployment, event: Writes | Tags) -> None:
    server = there.servers[event.server_id]
    if isinstance(event, Tags):
        server['tags'] = [*server['tags'], event.tag]
        return
    for key, value in PLACES[event.place](event.text).items():
        known = server.get(key)
        both = isinstance(known, dict) and isinstance(value, dict)
        server[key] = known | value if both else value


def _shown(there: Deployment, case: Case) -> str:
    """What a command prints of it."""
    code, out, err = run_it(
        manage.main, '--config-file', there.path, *case.command
    )
    name = ' '.join(case.command)
    if code not in (0, 2):
        return f'{name} ended with {code}\n{err!r:.300}'
    return _unfit(name, out) or _unfit(f'{name} on stderr', err)


def _ticked(there: Deployment, counts: Counter[str]) -> str:
    """What two ticks log, and the metrics after them."""
    conf = load.load([f'--config-file={there.path}'], 'fuzz')
    built = build.build(conf)
    migrator = Migrator(built)
    # Its threads, or ten thousand runs would leave as many behind.
    ends = contextlib.ExitStack()
    ends.callback(built.leader.release)
    ends.callback(built.dispatcher.calls.finish)
    with (
        fixtures.FakeLogger('steal_scheduler', level=logging.DEBUG) as log,
        ends,
    ):
        for seconds in (0, 60):
            migrator.guarded_tick(time.time() + seconds)
        said = log.output
    told = prometheus_client.generate_latest(built.metrics.registry).decode()
    counts['lines'] += said.count('\n') + told.count('\n')
    if 'Traceback' in said:
        return f'a tick failed\n{said[said.index("Traceback") :]!r:.2000}'
    return _unfit('the log', said) or _unfit('the metrics', told)


def _unfit(where: str, said: str) -> str:
    """What of it is not fit for a terminal."""
    for line in said.split('\n'):
        odd = next((c for c in line if not c.isprintable()), None)
        if odd is not None:
            return f'{where} has a raw character\n{odd!r} in {line!r:.300}'
        if len(line) > LONGEST:
            return f'{where} has a very long line\n{line!r:.200}'
    return ''


def _moves(there: Deployment, counts: Counter[str]) -> str:
    """What is read from tags is what was signed for this server."""
    genuine = {
        server_id: {
            fakes.tag(server_id, stage, since)
            for stage, since in itertools.product(
                ('drain', 'request', 'migrate', 'undo'), _sinces(server)
            )
        }
        for server_id, server in there.servers.items()
    }
    for server_id, raw in there.servers.items():
        with contextlib.suppress(LookupError, TypeError, ValueError):
            # Through JSON, as it comes.
            server = parse.server(json.loads(json.dumps(raw)), RoleRule())
            read = fakes.signer().genuine(server)
            counts['genuine tags'] += len(read)
            if forged := read.keys() - genuine[server_id]:
                return f'a forged tag is a move\n{forged!r:.300}'
    return ''


def _sinces(server: dict[str, Any]) -> set[int]:
    """Any number in its tags."""
    parts = (part for tag in server['tags'] for part in tag.split(':'))
    return {int(p) for p in parts if p.isascii() and p.isdigit()}


def told(counts: Counter[str]) -> str:
    return (
        f'{counts["of texts"]} texts, {counts["lines"]} lines of logs and '
        f'metrics, {counts["genuine tags"]} genuine tags'
    )


@contextlib.contextmanager
def written() -> Iterator[driver.Kind]:
    yield driver.Kind('Texts', drawn, play, told)
