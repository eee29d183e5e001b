"""Whole migrators and real lock stores: one is stopped, the other takes over.

Two migrators move two servers, one at a time. Each stops at a line that the
seed draws, for longer than its lease, and goes on when the other one has led
for a while; the store may be down meanwhile. A tenth of ``STEAL_LEASE_RUNS``
on each store, one at least. One run is repeated with its seed::

    STEAL_LEASE_SEED=1234 STEAL_LEASE_RUNS=1 \\
        tox -e integration -- test_takeovers.*redis

What is drawn is the same then; real servers answer when they like.
"""

from tests.functional import loop  # isort: skip (before Nova's)

import os
import random
import select
import signal
import sys
import time
import unittest
from collections.abc import Iterator, Mapping
from typing import Any

from testtools import content

from tests.functional.scene import Guest, Scene
from tests.integration import leases
from tests.integration.binaries import binary, left_out, skip_if_left_out
from tests.integration.lives import KINDS, Life, Lives
from tests.integration.site import Witness

RUNS = max(1, int(os.environ.get('STEAL_LEASE_RUNS', '10')) // 10)
SEED = int(
    os.environ.get('STEAL_LEASE_SEED', str(random.randrange(1_000_000)))
)
LEASE = 6
#: Seconds of the longest call: a new leader begins nothing for so long.
LONGEST = 4.0
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    'nova': {'timeout': LONGEST},
    'command': {'timeout': LONGEST - 2},
    'limits': {'slots': 1, 'breaker_failures': 100, 'copy_rate': 1000},
    'stages': {'drain_timeout': 20, 'migration_timeout': 20},
}
#: Of migrators that nothing stops: no line has such a number.
_NEVER = dict.fromkeys(KINDS, 10**12)
#: Of both moves where nothing stops a migrator: kind of line -> lines.
_lines: dict[str, int] = {}
#: Seconds in which a run must be done.
_SECONDS = 200.0

_scene = Scene({'az1': ('a1', 'a2', 'a3', 'a4')})


