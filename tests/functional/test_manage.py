"""What an operator asks for by hand: steal-manage and steal-status."""

from tests.functional import loop  # isort: skip (before Nova's)

import json
import pathlib
import subprocess

from steal_scheduler.demo import users
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.http import Fault
from tests.functional import daemon
from tests.functional.scene import Guest, Scene

ZONES = {'az1': ['a1', 'a2'], 'az2': ['b1', 'b2']}
NEVER = {'steal:migrate': 'never'}
ENDLESS = {'demo:seconds': 'never'}

scene = Scene(ZONES)


def setUpModule() -> None:
    scene.start()
    scene.load.start()


def tearDownModule() -> None:
    scene.load.stop()
    scene.stop()


class ManageTestCase(loop.LoopTestCase):
    scene = scene

    def manage(
        self, *args: str, config: pathlib.Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        path = config or self.config_file()
        done = daemon.run('steal-manage', '--config-file', path, *args)
        self.assertNotIn('Traceback', done.stderr)
        return done

    def alice(self) -> pathlib.Path:
        """A configuration with a tenant's rights."""
        text = self.config_file().read_text()
        path = self.directory / 'alice.conf'
        path.write_text(
            text.replace(
                scene.cloud.nova_auth_conf(),
                scene.cloud.nova_auth_conf(users.ALICE),
            )
        )
        return path


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
        done = self.manage('plan', '-f', 'json')
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
            'waits 56% of its time at load 1.50 per vCPU', move['reason']
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

    def test_calm(self) -> None:
        scene.boot(Guest('calm', 'a1', 0.1))
        scene.measure()
        done = self.manage('plan')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn('Contended servers (0)\n  none', done.stdout)
        self.assertIn('Moves that would start now (0)\n  none', done.stdout)

    def test_nova_down(self) -> None:
        config = self.config_file()
        scene.cloud.http.faults['compute'] = Fault.ERROR
        done = self.manage('plan', config=config)
        self.assertEqual(1, done.returncode)
        self.assertIn('steal-manage: Nova failed: ', done.stderr)
        self.assertEqual('', done.stdout)

    def test_wrong_option(self) -> None:
        config = self.config_file(detection={'steal_threshold': 'much'})
        done = self.manage('plan', config=config)
        self.assertEqual(1, done.returncode)
        self.assertIn('steal_threshold', done.stderr)


class TestRecover(ManageTestCase):
    def abandoned(self) -> tuple[str, daemon.Daemon]:
        """A server that a migrator drains."""
        mover = self.boot_contended()
        self.script.let('drain', 'waits')
        config = self.config_file(migrator={'poll_interval': 0.2})
        migrator = daemon.Daemon(config, self.directory / 'log')
        self.addCleanup(migrator.kill)
        wait_for(lambda: self.script.asked(mover), 60.0, 'the drain')
        return mover, migrator

    def test_clear(self) -> None:
        mover, migrator = self.abandoned()
        refused = self.manage('recover', '--clear')
        self.assertEqual(1, refused.returncode)
        self.assertIn('Another migrator leads', refused.stderr)
        self.assertNotIn('reattach', self.script.asked(mover))

        migrator.kill()
        shown = self.manage('recover')
        self.assertEqual(1, shown.returncode)
        self.assertRegex(shown.stdout, f'{mover}  on-a1 +a1 +steal:drain:')
        self.assertEqual('drain', scene.stage(mover))
        self.assertNotIn('reattach', self.script.asked(mover))

        cleared = self.manage('recover', '--clear')
        self.assertEqual(0, cleared.returncode, cleared.stderr)
        self.assertIn('reattached, tags removed', cleared.stdout)
        self.assert_back(mover)

        nothing = self.manage('recover')
        self.assertEqual(0, nothing.returncode)
        self.assertEqual('Nothing is left behind.\n', nothing.stdout)

    def test_not_put_back(self) -> None:
        """Then the tag stays: it is the only witness."""
        mover, migrator = self.abandoned()
        migrator.kill()
        self.script.let('reattach', 'refuses')
        done = self.manage('recover', '--clear')
        self.assertEqual(1, done.returncode)
        self.assertIn(
            'not reattached: command: status 3: as the test says', done.stdout
        )
        self.assertEqual('drain', scene.stage(mover))


class TestUpgradeCheck(ManageTestCase):
    def check(self, config: pathlib.Path) -> subprocess.CompletedProcess[str]:
        done = daemon.run(
            'steal-status', '--config-file', config, 'upgrade', 'check'
        )
        self.assertNotIn('Traceback', done.stderr + done.stdout)
        return done

    def test_success(self) -> None:
        scene.boot(Guest('one', 'a1'))
        done = self.check(self.config_file())
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual(4, done.stdout.count('Success'))

    def test_strange_tag(self) -> None:
        (id_,) = scene.boot(Guest('one', 'a1'))
        scene.call('PUT', f'/servers/{id_}/tags/steal:teleport:1')
        done = self.check(self.config_file())
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        self.assertIn(id_, done.stdout.replace('\n', ''))

    def test_rights(self) -> None:
        done = self.check(self.alice())
        self.assertEqual(2, done.returncode, done.stdout + done.stderr)
        self.assertIn('lacks', done.stdout)

    def test_option(self) -> None:
        config = self.config_file(signals={'source': 'crystal_ball'})
        done = self.check(config)
        self.assertEqual(2, done.returncode, done.stdout + done.stderr)
        self.assertIn('crystal_ball', done.stdout)

    def test_value(self) -> None:
        config = self.config_file(migrator={'poll_interval': 'often'})
        done = self.check(config)
        self.assertEqual(2, done.returncode, done.stdout + done.stderr)
        self.assertIn('poll_interval', done.stdout)

    def test_nova_down(self) -> None:
        config = self.config_file()
        scene.cloud.http.faults['compute'] = Fault.ERROR
        done = self.check(config)
        self.assertEqual(2, done.returncode, done.stdout + done.stderr)
        self.assertIn('Nova failed', done.stdout)
