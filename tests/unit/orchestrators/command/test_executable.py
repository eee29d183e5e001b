import os
import pathlib

import fixtures
from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.orchestrators.command.executable import check_executable

#: Somebody else, whoever runs the test.
STRANGER = 12345


class TestExecutable(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.directory = self.root / 'bin'
        self.directory.mkdir(mode=0o755)
        self.path = self.directory / 'drain'
        self.path.write_text('#!/bin/sh\n')
        self.path.chmod(0o755)

    def check(self, path: pathlib.Path | None = None) -> None:
        check_executable('lb', str(path or self.path))

    def assert_wrong(self, *words: str, path=None) -> None:
        error = self.assertRaises(ConfigError, self.check, path)
        for word in (f'[lb] path = {str(path or self.path)!r}', *words):
            self.assertIn(word, str(error))

    def test_right(self) -> None:
        self.check()
        self.path.chmod(0o500)
        self.directory.chmod(0o711)
        self.check()

    def test_no_file(self) -> None:
        for path in ('drain', '', self.directory, self.root / 'none'):
            error = self.assertRaises(
                ConfigError, check_executable, 'lb', str(path)
            )
            self.assertIn(f'[lb] path = {str(path)!r}', str(error))
        self.assertRaises(ConfigError, check_executable, 'lb', None)
        self.assertRaises(ConfigError, check_executable, 'lb', '/bin/\0')

    def test_not_executable(self) -> None:
        self.path.chmod(0o644)
        self.assert_wrong('chmod +x')

    def test_anybody_may_write_it(self) -> None:
        self.path.chmod(0o757)
        self.assert_wrong(f'{self.path} may be written', 'chmod go-w')

    def test_its_group_may_write_it(self) -> None:
        self.path.chmod(0o775)
        if os.geteuid() == 0:
            # As the group root may: its members are root, or nearly.
            self.check()
            os.chown(self.path, -1, STRANGER)
        self.assert_wrong(f'{self.path} may be written', 'chmod go-w')

    def test_anybody_may_replace_it(self) -> None:
        self.directory.chmod(0o777)
        self.assert_wrong(f'{self.directory} may be written', 'chmod go-w')
        # As in /tmp: only the owner of a file may.
        self.directory.chmod(0o1777)
        self.check()
        self.directory.chmod(0o755)
        self.root.chmod(0o777)
        self.assert_wrong(f'{self.root} may be written')

    def test_it_is_somebody_elses(self) -> None:
        if os.geteuid() != 0:
            self.skipTest('only root can give a file away')
        for path in (self.path, self.directory):
            os.chown(path, STRANGER, -1)
            self.assert_wrong(f'{path} belongs to user {STRANGER}', 'chown')
            os.chown(path, 0, -1)

    def test_a_link(self) -> None:
        """It, and what it leads to."""
        elsewhere = self.root / 'elsewhere'
        elsewhere.mkdir(mode=0o755)
        link = elsewhere / 'drain'
        link.symlink_to(self.path)
        self.check(link)
        elsewhere.chmod(0o777)
        self.assert_wrong(f'{elsewhere} may be written', path=link)
        elsewhere.chmod(0o755)
        self.directory.chmod(0o777)
        self.assert_wrong(f'{self.directory} may be written', path=link)
