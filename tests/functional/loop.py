"""A migrator in the test's own process, which ticks when the test says so."""

import contextlib
import dataclasses
import itertools
import logging
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tests.samples import sample

from tests.functional.scene import Guest, Scene  # isort: skip (before Nova's)

import fixtures
from oslotest import base

from steal_scheduler.conf import load as conf_load
from steal_scheduler.demo import users
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.migrator import build
from steal_scheduler.migrator.service import Migrator
from steal_scheduler.model.move import Ended, Outcome
from steal_scheduler.reporting.journal import Journal
from tests.shared import PATIENCE

#: section -> option -> value: everything at once, and nothing remembered.
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    'DEFAULT': {'transport_url': 'fake:/', 'use_stderr': True},
    'migrator': {
        'dry_run': False,
        'poll_interval': 0.1,
        'metrics_port': 0,
        'orchestrators': 'command',
    },
    # Long enough for a busy machine; a new leader waits as long.
    'command': {'all_servers': True, 'timeout': 20},
    'nova': {'timeout': 20},
    'signals': {'source': 'static', 'max_age': 120},
    'detection': {'polls_contended': 1, 'polls_window': 1},
    'limits': {'breaker_failures': 100},
}

#: An orchestrator's: it does what the test says, and notes it.
_SCRIPT = """\
#!/bin/sh
cd {directory} || exit 1
echo "$1 $STEAL_SERVER_ID" >> record
if [ -e "$1.hangs" ]; then
    read -r _ < pipe
fi
if [ -e "$1.waits" ]; then
    echo 'as the test says'
    exit 75
fi
if [ -e "$1.refuses" ]; then
    echo 'as the test says'
    exit 3
fi
echo "$1 $STEAL_SERVER_ID" >> done
"""

_numbers = itertools.count()


class Script:
    """Answers 'done', unless it is told something else."""

    def __init__(self, directory: pathlib.Path) -> None:
        directory.mkdir()
        # Nobody ever writes to it.
        os.mkfifo(directory / 'pipe')
        self._directory = directory
        self.path = directory / 'script'
        self.path.write_text(_SCRIPT.format(directory=directory))
        self.path.chmod(0o755)

    def let(self, verb: str, how: str) -> None:
        """From now on the verb ``waits``, ``refuses`` or ``hangs``."""
        (self._directory / f'{verb}.{how}').touch()

    def release(self) -> None:
        """From now on it answers 'done' again."""
        for how in ('waits', 'refuses', 'hangs'):
            for path in self._directory.glob(f'*.{how}'):
                path.unlink()

    def asked(self, server_id: str) -> list[str]:
        """Verbs it was called with for this server, in order."""
        return self._read('record', server_id)

    def done(self, server_id: str) -> list[str]:
        """Verbs it answered 'done' to."""
        return self._read('done', server_id)

    def processes(self) -> list[int]:
        """Process ids of those that run now."""
        found = []
        for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
            with contextlib.suppress(OSError):
                if str(self.path).encode() in path.read_bytes().split(b'\0'):
                    found.append(int(path.parent.name))
        return found

    def _read(self, name: str, server_id: str) -> list[str]:
        path = self._directory / name
        lines = path.read_text().splitlines() if path.exists() else []
        pairs = [line.split(' ', 1) for line in lines]
        return [verb for verb, about in pairs if about == server_id]


class _Remembering(Journal):
    """The migrator's journal; it also keeps what it was told."""

    def __init__(self, journal: Journal) -> None:
        self.__dict__.update(journal.__dict__)
        self.all_ended: list[Ended] = []

    def ended(self, ended: Ended) -> None:
        super().ended(ended)
        self.all_ended.append(ended)


class Loop:
    """The real migrator, without its thread."""

    def __init__(self, scene: Scene, conf: Any) -> None:
        self._scene = scene
        self.parts = build.build(conf)
        self.journal = _Remembering(self.parts.journal)
        self.migrator = Migrator(
            dataclasses.replace(self.parts, journal=self.journal)
        )

    def tick(self, *, measure: bool = True) -> None:
        """Measure and look at the world once; never raises."""
        if measure:
            self._scene.measure()
        self.migrator.guarded_tick(time.time())

    def until(
        self,
        predicate: Callable[[], Any],
        what: str,
        *,
        seconds: float = PATIENCE,
        measure: bool = True,
    ) -> Any:
        """Tick until it is true."""

        def look() -> Any:
            self.tick(measure=measure)
            return predicate()

        return wait_for(look, seconds, what)

    def until_ended(self, *server_ids: str) -> list[Ended]:
        """Tick until the moves of these are over; how they ended."""

        def ended() -> list[Ended] | None:
            known = {e.move.server_id: e for e in self.journal.all_ended}
            over = set(server_ids) <= known.keys()
            return [known[id_] for id_ in server_ids] if over else None

        found: list[Ended] = self.until(
            ended, 'the moves to end', seconds=len(server_ids) * PATIENCE
        )
        return found

    def value(self, name: str, **labels: str) -> float:
        """A sample of the metrics."""
        return sample(self.parts.metrics, name, labels)

    def outcomes(self) -> dict[str, int]:
        """How many moves ended how, as the metrics tell."""
        counts = {
            str(outcome): int(self.value('moves_total', outcome=outcome))
            for outcome in Outcome
        }
        return {outcome: n for outcome, n in counts.items() if n}

    def refused(self, reason: str) -> int:
        return int(self.value('refusals', reason=reason))


