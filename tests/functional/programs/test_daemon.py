"""steal-migrator as a service: its death, its signals, a wrong start."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import os
import pathlib
import signal

from testtools import content

from steal_scheduler.demo import users
from steal_scheduler.demo.deadline import wait_for
from tests.functional import daemon
from tests.shared import PATIENCE

ENDLESS = {'demo:seconds': 'never'}
QUICK = {'poll_interval': 0.2}

scene = one.scene
setUpModule = one.set_up()


class DaemonTestCase(loop.LoopTestCase):
    scene = scene

    def setUp(self) -> None:
        super().setUp()
        self.enterContext(scene.measured())
        self.config = self.config_file(migrator=QUICK, command={'timeout': 3})

    def start(self, name: str = 'migrator') -> daemon.Daemon:
        log = self.directory / f'{name}.log'
        started = daemon.Daemon(self.config, log)
        self.addCleanup(started.kill)
        self.addDetail(name, content.content_from_file(log))
        return started

    def begun(self, name: str = 'migrator') -> tuple[str, daemon.Daemon]:
        """A server on its way, and the daemon that had it migrated."""
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.start(name)
        scene.wait_stage(mover, 'migrate')
        return mover, migrator

    def assert_finished(self, mover: str, migrator: daemon.Daemon) -> None:
        """That daemon brings it to its end, by the one migration."""
        self.assertEqual(['running'], scene.migrations(mover))
        scene.finish_migration(mover)
        # Who takes it over has not seen how it was before.
        migrator.wait_log('ended: unmeasured')
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assert_back(mover)
        self.assertEqual(1, migrator.log().count(' ended: '))


class TestDeath(DaemonTestCase):
    def test_killed_and_started_again(self) -> None:
        mover, migrator = self.begun()
        migrator.kill()
        self.assert_finished(mover, self.start())

    def test_a_standby_takes_over(self) -> None:
        mover, first = self.begun('first')
        second = self.start('second')
        second.wait_log('Standby: another migrator leads.')
        self.assertNotIn('Acquired leadership', second.log())
        first.kill()
        self.assert_finished(mover, second)

    def test_the_worker_alone(self) -> None:
        """Its parent starts another one."""
        mover, migrator = self.begun()
        os.kill(migrator.worker(), signal.SIGKILL)
        self.assert_finished(mover, migrator)


class TestSignals(DaemonTestCase):
    def test_sigterm(self) -> None:
        """It waits for the script, and does not leave it behind."""
        mover = self.boot_contended()
        self.script.let('drain', 'hangs')
        migrator = self.start()
        wait_for(lambda: self.script.asked(mover), PATIENCE, 'the drain')
        migrator.send(signal.SIGTERM)
        self.assertEqual(0, migrator.wait())
        self.assertEqual([], self.script.processes())
        self.assertEqual('drain', scene.stage(mover))
        self.script.release()
        self.start().wait_log('ended: helped')
        self.assert_back(mover)

    def test_sighup(self) -> None:
        """The options are read again, and the loop goes on."""
        mover = self.boot_contended()
        self.config = self.config_file(migrator={**QUICK, 'dry_run': True})
        migrator = self.start()
        migrator.wait_log('would move away from host a1')
        self.assertEqual([], scene.tags(mover))
        before = migrator.worker()
        text = self.config.read_text()
        self.assertIn('dry_run = True', text)
        text = text.replace('dry_run = True', 'dry_run = False')
        self.config.write_text(text)
        migrator.send(signal.SIGHUP)
        migrator.wait_log('ended: helped')
        self.assertNotEqual(before, migrator.worker())
        self.assertEqual(['completed'], scene.migrations(mover))

    def test_sigusr2(self) -> None:
        """To the worker: the guru meditation report, with the move in it."""
        mover, migrator = self.begun()
        migrator.wait_log('entered stage migrate')
        migrator.send_worker(signal.SIGUSR2)
        row = wait_for(
            lambda: self.row(migrator.log(), mover), PATIENCE, 'its line'
        )
        self.assertEqual([mover, 'on-a1', 'migrate'], row[:3])
        self.assertEqual(['a1', scene.target(mover), 'waits'], row[5:8])

    @staticmethod
    def row(log: str, server_id: str) -> list[str]:
        section = log.partition('Moves in flight')[2]
        for line in section.splitlines():
            if line.strip().startswith(server_id):
                return line.split()
        return []


class TestWrongStart(DaemonTestCase):
    """Each ends with one line that names what is wrong."""

    def assert_ends(self, expected: str, config: pathlib.Path) -> None:
        ended = daemon.run('steal-migrator', '--config-file', config)
        self.assertEqual(os.EX_CONFIG, ended.returncode, ended.stderr)
        last = ended.stderr.strip().splitlines()[-1]
        self.assertTrue(last.startswith('steal-migrator: '), last)
        self.assertIn(expected, last)
        self.assertNotIn('Traceback', ended.stderr)

    def test_who_may_not(self) -> None:
        self.assert_ends(
            'Keystone refuses the user of [nova]',
            self.config_file(nova={'password': 'wrong'}),
        )
        self.assert_ends(
            'lacks rights in Nova: os_compute_api:',
            self.config_file_of(users.ALICE),
        )

    def test_options(self) -> None:
        config = self.config_file(migrator={'poll_interval': 'often'})
        self.assert_ends('poll_interval', config)
        self.assert_ends('nowhere.conf', self.directory / 'nowhere.conf')
