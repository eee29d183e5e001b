"""What an operator asks for by hand: steal-manage and steal-status."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import json
import pathlib
import subprocess
import time

from steal_scheduler.demo import users
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.http import Fault
from tests.functional import crashed, daemon
from tests.functional.scene import Guest
from tests.shared import PATIENCE

NEVER = {'steal:migrate': 'never'}

scene = one.scene
setUpModule = one.set_up()


class ManageTestCase(loop.LoopTestCase):
    scene = scene

    def run_it(
        self, program: str, *args: str, config: pathlib.Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        path = config or self.config_file()
        done = daemon.run(program, '--config-file', path, *args)
        self.assertNotIn('Traceback', done.stderr + done.stdout)
        return done


class TestPlan(ManageTestCase):
    def test_contended(self) -> None:
        """Findings, the move, refusals with reasons, and the verdict."""
        heavy, light, never = scene.boot(
            Guest('heavy', 'a1', disk_gb=20),
            Guest('light', 'a1'),
            Guest('never', 'a1', metadata=NEVER),
        )
        scene.boot(Guest('busy', 'b2', 1.5))
        unplaced = self.boot_contended('b1')
        scene.measure()
        done = self.run_it('steal-manage', 'plan', '-f', 'json')
        self.assertEqual(0, done.returncode, done.stderr)
        plan = json.loads(done.stdout)
        self.assertEqual(
            {
                (heavy, 'heavy', 'a1'),
                (light, 'light', 'a1'),
                (never, 'never', 'a1'),
                (unplaced, 'on-b1', 'b1'),
            },
            {
                (f['server_id'], f['server_name'], f['host'])
                for f in plan['findings']
            },
        )
        [move] = plan['moves_to_begin']
        self.assertEqual((light, 'a1'), (move['server_id'], move['source']))
        self.assertIn(
            'waits 56% of its time at load 0.75 per vCPU', move['reason']
        )
        refused = {r['server_id']: r for r in plan['refusals']}
        self.assertEqual('opted_out', refused[never]['reason'])
        self.assertIn('steal:migrate', refused[never]['detail'])
        self.assertEqual('saturated', refused[unplaced]['reason'])
        self.assertIn('no host of zone', refused[unplaced]['detail'])
        self.assertIn('az2', [s['zone'] for s in plan['saturations']])
        self.assertEqual([{'percent': 100.0}], plan['coverage'])
        for id_ in (heavy, light, never, unplaced):
            self.assertEqual([], scene.tags(id_))
            self.assertEqual([], scene.migrations(id_))

    def test_blind(self) -> None:
        """Without signals nothing would start, and it says why."""
        config = self.config_file(static={'path': '/nonexistent'})
        done = self.run_it('steal-manage', 'plan', '-f', 'json', config=config)
        self.assertEqual(2, done.returncode, done.stderr)
        plan = json.loads(done.stdout)
        [hold] = plan['holds']
        self.assertEqual('signals', hold['reason'])
        self.assertEqual([], plan['moves_to_begin'])


class TestRecover(ManageTestCase):
    def test_clear(self) -> None:
        """A migrator drained it, and was killed."""
        mover = self.boot_contended()
        self.script.let('drain', 'waits')
        self.enterContext(scene.measured())
        migrator = daemon.Daemon(
            self.config_file(migrator={'poll_interval': 0.2}),
            self.directory / 'log',
        )
        self.addCleanup(migrator.kill)
        wait_for(lambda: self.script.asked(mover), PATIENCE, 'the drain')

        refused = self.run_it('steal-manage', 'recover', '--clear')
        self.assertEqual(1, refused.returncode)
        self.assertIn('Another migrator leads', refused.stderr)
        self.assertNotIn('reattach', self.script.asked(mover))

        migrator.kill()
        shown = self.run_it('steal-manage', 'recover')
        self.assertEqual(2, shown.returncode)
        self.assertRegex(shown.stdout, f'{mover}  on-a1 +a1 +steal:drain:')
        self.assertEqual('drain', scene.stage(mover))
        self.assertNotIn('reattach', self.script.asked(mover))

        cleared = self.run_it('steal-manage', 'recover', '--clear')
        self.assertEqual(0, cleared.returncode, cleared.stderr)
        self.assertIn('reattached, tags removed', cleared.stdout)
        self.assert_back(mover)

        nothing = self.run_it('steal-manage', 'recover')
        self.assertEqual(0, nothing.returncode)
        self.assertEqual('Nothing is left behind.\n', nothing.stdout)


class TestDoctor(ManageTestCase):
    def doctor(self) -> tuple[int, dict[str, str]]:
        """Its status, and what is left over, by server."""
        done = self.run_it('steal-manage', 'doctor', '-f', 'json')
        found = json.loads(done.stdout)['leftovers']
        reasons = {each['server_id']: each['reason'] for each in found}
        return done.returncode, reasons

    def test_what_is_left_over(self) -> None:
        """As after a crash of nova-compute, and of nova-conductor."""
        stale, still, lost = scene.boot(
            *(Guest(name, 'a1') for name in ('stale', 'still', 'lost'))
        )
        self.assertEqual((0, {}), self.doctor())
        an_hour = time.time() - 3600
        for server_id in (stale, still):
            crashed.record(server_id, 'running', since=an_hour)
            self.addCleanup(crashed.end_records, server_id)
        for server_id in (still, lost):
            crashed.set_task_state(server_id, 'migrating')
            self.addCleanup(crashed.set_task_state, server_id, None)
        expected = {
            stale: 'record_never_ends',
            still: 'migration_stands_still',
            lost: 'migrating_without_record',
        }
        self.assertEqual((2, expected), self.doctor())
        # The command for two of them.
        for server_id in (still, lost):
            scene.action(server_id, 'os-resetState', {'state': 'active'})
        expected = dict.fromkeys((stale, still), 'record_never_ends')
        self.assertEqual((2, expected), self.doctor())


class TestUpgradeCheck(ManageTestCase):
    """As a program; the module of that name has each mistake."""

    def assert_fails(self, said: str, config: pathlib.Path) -> None:
        done = self.run_it('steal-status', 'upgrade', 'check', config=config)
        self.assertEqual(2, done.returncode, done.stdout + done.stderr)
        # Of a table, whose lines are broken anywhere, after a hyphen as well.
        cells = done.stdout.replace('|', ' ').split()
        self.assertIn(said, ' '.join(cells).replace('- ', '-'))

    def test_upgrade_check(self) -> None:
        (id_,) = scene.boot(Guest('one', 'a1'))
        config = self.config_file()
        self.assert_fails(f'of servers one ({id_})', config)
        self.assert_fails('Check: Nova Result: Success', config)
        self.assert_fails('lacks', self.config_file_of(users.ALICE))
        scene.cloud.http.faults['compute'] = Fault.ERROR
        self.assert_fails('Nova failed', config)
