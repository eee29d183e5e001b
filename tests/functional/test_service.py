"""steal-migrator as a service: signals, a stand-by, and a wrong start."""

from tests.functional import loop  # isort: skip (before Nova's)

import pathlib
import signal
from typing import Any

from testtools import content

from steal_scheduler.demo import users
from steal_scheduler.demo.deadline import wait_for
from tests.functional import daemon
from tests.functional.loop import Script
from tests.functional.scene import Scene

ZONES = {'az1': ['a1', 'a2']}
ENDLESS = {'demo:seconds': 'never'}
QUICK = {'poll_interval': 0.2}

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
        migrator.wait_log('Acquired leadership.')
        migrator.send(signal.SIGTERM)
        self.assertEqual(0, migrator.wait())

    def test_command_runs(self) -> None:
        """It waits for the script, and does not leave it behind."""
        mover = self.boot_contended()
        self.script.let('drain', 'hangs')
        migrator = self.start(self.config)
        wait_for(lambda: self.script.asked(mover), 60.0, 'the drain')
        migrator.send(signal.SIGTERM)
        self.assertEqual(0, migrator.wait())
        self.assertEqual([], self.script.processes())
        self.assertEqual('drain', scene.stage(mover))
        self.script.release()
        self.start(self.config).wait_log('ended: helped')
        self.assert_back(mover)

    def test_migrating(self) -> None:
        """The migration goes on, and the next migrator with it."""
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.start(self.config)
        scene.wait_stage(mover, 'migrate')
        migrator.send(signal.SIGTERM)
        self.assertEqual(0, migrator.wait())
        self.assertEqual(['running'], scene.migrations(mover))
        scene.finish_migration(mover)
        self.start(self.config).wait_log('ended: helped')
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assert_back(mover)


class ReloadTestCase(ServiceTestCase):
    def _drained(
        self, sections: dict[str, Any]
    ) -> tuple[str, daemon.Daemon, pathlib.Path]:
        mover = self.boot_contended(role='web')
        self.script.let('drain', 'waits')
        config = self.config_file(**{'migrator': QUICK, **sections})
        migrator = self.start(config)
        wait_for(lambda: self.script.asked(mover), 60.0, 'the drain')
        return mover, migrator, config

    def _reload(
        self, migrator: daemon.Daemon, config: pathlib.Path, **words: str
    ) -> None:
        """With these words of the file in place of those."""
        text = config.read_text()
        for before, after in words.items():
            self.assertIn(before, text)
            text = text.replace(before, after)
        config.write_text(text)
        migrator.send(signal.SIGHUP)
        wait_for(
            lambda: migrator.log().count('Acquired leadership.') == 2,
            60.0,
            'the next worker',
        )
        self.script.release()


class TestReload(ReloadTestCase):
    def test_dry_run_ends(self) -> None:
        """SIGHUP: the options are read again, and the loop goes on."""
        mover = self.boot_contended()
        config = self.config_file(migrator={**QUICK, 'dry_run': True})
        migrator = self.start(config)
        migrator.wait_log('would move away from host a1')
        self.assertEqual([], scene.tags(mover))
        before = migrator.worker()
        text = config.read_text()
        config.write_text(text.replace('dry_run = True', 'dry_run = False'))
        migrator.send(signal.SIGHUP)
        migrator.wait_log('ended: helped')
        self.assertNotEqual(before, migrator.worker())
        self.assertEqual(['completed'], scene.migrations(mover))

    def test_within_a_move(self) -> None:
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.start(self.config_file(migrator=QUICK))
        scene.wait_stage(mover, 'migrate')
        migrator.send(signal.SIGHUP)
        wait_for(
            lambda: migrator.log().count('Acquired leadership.') == 2,
            60.0,
            'the next worker',
        )
        scene.finish_migration(mover)
        migrator.wait_log('ended: helped')
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assert_back(mover)

    def test_dry_run_begins(self) -> None:
        """Who is drained just then is put back, and stays where it is."""
        mover, migrator, config = self._drained({})
        self._reload(migrator, config, **{'dry_run = False': 'dry_run = True'})
        migrator.wait_log('ended: not_started: dry_run is on')
        self.assertEqual([], scene.migrations(mover))
        self.assert_back(mover)


