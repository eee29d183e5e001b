"""Two migrators that both take themselves for the leader.

Each has a lock file of its own, as on two controllers without a common lock:
nothing holds one of them back, at any moment.
"""

from tests.functional import loop  # isort: skip (before Nova's)

import itertools
import signal

from testtools import content

from steal_scheduler.demo.deadline import wait_for
from tests.functional.daemon import Daemon
from tests.functional.scene import Scene

ZONES = {'az1': ['a1', 'a2', 'a3']}
BRIEF = {'demo:seconds': '1'}

scene = Scene(ZONES)


def setUpModule() -> None:
    scene.start()
    scene.load.start()


def tearDownModule() -> None:
    scene.load.stop()
    scene.stop()


class TwoMigratorsTestCase(loop.LoopTestCase):
    scene = scene
    _numbers = itertools.count()

    def own_lock(self) -> dict[str, object]:
        number = next(self._numbers)
        return {'lock_url': f'file://{self.directory}/lock-{number}'}

    def assert_once(self, mover: str) -> None:
        self.assertEqual(1, len(scene.migrations(mover)))
        self.assert_back(mover)


class TestInTurn(TwoMigratorsTestCase):
    """In one process; the second one begins at each stage."""

    def _from(self, stage: str, **metadata: str) -> None:
        mover = self.boot_contended(metadata=BRIEF | metadata)
        one = self.loop(migrator=self.own_lock())
        if stage == 'reattach':
            self.script.let('reattach', 'waits')
        one.until(lambda: scene.stage(mover) == stage, f'stage {stage}')
        other = self.loop(migrator=self.own_lock())
        self.script.release()

        def over() -> bool:
            one.tick(measure=False)
            return not one.migrator.moves and not other.migrator.moves

        other.until(over, 'both to be done', seconds=90)
        for _ in range(3):
            over()
        self.assert_once(mover)

    def test_drain(self) -> None:
        self._from('drain')

    def test_request(self) -> None:
        self._from('request')

    def test_migrate(self) -> None:
        self._from('migrate')

    def test_reattach(self) -> None:
        self._from('reattach')

    def test_verify(self) -> None:
        self._from('verify')

    def test_in_vain(self) -> None:
        """The server stays where it was: the other one could try as well."""
        self._from('drain', **{'demo:fail': 'run', 'demo:seconds': '0'})


class TestProcesses(TwoMigratorsTestCase):
    def start(self, name: str) -> Daemon:
        log = self.directory / name
        quick = {'poll_interval': 0.2}
        daemon = Daemon(
            self.config_file(migrator={**quick, **self.own_lock()}), log
        )
        self.addCleanup(daemon.kill)
        self.addDetail(name, content.content_from_file(log))
        return daemon

    def assert_over(self, mover: str) -> None:
        wait_for(
            lambda: (
                scene.migrations(mover) == ['completed']
                and not scene.tags(mover)
            ),
            90.0,
            'the end',
        )
        self.assert_once(mover)

    def test_side_by_side(self) -> None:
        daemons = [self.start(name) for name in ('one', 'other')]
        for daemon in daemons:
            daemon.wait_log('Acquired leadership.')
        mover = self.boot_contended(metadata=BRIEF)
        wait_for(lambda: scene.migrations(mover), 60.0, 'the migration')
        for daemon in daemons:
            # Nobody is in the middle of a step when its end is looked at.
            daemon.wait_log(' ended: ')
        self.assert_over(mover)

    def test_one_stands_still(self) -> None:
        """In its drain; it wakes when the other one is done."""
        mover = self.boot_contended(metadata=BRIEF)
        one = self.start('one')
        self.script.let('drain', 'waits')
        wait_for(lambda: self.script.asked(mover), 60.0, 'the drain')
        one.send_worker(signal.SIGSTOP)
        self.script.release()
        other = self.start('other')
        other.wait_log('ended: helped')
        one.send_worker(signal.SIGCONT)
        one.wait_log(' ended: ')
        self.assert_over(mover)
