"""A migrator that is killed, whatever it does: the next one goes on."""

from tests.functional import loop  # isort: skip (before Nova's)

import os
import signal
import threading
from collections.abc import Iterable
from typing import Any

from testtools import content

from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.http import App, Environ
from tests.functional.daemon import Daemon
from tests.functional.scene import Guest, Scene

ZONES = {'az1': ['a1', 'a2', 'a3']}
ENDLESS = {'demo:seconds': 'never'}

# One migration at a time, so that a second one has to queue.
scene = Scene(ZONES, concurrent_migrations=1)


def setUpModule() -> None:
    scene.start()
    scene.load.start()


def tearDownModule() -> None:
    scene.load.stop()
    scene.stop()


class Gate:
    """In front of nova-api: holds back requests to migrate."""

    def __init__(self, app: App, *, before: bool) -> None:
        """:param before: Nova never hears of them; else its answer is held"""
        self._app = app
        self._before = before
        self._open = threading.Event()
        self.reached = threading.Event()

    def open(self) -> None:
        self._open.set()

    def __call__(
        self, environ: Environ, start_response: Any
    ) -> Iterable[bytes]:
        if self._open.is_set() or not environ['PATH_INFO'].endswith('/action'):
            return self._app(environ, start_response)
        answer: Iterable[bytes] = ()
        if not self._before:
            answer = list(self._app(environ, start_response))
        self.reached.set()
        self._open.wait()
        if self._before:
            raise ConnectionAbortedError
        return answer


class TestKill(loop.LoopTestCase):
    """In each stage."""

    scene = scene

    def setUp(self) -> None:
        super().setUp()
        self.config = self.config_file(
            migrator={'poll_interval': 0.2},
        )

    def start(self) -> Daemon:
        daemon = Daemon(self.config, self.directory / 'log')
        self.addCleanup(daemon.kill)
        self.addDetail(
            'log', content.content_from_file(self.directory / 'log')
        )
        return daemon

    def assert_ended(
        self, mover: str, migrations: list[str], outcome: str
    ) -> None:
        """It is over, it was one migration, and nothing is left behind."""
        daemon = self.start()
        daemon.wait_log(f'ended: {outcome}')
        self.assert_back(mover)
        self.assertEqual(migrations, scene.migrations(mover))
        done = self.script.done(mover)
        self.assertEqual('drain', done[0])
        # It may be asked again, but never to drain once it is back.
        self.assertNotIn('drain', done[done.index('reattach') :])
        self.assertEqual(1, daemon.log().count(' ended: '))

    def test_drain(self) -> None:
        mover = self.boot_contended()
        self.script.let('drain', 'waits')
        daemon = self.start()
        wait_for(lambda: self.script.asked(mover), 60.0, 'the drain')
        daemon.kill()
        self.assertEqual('drain', scene.stage(mover))
        self.script.release()
        self.assert_ended(mover, ['completed'], 'helped')

    def test_request_queued(self) -> None:
        blocker = scene.boot(Guest('blocker', 'a3', 0.1, metadata=ENDLESS))[0]
        scene.cloud.servers.migrate(blocker)
        scene.cloud.servers.wait_migrated(blocker, 'running')
        mover = self.boot_contended()
        daemon = self.start()
        scene.wait_stage(mover, 'request')
        wait_for(
            lambda: scene.migrations(mover) == ['queued'], 30.0, 'the queue'
        )
        daemon.kill()
        self.assertEqual('request', scene.stage(mover))
        scene.unblock(blocker)
        self.assert_ended(mover, ['completed'], 'helped')

    def test_request_unheard(self) -> None:
        """The tag says that Nova was asked, but Nova never heard of it."""
        mover = self._kill_at_request(before=True)
        self.assertEqual([], scene.migrations(mover))
        self.assert_ended(mover, [], 'not_started')

    def test_request_unanswered(self) -> None:
        """Nova was asked, but the answer never came."""
        mover = self._kill_at_request(before=False)
        self.assert_ended(mover, ['completed'], 'helped')

    def _kill_at_request(self, *, before: bool) -> str:
        apps = scene.cloud.http.apps
        gate = Gate(apps['compute'], before=before)
        mover = self.boot_contended()
        self.addCleanup(apps.update, compute=apps['compute'])
        self.addCleanup(gate.open)
        apps['compute'] = gate
        daemon = self.start()
        self.assertTrue(gate.reached.wait(60.0))
        daemon.kill()
        gate.open()
        self.assertEqual('request', scene.stage(mover))
        return mover

    def test_migrate(self) -> None:
        mover = self.boot_contended(metadata=ENDLESS)
        daemon = self.start()
        scene.wait_stage(mover, 'migrate')
        daemon.kill()
        scene.finish_migration(mover)
        self.assert_ended(mover, ['completed'], 'helped')

    def test_reattach(self) -> None:
        mover = self.boot_contended()
        self.script.let('reattach', 'waits')
        daemon = self.start()
        wait_for(
            lambda: 'reattach' in self.script.asked(mover), 60.0, 'the end'
        )
        daemon.kill()
        self.assertEqual('reattach', scene.stage(mover))
        self.script.release()
        self.assert_ended(mover, ['completed'], 'helped')

    def test_undo(self) -> None:
        mover = self.boot_contended(metadata={'demo:fail': 'run'})
        self.script.let('reattach', 'waits')
        daemon = self.start()
        wait_for(
            lambda: 'reattach' in self.script.asked(mover), 60.0, 'the undo'
        )
        daemon.kill()
        self.assertEqual('undo', scene.stage(mover))
        self.script.release()
        self.assert_ended(mover, ['failed'], 'failed')

    def test_verify(self) -> None:
        mover = self.boot_contended()
        self.script.let('drain', 'waits')
        daemon = self.start()
        wait_for(lambda: self.script.asked(mover), 60.0, 'the drain')
        scene.unseen.add(mover)
        self.script.release()
        scene.wait_stage(mover, 'verify')
        daemon.kill()
        self.assertEqual('verify', scene.stage(mover))
        scene.unseen.clear()
        self.assert_ended(mover, ['completed'], 'helped')

    def test_worker(self) -> None:
        """Only the worker dies: its parent starts another one."""
        mover = self.boot_contended(metadata=ENDLESS)
        daemon = self.start()
        scene.wait_stage(mover, 'migrate')
        os.kill(daemon.worker(), signal.SIGKILL)
        scene.finish_migration(mover)
        daemon.wait_log('ended: helped')
        self.assert_back(mover)
        self.assertEqual(['completed'], scene.migrations(mover))