class Run:
    """Drawn when it is made, done once."""

    def __init__(
        self,
        test: 'TestTakeovers',
        store: leases.Server,
        seed: int,
        lines: Mapping[str, int],
    ) -> None:
        """:param lines: of both moves, by kind of line"""
        draw = random.Random(f'{store.name} {seed}')
        self._test = test
        self._store = store
        self.seed = seed
        #: Of each migrator, where it stops.
        self._points = [
            [_point(draw, lines) for _ in range(draw.choice(times))]
            for times in ((1, 1, 2), (0, 0, 1))
        ]
        #: Ticks that the other one leads before the stopped one goes on.
        self._ahead = draw.randint(0, 8)
        #: The store stops as well when the first one does; for this long.
        self._down = draw.choice((0.0, 0.0, 0.1, draw.uniform(0.5, 1.5)))
        #: Whoever leads later finds no server that suffers.
        self._calms = draw.random() < 0.5
        self._stopped: Life | None = None
        self._up_at = self._went_on = 0.0
        #: Ticks of each since somebody was stopped or went on.
        self._ticks = [0, 0]
        self._begun = False
        self._quiet_since = 0.0
        self._ids: list[str] = []
        self._moves: Mapping[str, str] = {}
        #: That the one that leads had executed when all moves were over.
        self.lines: Mapping[str, int] = {}
        self.lives: list[Life] = []
        self.trouble: list[str] = []
        self.leaderships: list[leases.Leadership] = []
        #: Seconds until the other one led.
        self.takeovers: list[float] = []

    def __str__(self) -> str:
        reached = ', '.join(r for life in self.lives for r in life.reached)
        down = f'; the store down for {self._down * LEASE:.1f} s'
        return f'seed {self.seed}: {reached or "-"}{down * bool(self._down)}'

    def run(self) -> None:
        """Do it all; then there may be trouble."""
        scene = self._test.scene
        self._ids = scene.boot(*(Guest(f'on-{h}', h) for h in ('a1', 'a2')))
        scene.noise.update(a1=1.5, a2=1.5)
        self._store.forget()
        self._config_file = self._test.config_file(
            migrator={
                'lease': LEASE,
                'poll_interval': 0.3,
                'lock_url': self._store.url(self._store.port),
            },
            **OPTIONS,
        )
        try:
            with scene.measured(), Witness(self._may_migrate) as witness:
                self._begin()
                if not self._watch():
                    self.trouble += ['came to no end', *self._left()]
                self.trouble += witness.saw
            self._judge()
        finally:
            for life in self.lives:
                life.kill()
            self._store.stop()
            self._store.start()
            scene.clear()

    def _begin(self) -> None:
        points = self._points[len(self.lives)]
        self.lives.append(self._test.lives.begin(self._config_file, points))

    # -- what happens ------------------------------------------------------

    def _watch(self) -> bool:
        """Whether nothing is left to do in the end, and both end well."""
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            if self._up_at and time.monotonic() > self._up_at:
                self._up_at = 0.0
                self._store.start()
            for number, said in self._listen():
                if len(self.lives) < 2 and (
                    said['what'] == 'hold' or said['leads']
                ):
                    # Now it is known who leads first.
                    self._begin()
                if said['what'] == 'hold':
                    self._stop(number)
                if said['what'] == 'tick':
                    self._ticked(number, said)
            if any(life.over for life in self.lives):
                self.trouble.append('a migrator has ended')
                return False
            if (
                self._quiet_since
                and time.monotonic() > self._quiet_since + LONGEST
            ):
                return self._end()
        return False

    def _listen(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """What they say, each with its number; nothing after a moment."""
        sockets = [life.socket for life in self.lives]
        heard, _, _ = select.select(sockets, [], [], 0.1)
        for one in heard:
            number = sockets.index(one)
            for said in self.lives[number].read():
                yield number, said

    def _stop(self, number: int) -> None:
        """Let it stand still at its line, with all its threads."""
        life = self.lives[number]
        if self._stopped is None:
            os.kill(life.last['pid'], signal.SIGSTOP)
            self._stopped, self._since = life, time.monotonic()
            self._again()
            if self._down:
                self._store.stop()
                self._up_at = time.monotonic() + self._down * LEASE
                self._down = 0.0
        life.order('go')

    def _ticked(self, number: int, said: Mapping[str, Any]) -> None:
        self._ticks[number] += 1
        idle = said['good'] and not said['moves']
        self._begun = self._begun or bool(said['moves'])
        if not said['leads']:
            return
        if said['moves'] != self._moves:
            self._moves, self.lines = said['moves'], said['lines']
        if self._stopped is not None:
            if self._ticks[number] == 1 or not self._led:
                self._led = True
                self.takeovers.append(time.monotonic() - self._since)
                if self._calms and self._begun:
                    self._test.scene.noise.clear()
            self._led_ticks += 1
            if self._led_ticks > self._ahead:
                os.kill(self._stopped.last['pid'], signal.SIGCONT)
                self._stopped, self._went_on = None, time.monotonic()
                self._again()
            return
        quiet = (
            self._begun
            and idle
            and not self._up_at
            and min(self._ticks) > 2
            and not self._left()
        )
        if not quiet:
            self._quiet_since = 0.0
        elif not self._quiet_since:
            self._quiet_since = time.monotonic()

    def _again(self) -> None:
        self._ticks = [0, 0]
        self._led, self._led_ticks = False, 0
        self._quiet_since = 0.0

    def _end(self) -> bool:
        """Whether both end when they are told to, and say so."""
        for life in self.lives:
            life.order('stop')
        until = time.monotonic() + 30
        while time.monotonic() < until and not all(
            life.over for life in self.lives
        ):
            for life in self.lives:
                if not life.over:
                    life.read()
        return all(life.last['what'] == 'end' for life in self.lives)

    # -- whether that was borne --------------------------------------------

    def _may_migrate(self, id_: str) -> bool:
        """Whether it is out; nor may another one migrate.

        NOTE: what a stopped migrator was just asking of Nova comes late, and
        nobody can help it: Nova knows nothing of leases.
        """
        if time.monotonic() < self._went_on + LONGEST:
            return True
        servers = self._test.scene.call('GET', '/servers/detail')['servers']
        moving = [s['id'] for s in servers if s['status'] == 'MIGRATING']
        if len(moving) > OPTIONS['limits']['slots']:
            self.trouble.append(f'servers {moving} migrated at once')
        return self._is_out(id_)

    def _is_out(self, id_: str) -> bool:
        return self._test.script.done(id_)[-1:] == ['drain']

    def _left(self) -> list[str]:
        """What of us is to be seen; empty when all is as it was."""
        tagged = [
            f'server {id_} has the tags {tags}'
            for id_ in self._ids
            if (tags := self._test.scene.tags(id_))
        ]
        return tagged + [
            f'server {id_} is out' for id_ in self._ids if self._is_out(id_)
        ]

    def _judge(self) -> None:
        for id_ in self._ids:
            found = self._test.scene.migrations(id_)
            if len(found) > 1:
                self.trouble.append(f'server {id_} was migrated: {found}')
        for life in self.lives:
            if 'Traceback' in life.log.read_text():
                self.trouble.append(f'{life.log.stem} shows a traceback')
            passed = leases.read_passes(life.passes)
            self.leaderships += leases.leaderships(life.log.stem, passed)
        self.trouble += leases.twice_led(self.leaderships)


def _point(draw: random.Random, lines: Mapping[str, int]) -> dict[str, Any]:
    kind = draw.choice([*lines])
    line = draw.randint(1, lines[kind])
    return {'line': line, 'kind': kind, 'what': 'hold'}


def setUpModule() -> None:
    # Each test has a home of its own, where nothing was built.
    if not left_out():
        binary('etcd')
    unittest.enterModuleContext(_scene.running())
    directory = _scene.workdir / 'lives'
    directory.mkdir()
    TestTakeovers.lives = Lives(directory)
    unittest.enterModuleContext(TestTakeovers.lives.running())


class TestTakeovers(loop.LoopTestCase):
    """Afterwards each server has one migration at most, and is in service."""

    scene = _scene
    lives: Lives

    def endure(self, kind: type[leases.Server]) -> None:
        """A failed run ends no other."""
        store = kind(self.directory / kind.name)
        self.addCleanup(store.stop)
        store.start()
        if not _lines:
            whole = Run(self, store, SEED, _NEVER)
            whole.run()
            self.assertEqual([], whole.trouble)
            _lines.update(whole.lines)
        failed, takeovers = [], list[float]()
        struck = numbers = 0
        for seed in range(SEED, SEED + RUNS):
            run = Run(self, store, seed, _lines)
            run.run()
            takeovers += run.takeovers
            numbers += len(run.leaderships)
            struck += bool(run.takeovers)
            if run.trouble:
                failed.append(
                    f'{run}: {"; ".join(run.trouble)}. Once more: '
                    f'STEAL_LEASE_SEED={seed} STEAL_LEASE_RUNS=1 '
                    f'tox -e integration -- test_takeovers.*{kind.name}'
                )
                for life in run.lives:
                    said = life.log.read_text()[-30_000:]
                    self.addDetail(
                        f'{kind.name} {seed} {life.log.name}',
                        content.text_content(said),
                    )
        print(
            f'takeovers, {kind.name}: seeds {SEED} to {SEED + RUNS - 1}, '
            f'{struck} of them struck, {numbers} leaderships; another one '
            f'led after {max(takeovers, default=0):.1f} s at most; '
            f'{len(failed)} failed',
            file=sys.__stderr__,
        )
        self.assertEqual([], failed)

    def test_redis(self) -> None:
        self.endure(leases.Redis)

    def test_etcd(self) -> None:
        skip_if_left_out()
        self.endure(leases.Etcd)
