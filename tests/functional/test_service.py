"""steal-migrator as a service: signals, a stand-by, and a wrong start."""

from tests.functional import loop  # isort: skip (before Nova's)

import pathlib
import signal

from testtools import content

from steal_scheduler.demo import users
from steal_scheduler.demo.deadline import wait_for
from tests.functional import daemon
from tests.functional.scene import Scene

ZONES = {'az1': ['a1', 'a2']}
ENDLESS = {'demo:seconds': 'never'}
QUICK = {'poll_interval': 0.5, 'step_interval': 0.2}

scene = Scene(ZONES)


def setUpModule() -> None:
    scene.start()
    scene.load.start()


def tearDownModule() -> None:
    scene.load.stop()
    scene.stop()


class ServiceTestCase(loop.LoopTestCase):
    scene = scene

    def start(
        self, config: pathlib.Path, name: str = 'migrator'
    ) -> daemon.Daemon:
        log = self.directory / f'{name}.log'
        started = daemon.Daemon(config, log)
        self.addCleanup(started.kill)
        self.addDetail(name, content.content_from_file(log))
        return started


class TestEnd(ServiceTestCase):
    """SIGTERM, at any moment."""

    def setUp(self) -> None:
        super().setUp()
        self.config = self.config_file(migrator=QUICK, command={'timeout': 3})

    def test_idle(self) -> None:
        migrator = self.start(self.config)
        migrator.wait_log('This migrator is at work.')
        migrator.send(signal.SIGTERM)
        self.assertEqual(0, migrator.wait())

    def test_command_runs(self) -> None:
        """It waits for the script, and does not leave it behind."""
        mover = self.boot_sufferer()
        self.script.let('drain', 'hangs')
        migrator = self.start(self.config)
        wait_for(lambda: self.script.asked(mover), 60.0, 'the drain')
        migrator.send(signal.SIGTERM)
        self.assertEqual(0, migrator.wait())
        self.assertEqual([], self.script.processes())
        self.assertEqual('drain', scene.stage(mover))
        self.script.release()
        self.start(self.config).wait_log('is over: helped')
        self.assert_back(mover)

    def test_migrating(self) -> None:
        """The migration goes on, and the next migrator with it."""
        mover = self.boot_sufferer(metadata=ENDLESS)
        migrator = self.start(self.config)
        scene.wait_stage(mover, 'migrate')
        migrator.send(signal.SIGTERM)
        self.assertEqual(0, migrator.wait())
        self.assertEqual(['running'], scene.migrations(mover))
        scene.finish_migration(mover)
        self.start(self.config).wait_log('is over: helped')
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assert_back(mover)


class TestReload(ServiceTestCase):
    def test_dry_run_ends(self) -> None:
        """SIGHUP: the options are read again, and the loop goes on."""
        mover = self.boot_sufferer()
        config = self.config_file(migrator={**QUICK, 'dry_run': True})
        migrator = self.start(config)
        migrator.wait_log('Dry run: it would move away from a1')
        self.assertEqual([], scene.tags(mover))
        before = migrator.worker()
        text = config.read_text()
        config.write_text(text.replace('dry_run = True', 'dry_run = False'))
        migrator.send(signal.SIGHUP)
        migrator.wait_log('is over: helped')
        self.assertNotEqual(before, migrator.worker())
        self.assertEqual(['completed'], scene.migrations(mover))

    def test_within_a_move(self) -> None:
        mover = self.boot_sufferer(metadata=ENDLESS)
        migrator = self.start(self.config_file(migrator=QUICK))
        scene.wait_stage(mover, 'migrate')
        migrator.send(signal.SIGHUP)
        wait_for(
            lambda: migrator.log().count('This migrator is at work.') == 2,
            60.0,
            'the next worker',
        )
        scene.finish_migration(mover)
        migrator.wait_log('is over: helped')
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assert_back(mover)


class TestStandby(ServiceTestCase):
    def test_takes_over(self) -> None:
        mover = self.boot_sufferer(metadata=ENDLESS)
        config = self.config_file(migrator=QUICK)
        first = self.start(config, 'first')
        scene.wait_stage(mover, 'migrate')
        second = self.start(config, 'second')
        second.wait_log('Another migrator is at work; this one stands by.')
        self.assertNotIn('This migrator is at work.', second.log())
        first.kill()
        scene.finish_migration(mover)
        second.wait_log('is over: helped')
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assert_back(mover)


class TestReport(ServiceTestCase):
    def test_moves_in_flight(self) -> None:
        """SIGUSR2 to the worker: the guru meditation report."""
        mover = self.boot_sufferer(metadata=ENDLESS)
        migrator = self.start(self.config_file(migrator=QUICK))
        scene.wait_stage(mover, 'migrate')
        migrator.wait_log('is at migrate')
        migrator.send_worker(signal.SIGUSR2)
        migrator.wait_log('Moves in flight')
        wait_for(lambda: self._row(migrator.log(), mover), 30.0, 'the move')
        row = self._row(migrator.log(), mover)
        self.assertEqual([mover, 'migrate'], row[:2])
        self.assertEqual(['a1', 'a2', 'waits'], row[4:7])

    @staticmethod
    def _row(log: str, server_id: str) -> list[str]:
        section = log.partition('Moves in flight')[2]
        for line in section.splitlines():
            if line.strip().startswith(server_id):
                return line.split()
        return []


class TestWrongStart(ServiceTestCase):
    """Each ends with one line that names what is wrong."""

    def assert_ends(self, expected: str, config: pathlib.Path) -> None:
        ended = daemon.run('steal-migrator', '--config-file', config)
        self.assertEqual(1, ended.returncode, ended.stderr)
        last = ended.stderr.strip().splitlines()[-1]
        self.assertTrue(last.startswith('steal-migrator: '), last)
        self.assertIn(expected, last)
        self.assertNotIn('Traceback', ended.stderr)

    def test_password(self) -> None:
        config = self.config_file(nova={'password': 'wrong'})
        self.assert_ends('Keystone refuses the user of [nova]', config)

    def test_rights(self) -> None:
        text = self.config_file().read_text()
        admin = scene.cloud.nova_auth_conf()
        alice = scene.cloud.nova_auth_conf(users.ALICE)
        self.assertIn(admin, text)
        config = self.directory / 'alice.conf'
        config.write_text(text.replace(admin, alice))
        self.assert_ends('lacks rights in Nova: os_compute_api:', config)

    def test_source(self) -> None:
        config = self.config_file(signals={'source': 'crystal_ball'})
        self.assert_ends("[signals] source = 'crystal_ball'", config)

    def test_number(self) -> None:
        config = self.config_file(migrator={'poll_interval': 'often'})
        self.assert_ends('poll_interval', config)

    def test_contradiction(self) -> None:
        config = self.config_file(detection={'polls_suffering': 7})
        self.assert_ends('[detection] polls_suffering = 7', config)

    def test_script(self) -> None:
        config = self.config_file(command={'path': '/nonexistent'})
        self.assert_ends("[command] path = '/nonexistent'", config)

    def test_lock(self) -> None:
        config = self.config_file(migrator={'lock_url': 'nothing://here'})
        self.assert_ends("[migrator] lock_url = 'nothing://here'", config)

    def test_file(self) -> None:
        self.assert_ends('nowhere.conf', self.directory / 'nowhere.conf')