class LoopTestCase(base.BaseTestCase):
    """Each test has an empty cloud, a log, a script and options."""

    #: Of the module, which starts and stops it.
    scene: ClassVar[Scene]

    def setUp(self) -> None:
        super().setUp()
        self.logger = self.useFixture(
            fixtures.FakeLogger('steal_scheduler', level=logging.INFO)
        )
        self.directory = pathlib.Path(
            tempfile.mkdtemp(prefix='test-', dir=self.scene.workdir)
        )
        self.script = Script(self.directory / 'script')
        self.addCleanup(self.scene.clear)
        self.addCleanup(self.script.release)

    def config_file(self, **sections: Mapping[str, Any]) -> pathlib.Path:
        """Write a configuration file: OPTIONS, and over them these."""
        own: dict[str, dict[str, Any]] = {
            'migrator': {'lock_url': f'file://{self.directory}/lock'},
            'static': {'path': self.scene.load.path},
            'command': {'path': self.script.path},
        }
        lines = []
        for section in OPTIONS.keys() | own.keys() | sections.keys():
            values = {
                **OPTIONS.get(section, {}),
                **own.get(section, {}),
                **sections.get(section, {}),
            }
            if section != 'nova':
                lines.append(f'[{section}]')
                lines += [f'{name} = {v}' for name, v in values.items()]
        # Last, for its options may be followed by others of [nova].
        lines.append(self.scene.cloud.nova_auth_conf())
        nova = {**OPTIONS['nova'], **sections.get('nova', {})}
        lines += [f'{name} = {value}' for name, value in nova.items()]
        path = self.directory / f'steal-migrator-{next(_numbers)}.conf'
        path.write_text('\n'.join(lines) + '\n')
        return path

    def config_file_of(self, user: users.User) -> pathlib.Path:
        """The same, with this user's rights."""
        text = self.config_file().read_text()
        admins = self.scene.cloud.nova_auth_conf()
        self.assertIn(admins, text)
        path = self.directory / f'{user.name}.conf'
        path.write_text(
            text.replace(admins, self.scene.cloud.nova_auth_conf(user))
        )
        return path

    def loop(self, **sections: Mapping[str, Any]) -> Loop:
        """A migrator with these options over OPTIONS."""
        path = self.config_file(**sections)
        conf = conf_load.load([f'--config-file={path}'], 'steal-migrator')
        loop = Loop(self.scene, conf)
        self.addCleanup(loop.parts.leader.release)
        return loop

    def boot_contended(
        self, host: str = 'a1', *, demand: float = 1.5, **fields: Any
    ) -> str:
        """A server, and something beside it that takes its cores away."""
        self.scene.noise[host] = 1.5
        return self.scene.boot(Guest(f'on-{host}', host, demand, **fields))[0]

    def begin(self, mover: str, **sections: dict[str, object]) -> Loop:
        """A migrator that has the server migrated just now."""
        migrator = self.loop(**sections)
        migrator.until(
            lambda: self.scene.stage(mover) == 'migrate', 'the migration'
        )
        return migrator

    def assert_back(self, server_id: str) -> None:
        """It is in its orchestrator again, and nothing tells of a move."""
        self.assertEqual([], self.scene.tags(server_id))
        # A slow machine may put it back before it was ever asked to leave.
        if self.script.asked(server_id):
            self.assertEqual('reattach', self.script.done(server_id)[-1])

    def assert_undone(
        self,
        migrator: Loop,
        mover: str,
        detail: str,
        outcome: str = 'failed',
    ) -> None:
        """It stays where it was, and it is back in its orchestrator."""
        (ended,) = migrator.until_ended(mover)
        self.assertIn(detail, ended.move.failure)
        self.assertEqual({outcome: 1}, migrator.outcomes())
        self.assertIn(f'ended: {outcome}', self.log_text())
        self.assertEqual('a1', self.scene.host(mover))
        self.assertEqual(
            'ACTIVE', self.scene.cloud.servers.server(mover)['status']
        )
        self.assert_back(mover)

    def log_text(self) -> str:
        text: str = self.logger.output
        return text
