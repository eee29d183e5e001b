import os

from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.exporter import cores


class TestCount(base.BaseTestCase):
    def test_good(self) -> None:
        for text, count in (
            ('2-31', 30),
            ('0', 1),
            ('0-3, 2-5,8', 7),
            ('0-7,^4', 7),
            ('^1-2,0-3', 2),
            ('', os.cpu_count()),
            (' ', os.cpu_count()),
        ):
            self.assertEqual(count, cores.count(text), text)

    def test_bad(self) -> None:
        for text in ('x', '1-', '-1', '3-2', '1,,2', '0xff', '0-99999', '^1'):
            error = self.assertRaises(ConfigError, cores.count, text)
            self.assertIn(f'cores = {text!r}', str(error))
        self.assertRaises(ConfigError, cores.count, '1,^1')
