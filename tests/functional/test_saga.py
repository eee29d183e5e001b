"""Whatever Nova and the orchestrators do: out is followed by back."""

from tests.functional import loop  # isort: skip (before Nova's)

import time
from collections.abc import Callable, Iterable
from typing import Any

import fixtures

from steal_scheduler.demo.http import App, Environ, reply
from tests.functional.scene import Guest, Scene

ZONES = {'az1': ['a1', 'a2', 'a3']}
ENDLESS = {'demo:seconds': 'never'}

scene = Scene(ZONES)
setUpModule, tearDownModule = scene.start, scene.stop


class SagaTestCase(loop.LoopTestCase):
    scene = scene

    def drained(self, **sections: Any) -> tuple[str, loop.Loop]:
        """A server that is about to leave its orchestrator."""
        mover = self.boot_contended()
        self.script.let('drain', 'waits')
        migrator = self.loop(**sections)
        migrator.until(lambda: self.script.asked(mover), 'the drain')
        return mover, migrator

    def assert_put_back(
        self, migrator: loop.Loop, mover: str, reason: str
    ) -> None:
        (ended,) = migrator.until_ended(mover)
        self.assertIn(reason, ended.move.failure)
        self.assertEqual([], scene.migrations(mover))
        self.assert_back(mover)


class Stumbling:
    """In front of nova-api: fails one of the requests that change something.

    Nova never hears of it, or does as it is told and nobody learns of it.
    """

    def __init__(self, app: App, number: int, *, before: bool) -> None:
        self._app = app
        self._number = number
        self._before = before
        #: What it failed.
        self.failed = ''

    def __call__(
        self, environ: Environ, start_response: Any
    ) -> Iterable[bytes]:
        if environ['REQUEST_METHOD'] == 'GET':
            return self._app(environ, start_response)
        self._number -= 1
        if self._number != -1:
            return self._app(environ, start_response)
        self.failed = f'{environ["REQUEST_METHOD"]} {environ["PATH_INFO"]}'
        if not self._before:
            list(self._app(environ, lambda *args: None))
        error = {'computeFault': {'code': 503, 'message': 'as the test says'}}
        return reply(start_response, error, '503 Service Unavailable')


class TestEachRequest(SagaTestCase):
    """Nova fails one of the requests of a move, each in its turn."""

    def _fail_each(self, *, before: bool) -> None:
        apps = scene.cloud.http.apps
        app = apps['compute']
        self.addCleanup(apps.update, compute=app)
        number, failed = 0, []
        while True:
            apps['compute'] = app
            mover = self.boot_contended()
            self.useFixture(
                fixtures.MonkeyPatch(
                    'steal_scheduler.moves.state_machine.REQUEST_TIMEOUT', 2.0
                )
            )
            migrator = self.loop()
            stumbling = Stumbling(app, number, before=before)
            apps['compute'] = stumbling
            migrator.until_ended(mover)
            # A tag may be left that Nova told nobody of.
            migrator.until(self._untagged, 'its tag to go')
            self.assertLessEqual(len(scene.migrations(mover)), 1)
            self.assert_back(mover)
            migrator.parts.close()
            if not stumbling.failed:
                break
            failed.append(stumbling.failed.split('/')[-1].split(':')[:2][-1])
            number += 1
            apps['compute'] = app
            scene.clear()
        self.assertLessEqual(
            {'drain', 'request', 'action', 'verify'}, {*failed}
        )

    @staticmethod
    def _untagged() -> bool:
        return not any(scene.tags(id_) for id_ in scene.ids())

    def test_unheard(self) -> None:
        self._fail_each(before=True)

    def test_unanswered(self) -> None:
        self._fail_each(before=False)


