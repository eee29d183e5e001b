import os

import fixtures
from oslotest import base

from steal_scheduler import startup
from steal_scheduler.conf import load
from steal_scheduler.exception import ConfigError


class TestLoad(base.BaseTestCase):
    def load(self, text: str, *argv: str):
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'x.conf')
        with open(path, 'w') as file:
            file.write(text)
        return load.load([f'--config-file={path}', *argv], 'steal-migrator')

    def test_a_file(self) -> None:
        conf = self.load('[migrator]\ndry_run = False\n')
        self.assertFalse(conf.migrator.dry_run)
        self.assertEqual(60.0, conf.migrator.poll_interval)
        # Or a Nova that hangs would hold a tick for ever.
        self.assertEqual(60, conf.nova.timeout)

    def test_each_has_its_own(self) -> None:
        one = self.load('[migrator]\norchestrators = command\n')
        self.assertEqual([], self.load('').migrator.orchestrators)
        self.assertEqual(['command'], one.migrator.orchestrators)

    def test_a_file_that_is_not_there(self) -> None:
        error = self.assertRaises(
            ConfigError,
            load.load,
            ['--config-file=/no/such'],
            'steal-migrator',
        )
        self.assertIn('/no/such', str(error))

    def test_a_file_that_makes_no_sense(self) -> None:
        self.assertRaises(ConfigError, self.load, 'dry_run False\n')

    def test_a_log_that_cannot_be_written(self) -> None:
        for option in ('log_file', 'log_config_append'):
            conf = self.load(f'[DEFAULT]\n{option} = /no/such\n')
            error = self.assertRaises(ConfigError, startup.set_up_log, conf)
            self.assertIn(f"{option} = '/no/such'", str(error))

    def test_a_file_that_is_no_text(self) -> None:
        directory = self.useFixture(fixtures.TempDir()).path
        path = os.path.join(directory, 'x.conf')
        with open(path, 'wb') as file:
            file.write(b'[roles]\nrole_metadata_key = r\xf4le\n')
        for name in (path, directory):
            error = self.assertRaises(
                ConfigError,
                load.load,
                [f'--config-file={name}'],
                'steal-migrator',
            )
            self.assertIn(name, str(error))
            self.assertIn('Give files of UTF-8 text', str(error))

    def test_a_wrong_value_that_the_command_line_knows_too(self) -> None:
        error = self.assertRaises(
            ConfigError, self.load, '[DEFAULT]\ndebug = maybe\n'
        )
        for part in (
            '[DEFAULT] debug: ',
            'maybe',
            'Correct it there: ',
            'x.conf',
        ):
            self.assertIn(part, str(error))
