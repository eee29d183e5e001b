import re
from pathlib import Path

import fixtures
from oslotest import base

from steal_scheduler import startup
from steal_scheduler.exception import ConfigError
from steal_scheduler.exporter import options

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / 'etc/steal_scheduler/steal-exporter.conf.example'


def load(path: Path | str):
    """As the program does."""
    conf = startup.load(
        [f'--config-file={path}'], 'test', 'test', options.register
    )
    startup.check_values(conf)
    return conf


class TestOptions(base.BaseTestCase):
    def load(self, text: str):
        path = Path(self.useFixture(fixtures.TempDir()).path) / 'x.conf'
        path.write_text(f'[exporter]\n{text}\n')
        return load(path)

    def test_values(self) -> None:
        conf = self.load('cores = 2-3\nlisten_port = 0')
        self.assertEqual('127.0.0.1', conf.exporter.listen_host)
        self.assertEqual(0, conf.exporter.listen_port)
        self.assertEqual('2-3', conf.exporter.cores)

    def test_wrong(self) -> None:
        self.assertRaises(ConfigError, self.load, 'wait_limit 5')
        self.assertRaises(ConfigError, load, '/no/such')

    def test_a_file_that_is_no_text(self) -> None:
        directory = Path(self.useFixture(fixtures.TempDir()).path)
        path = directory / 'x.conf'
        path.write_bytes(b'[exporter]\nproc_path = /pr\xf4c\n')
        for name in (path, directory):
            error = self.assertRaises(ConfigError, load, name)
            self.assertIn(str(name), str(error))
            self.assertIn('Give files of UTF-8 text', str(error))

    def test_the_error_names_all_that_one_needs(self) -> None:
        for name, value, unit in (
            # A share, where percent are meant.
            ('wait_limit', '0.1', '1 to 100 percent'),
            ('wait_limit', 'nan', '1 to 100 percent'),
            ('wait_limit', '', '1 to 100 percent'),
            ('wait_limit', '101', '1 to 100 percent'),
            ('load_limit', '0', '1 to 100 percent'),
            ('load_limit', 'inf', '1 to 100 percent'),
            ('load_limit', 'NaN', '1 to 100 percent'),
            ('listen_port', 'x', '0 to 65535 as a TCP port'),
            ('listen_port', '65536', '0 to 65535 as a TCP port'),
            ('listen_host', 'a b', 'host address'),
        ):
            error = self.assertRaises(
                ConfigError, self.load, f'{name} = {value}'
            )
            for part in (f'[exporter] {name} = {value}: ', unit, 'x.conf'):
                self.assertIn(part, str(error))

    def test_wrong_in_default(self) -> None:
        for name, value in (
            # oslo.config refuses the two in two ways.
            ('debug', 'maybe'),
            ('use_stderr', 'maybe'),
        ):
            error = self.assertRaises(
                ConfigError, self.load, f'[DEFAULT]\n{name} = {value}'
            )
            self.assertIn(f'[DEFAULT] {name}', str(error))
            self.assertIn(value, str(error))

    def test_the_defaults_are_allowed(self) -> None:
        for option in options.OPTS:
            self.assertEqual(option.default, option.type(option.default))

    def test_help(self) -> None:
        for _, listed in options.list_opts():
            for option in listed:
                # What it is, and what it may be.
                self.assertRegex(option.help, r'(?s)^\n[A-Z].{60,}\.\n$')

    def test_the_example_says_the_defaults(self) -> None:
        conf = load(EXAMPLE)
        default = self.load('')
        given = re.findall(r'^(\w+) =', EXAMPLE.read_text(), re.MULTILINE)
        self.assertLessEqual({'listen_host', 'cores'}, set(given))
        for name in given:
            self.assertEqual(default.exporter[name], conf.exporter[name])

    def test_every_option_is_in_the_page(self) -> None:
        page = (ROOT / 'doc/source/install/exporter.rst').read_text()
        for _, listed in options.list_opts():
            for option in listed:
                self.assertIn(f'``{option.name}``', page)