class TestOrchestrator(SagaTestCase):
    """It is away, or hangs, at any time."""

    def _away(self) -> Callable[[], object]:
        """Its executable is gone; what brings it back."""
        aside = self.script.path.with_suffix('.aside')
        self.script.path.rename(aside)
        return lambda: aside.rename(self.script.path)

    def test_away_before(self) -> None:
        mover = self.boot_contended()
        migrator = self.loop(stages={'drain_timeout': 3})
        back = self._away()
        migrator.until(
            lambda: migrator.value('reattach_blocked_servers'),
            'it to be undone',
        )
        self.assertEqual('undo', scene.stage(mover))
        back()
        self.assert_put_back(migrator, mover, '(drain_timeout)')

    def test_away_during(self) -> None:
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.begin(mover)
        back = self._away()
        scene.finish_migration(mover)
        migrator.until(
            lambda: migrator.value('reattach_blocked_servers'), 'the alarm'
        )
        self.assertEqual('reattach', scene.stage(mover))
        back()
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assertEqual(0, migrator.value('reattach_blocked_servers'))
        self.assert_back(mover)

    def test_it_hangs_at_the_way_back(self) -> None:
        """Another server's way back does not wait for it again and again."""
        slow = self.boot_contended(role='slow')
        quick = self.boot_contended('a2', role='quick')
        hanging = loop.Script(self.directory / 'hanging')
        self.addCleanup(hanging.release)
        one = {'driver': 'command', 'timeout': 2}
        migrator = self.loop(
            migrator={'orchestrators': 'slow, quick'},
            slow={**one, 'path': hanging.path, 'roles': 'slow'},
            quick={**one, 'path': self.script.path, 'roles': 'quick'},
        )
        hanging.let('drain', 'hangs')
        hanging.let('reattach', 'hangs')
        migrator.until_ended(quick)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assert_back(quick)
        # Nor is who has no part in it asked.
        self.assertEqual([], hanging.asked(quick))
        self.assertEqual([], self.script.asked(slow))
        hanging.release()
        migrator.until_ended(slow)
        self.assertEqual('reattach', hanging.done(slow)[-1])


class TestLongDrain(SagaTestCase):
    """What was found is looked at again when the drain took its time."""

    def _age(self, migrator: loop.Loop, mover: str, seconds: float) -> None:
        """As if its drain had begun so long ago."""
        move = migrator.migrator.moves[mover]
        migrator.migrator.moves[mover] = loop.dataclasses.replace(
            move, since=move.since - seconds
        )

    def test_it_is_as_bad_as_before(self) -> None:
        mover, migrator = self.drained(stages={'drain_timeout': 7200})
        self._age(migrator, mover, 3600)
        self.script.release()
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assert_back(mover)

    def test_its_host_has_become_cool(self) -> None:
        mover, migrator = self.drained(stages={'drain_timeout': 7200})
        self._age(migrator, mover, 3600)
        scene.noise.clear()
        # While it is out nobody asks it for anything.
        scene._demands[mover] = 0.01
        migrator.until(
            lambda: mover not in migrator.migrator.moves, 'it to be put back'
        )
        self.assert_put_back(migrator, mover, 'it may stay on a1')

    def test_a_window_has_begun(self) -> None:
        mover, migrator = self.drained()
        migrator.parts.close()
        hour = time.gmtime().tm_hour
        window = f'{hour:02}:00-{(hour + 2) % 24:02}:00'
        migrator = self.loop(limits={'blackout': window})
        self.script.release()
        self.assert_put_back(migrator, mover, '[limits] blackout')


class TestRole(SagaTestCase):
    def test_another_one_goes_down_meanwhile(self) -> None:
        """What was begun within the budget is brought to its end."""
        mover = self.boot_contended(role='web')
        (other,) = scene.boot(Guest('other', 'a2', 0.1, role='web'))
        self.script.let('drain', 'waits')
        migrator = self.loop()
        migrator.until(lambda: self.script.asked(mover), 'the drain')
        scene.action(other, 'os-stop')
        scene.wait_status(other, 'SHUTOFF')
        self.script.release()
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assert_back(mover)
