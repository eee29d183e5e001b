"""Servers belong to orchestrators of their own, or to none."""

from tests.functional import loop  # isort: skip (before Nova's)

import json
import time
from typing import Any

from tests.functional import daemon
from tests.functional.scene import Guest, Scene

ZONES = {'az1': ['a1', 'a2', 'a3']}

scene = Scene(ZONES)
setUpModule, tearDownModule = scene.start, scene.stop


class TestOrchestrators(loop.LoopTestCase):
    scene = scene

    def sections(self, **more: Any) -> dict[str, Any]:
        """Two of one kind, for the servers of one role each."""
        one = {'driver': 'command', 'path': self.script.path}
        return {
            'migrator': {'orchestrators': 'web, db'},
            'web': {**one, 'roles': 'web'},
            'db': {**one, 'roles': 'db'},
            **more,
        }

    def test_by_role(self) -> None:
        mover = self.boot_contended(role='db')
        self.loop(**self.sections()).until_ended(mover)
        self.assertEqual(['drain', 'reattach'], self.script.done(mover)[:2])
        self.assertEqual([], scene.tags(mover))

    def test_none(self) -> None:
        mover = self.boot_contended(role='batch')
        migrator = self.loop(**self.sections())
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assertNotIn('drain', self.script.asked(mover))

    def test_invalid_orchestrator(self) -> None:
        """Who wants to be drained is never moved without."""
        mover = self.boot_contended(metadata={'steal:orchestrator': 'chef'})
        migrator = self.loop(**self.sections())
        migrator.tick()
        self.assertEqual(1, migrator.refused('invalid_orchestrator'))
        self.assertEqual([], scene.tags(mover))
        scene.set_metadata(mover, {'steal:orchestrator': 'web=node-7'})
        migrator.until_ended(mover)
        self.assertEqual('drain', self.script.done(mover)[0])

    def test_reattach_blocked(self) -> None:
        """Its orchestrator gets no other to take out, and the plan says so."""
        mover = self.boot_contended(role='web')
        sections = self.sections(
            stages={'reattach_alarm': 1},
            limits={'max_unavailable': ''},
        )
        self.script.let('reattach', 'refuses')
        migrator = self.loop(**sections)
        migrator.until(
            lambda: migrator.value('reattach_blocked_servers') == 1,
            'the alarm',
        )
        other = self.boot_contended('a2', role='web')
        migrator.until(
            lambda: migrator.refused('reattach_blocked') == 1, 'the refusal'
        )
        self.assertEqual([], scene.tags(other))
        self.assertEqual(
            1, self.log_text().count('cannot be reattached to its')
        )
        plan = daemon.run(
            'steal-manage',
            '--config-file',
            self.config_file(**sections),
            *('plan', '--format', 'json'),
        )
        [blocked] = json.loads(plan.stdout)['reattach_blocked']
        self.assertEqual(mover, blocked['server_id'])
        asked = len(self.script.asked(mover))
        begun = time.monotonic()
        while time.monotonic() - begun < 2:
            migrator.tick()
        # Not at each of these looks.
        self.assertLessEqual(len(self.script.asked(mover)) - asked, 1)
        self.script.release()
        migrator.until_ended(mover)
        self.assertEqual(0, migrator.value('reattach_blocked_servers'))

    def test_max_unavailable(self) -> None:
        mover = self.boot_contended(role='web')
        (down,) = scene.boot(Guest('down', 'a2', 0.1, role='web'))
        scene.action(down, 'os-stop')
        scene.wait_status(down, 'SHUTOFF')
        migrator = self.loop(**self.sections())
        migrator.until(
            lambda: migrator.refused('max_unavailable') == 1, 'the no'
        )
        self.assertEqual([], scene.tags(mover))
        scene.action(down, 'os-start')
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