class TestAssignments(ReloadTestCase):
    """SIGHUP with other assignments while a server is drained."""

    def _from_a_to(
        self, roles_of_b: str, orchestrators: str = 'a, b'
    ) -> tuple[str, daemon.Daemon, Script]:
        """It belongs to a; then to nobody, or to b."""
        other = Script(self.directory / 'other')
        self.addCleanup(other.release)
        a = {'driver': 'command', 'path': self.script.path, 'roles': 'web'}
        b = {'driver': 'command', 'path': other.path, 'roles': 'none'}
        mover, migrator, config = self._drained(
            {'migrator': {**QUICK, 'orchestrators': 'a, b'}, 'a': a, 'b': b}
        )
        self._reload(
            migrator,
            config,
            **{
                'roles = web': 'roles = nobody',
                'roles = none': f'roles = {roles_of_b}',
                'orchestrators = a, b': f'orchestrators = {orchestrators}',
            },
        )
        migrator.wait_log('ended: helped')
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assertEqual([], scene.tags(mover))
        return mover, migrator, other

    def test_to_another_one(self) -> None:
        mover, _, other = self._from_a_to('web')
        self.assertEqual('reattach', self.script.done(mover)[-1])
        self.assertEqual(['drain', 'reattach'], other.done(mover)[:2])

    def test_to_none(self) -> None:
        mover, migrator, _ = self._from_a_to('nobody')
        self.assertEqual('reattach', self.script.done(mover)[-1])
        self.assertIn('belongs to no orchestrator now', migrator.log())

    def test_its_section_is_taken_away(self) -> None:
        """Nobody can put it back then; at least that is said."""
        mover, migrator, _ = self._from_a_to('nobody', orchestrators='b')
        self.assertNotIn('reattach', self.script.asked(mover))
        self.assertIn(
            'was removed from [migrator] orchestrators', migrator.log()
        )


class TestStandby(ServiceTestCase):
    def test_the_alarm_is_not_lost(self) -> None:
        """Who takes over calls a person as well, and goes on asking."""
        mover = self.boot_contended()
        self.script.let('reattach', 'refuses')
        config = self.config_file(migrator=QUICK)
        alarm = 'cannot be reattached to its orchestrator'
        first = self.start(config, 'first')
        first.wait_log(alarm)
        second = self.start(config, 'second')
        second.wait_log('Standby: another migrator leads.')
        first.kill()
        second.wait_log(alarm)
        asked = len(self.script.asked(mover))
        wait_for(
            lambda: len(self.script.asked(mover)) > asked, 60.0, 'more tries'
        )
        self.script.release()
        second.wait_log('ended: helped')
        self.assertEqual(1, second.log().count(alarm))
        self.assert_back(mover)

    def test_takes_over(self) -> None:
        mover = self.boot_contended(metadata=ENDLESS)
        config = self.config_file(migrator=QUICK)
        first = self.start(config, 'first')
        scene.wait_stage(mover, 'migrate')
        second = self.start(config, 'second')
        second.wait_log('Standby: another migrator leads.')
        self.assertNotIn('Acquired leadership.', second.log())
        first.kill()
        scene.finish_migration(mover)
        second.wait_log('ended: helped')
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assert_back(mover)


class TestReport(ServiceTestCase):
    def test_moves_in_flight(self) -> None:
        """SIGUSR2 to the worker: the guru meditation report."""
        mover = self.boot_contended(metadata=ENDLESS)
        migrator = self.start(self.config_file(migrator=QUICK))
        scene.wait_stage(mover, 'migrate')
        migrator.wait_log('entered stage migrate')
        migrator.send_worker(signal.SIGUSR2)
        migrator.wait_log('Moves in flight')
        wait_for(lambda: self._row(migrator.log(), mover), 30.0, 'the move')
        row = self._row(migrator.log(), mover)
        self.assertEqual([mover, 'on-a1', 'migrate'], row[:3])
        self.assertEqual(['a1', 'a2', 'waits'], row[5:8])

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
        config = self.config_file(detection={'polls_contended': 7})
        self.assert_ends('[detection] polls_contended = 7', config)

    def test_script(self) -> None:
        config = self.config_file(command={'path': '/nonexistent'})
        self.assert_ends("[command] path = '/nonexistent'", config)

    def test_lock(self) -> None:
        config = self.config_file(migrator={'lock_url': 'nothing://here'})
        self.assert_ends("[migrator] lock_url = 'nothing://here'", config)

    def test_file(self) -> None:
        self.assert_ends('nowhere.conf', self.directory / 'nowhere.conf')
