import os
import pathlib

import fixtures
from oslo_config import cfg
from oslotest import base

from steal_scheduler.edge.unread import closed, files, of_libraries, unread

LISTED = [
    (
        'limits',
        [
            cfg.ListOpt('blackout'),
            cfg.IntOpt('slots', deprecated_name='moves'),
            cfg.IntOpt('pause', deprecated_group='migrator'),
        ],
    ),
    ('migrator', [cfg.BoolOpt('dry_run'), cfg.IntOpt('poll-interval')]),
    (None, [cfg.StrOpt('debug')]),
    # One section may be listed twice.
    ('limits', [cfg.IntOpt('timeout')]),
    ('nova', [cfg.IntOpt('timeout'), cfg.StrOpt('password')]),
]


class TestUnread(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path = self.directory / 'x.conf'

    def unread(self, text: str) -> list[str]:
        """What is said, without the path and what all have in common."""
        self.path.write_text(text)
        conf = cfg.ConfigOpts()
        conf([f'--config-file={self.path}'], default_config_dirs=[])
        cures = {'driver': 'Name it elsewhere.'}
        lines = unread(files(conf), LISTED, cures)
        return [
            line.replace(f' in {self.path}: there is no such', '')
            .replace(' option, so it is ignored.', '')
            .replace(' section, so all of it is ignored.', '')
            for line in lines
        ]

    def test_what_is_known(self) -> None:
        """Old names, and sections written otherwise, as well."""
        self.assertEqual(
            [],
            self.unread(
                '[DEFAULT]\ndebug = x\n[Limits]\nslots = 1\nmoves = 2\n'
                'blackout = x\ntimeout = 1\n'
                '[migrator]\npause = 3\npoll_interval = 4\n[nova]\n'
            ),
        )

    def test_a_mistake_in_a_name(self) -> None:
        for text, said in (
            (
                '[limits]\nblackot = x',
                '[limits] blackot Did you mean blackout?',
            ),
            ('[limits]\nSlots = 1', '[limits] Slots Did you mean slots?'),
            ('[limts]\nslots = 1', '[limts] Did you mean [limits]?'),
            ('[DEFAULT]\ndebugg = 1', '[DEFAULT] debugg Did you mean debug?'),
            ('[other]\nslots = 1', '[other] Remove it.'),
            ('[nova]\nnonsense = 1', '[nova] nonsense Remove it.'),
            # The name in a file has no hyphen.
            (
                '[migrator]\npoll-interval = 4',
                '[migrator] poll-interval Did you mean poll_interval?',
            ),
        ):
            self.assertEqual([said], self.unread(text))

    def test_the_option_of_another_section(self) -> None:
        for text, said in (
            (
                '[limits]\ndry_run = x',
                '[limits] dry_run Did you mean that of [migrator]?',
            ),
            # Where two have it, neither is more likely.
            ('[migrator]\ntimeout = 1', '[migrator] timeout Remove it.'),
        ):
            self.assertEqual([said], self.unread(text))

    def test_a_section_that_nobody_names(self) -> None:
        self.assertEqual(
            ['[limitz] Name it elsewhere.'],
            self.unread('[limitz]\ndriver = x\nslots = 1'),
        )

    def test_no_value_is_shown(self) -> None:
        """It may be a password."""
        (line,) = self.unread('[nova]\npasword = s3cret')
        self.assertNotIn('s3cret', line)

    def test_each_file_of_a_directory(self) -> None:
        self.path.write_text('[limits]\nblackot = x\n')
        (self.directory / 'y.conf').write_text('[limits]\nslot = 1\n')
        (self.directory / 'z.txt').write_text('[limits]\nno = 1\n')
        conf = cfg.ConfigOpts()
        conf([f'--config-dir={self.directory}'], default_config_files=[])
        self.assertEqual(
            [
                f'[limits] blackot in {self.path}: ',
                f'[limits] slot in {self.directory}/y.conf: ',
            ],
            [
                line.partition('there')[0]
                for line in unread(files(conf), LISTED, {})
            ],
        )
        # Somebody edits it just now.
        self.path.write_text('[limits\n')
        (self.directory / 'y.conf').unlink()
        self.assertEqual([], [*files(conf)])

    def test_libraries(self) -> None:
        found = {
            option.dest
            for group, options in of_libraries('oslo.log')
            for option in options
            if group is None
        }
        self.assertIn('use_journal', found)


class TestClosed(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.useFixture(fixtures.EnvironmentVariable('HOME', str(home)))
        self.directory = home / '.steal-scheduler'

    def test_there_is_none(self) -> None:
        self.assertEqual([], self.told(may=False))

    def test_one_that_lets_nobody_look(self) -> None:
        self.directory.mkdir()
        (line,) = self.told(may=False)
        self.assertIn(f'chmod o+x {self.directory}"', line)
        self.assertIn('steal-exporter.conf', line)
        self.assertEqual([], self.told(may=True))

    def told(self, may: bool) -> list[str]:
        """:param may: whether this user may look: root always may"""

        def access(path: str, mode: int) -> bool:
            return may and mode == os.X_OK

        with fixtures.MonkeyPatch('os.access', access):
            lines = closed('steal-exporter')
            return [line for line in lines if str(self.directory) in line]
