import os
import pathlib
import subprocess
import sys

import fixtures
from oslotest import base

from steal_scheduler.cmd import migrator
from tests.unit.deployment import Deployment


class TestReload(base.BaseTestCase):
    """What SIGHUP does in the parent, before it replaces the worker."""

    def setUp(self) -> None:
        super().setUp()
        self.deployment = self.useFixture(Deployment())
        self.path = pathlib.Path(self.deployment.path)
        argv = ['steal-migrator', f'--config-file={self.path}']
        self.useFixture(fixtures.MonkeyPatch('sys.argv', argv))
        self.conf = migrator._load()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))

    def test_what_is_right_counts(self) -> None:
        with self.path.open('a') as file:
            file.write('[limits]\nslots = 7\n')
        self.assertTrue(self.conf.reload_config_files())
        self.assertEqual(7, self.conf.limits.slots)
        self.assertEqual('', self.log.output)

    def test_what_is_wrong_does_not(self) -> None:
        """Nothing of it: servers may be drained, and wait to be put back."""
        before = self.path.read_text()
        for more, said in (
            ('[limits]\nslots = many', '[limits] slots = many: '),
            ('[DEFAULT]\ndebug = perhaps', '[DEFAULT] debug: Invalid'),
            (
                '[DEFAULT]\ngraceful_shutdown_timeout = soon',
                'graceful_shutdown_timeout',
            ),
            ('[migrator]\nlease = 20', '[migrator] lease = 20 is too short'),
            ('[limits', 'Invalid section'),
            ('[DEFAULT]\nx = \udcff', 'files of UTF-8 text'),
        ):
            self.path.write_text(
                f'{before}\n[limits]\nslots = 7\n{more}\n',
                errors='surrogateescape',
            )
            self.assertFalse(self.conf.reload_config_files(), more)
            self.assertEqual(2, self.conf.limits.slots)
            last = self.log.output.splitlines()[-1]
            self.assertIn('The configuration was not read again', last)
            self.assertIn(said, last)
            self.assertNotIn('Traceback', self.log.output)
        self.path.unlink()
        self.assertFalse(self.conf.reload_config_files())


class TestMain(base.BaseTestCase):
    def start(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, '-m', 'steal_scheduler.cmd.migrator', *arguments],
            capture_output=True,
            text=True,
            timeout=100,
        )

    def test_a_wrong_option_ends_it(self) -> None:
        """With a status of its own, and what may be why before the error."""
        wrong = '[limits]\nslots = many\n[limts]\nslots = 1'
        path = self.useFixture(Deployment(wrong)).path
        ended = self.start(f'--config-file={path}')
        self.assertEqual(os.EX_CONFIG, ended.returncode, ended.stderr)
        [said] = ended.stderr.splitlines()
        self.assertTrue(
            said.startswith('steal-migrator: [limits] slots = many: '), said
        )
        warning, critical = ended.stdout.splitlines()
        self.assertIn(' WARNING ', warning)
        self.assertTrue(warning.endswith('Did you mean [limits]?'), warning)
        self.assertIn(' CRITICAL ', critical)
        self.assertEqual(1, critical.count('slots = many'))

    def test_no_file(self) -> None:
        ended = self.start('--config-file=/no/such')
        self.assertEqual(os.EX_CONFIG, ended.returncode, ended.stderr)
        [line] = ended.stderr.splitlines()
        self.assertIn('/no/such', line)
