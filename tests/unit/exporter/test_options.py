import re
from pathlib import Path

import fixtures
from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.exporter import options

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / 'etc/steal_scheduler/steal-exporter.conf.example'


class TestOptions(base.BaseTestCase):
    def load(self, text: str):
        path = Path(self.useFixture(fixtures.TempDir()).path) / 'x.conf'
        path.write_text(f'[exporter]\n{text}\n')
        return options.load([f'--config-file={path}'])

    def test_values(self) -> None:
        conf = self.load('cores = 2-3\nlisten_port = 0')
        self.assertEqual('127.0.0.1', conf.exporter.listen_host)
        self.assertEqual(0, conf.exporter.listen_port)
        self.assertEqual('2-3', conf.exporter.cores)

    def test_wrong(self) -> None:
        for text in ('wait_limit = 0', 'listen_port = x', 'wait_limit 5'):
            self.assertRaises(ConfigError, self.load, text)
        self.assertRaises(
            ConfigError, options.load, ['--config-file=/no/such']
        )

    def test_help(self) -> None:
        for _, listed in options.list_opts():
            for option in listed:
                self.assertIn('\nPossible values:\n', option.help)

    def test_the_example_says_the_defaults(self) -> None:
        conf = options.load([f'--config-file={EXAMPLE}'])
        default = self.load('')
        given = re.findall(r'^(\w+) =', EXAMPLE.read_text(), re.MULTILINE)
        self.assertLessEqual({'listen_host', 'cores'}, set(given))
        for name in given:
            self.assertEqual(default.exporter[name], conf.exporter[name])

    def test_every_metric_and_option_is_in_the_page(self) -> None:
        page = (ROOT / 'doc/source/install/exporter.rst').read_text()
        source = (ROOT / 'steal_scheduler/exporter/collector.py').read_text()
        for _, listed in options.list_opts():
            for option in listed:
                self.assertIn(f'``{option.name}``', page)
        for name in re.findall(r"'(steal_(?:host|exporter)_\w+)'", source):
            self.assertIn(f'``{name}', page)
