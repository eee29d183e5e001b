from oslotest import base

from steal_scheduler.conf import limits
from steal_scheduler.exception import ConfigError


class TestWindows(base.BaseTestCase):
    def test_good(self) -> None:
        found = limits.windows(['09:00-10:30', ' 23:30-00:30 ', '00:00-23:59'])
        self.assertEqual(((32400, 37800), (84600, 1800), (0, 86340)), found)
        self.assertEqual((), limits.windows([]))

    def test_bad(self) -> None:
        for text in (
            '',
            '9:00-10:00',
            '09:00',
            '09:00-',
            '24:00-01:00',
            '09:60-10:00',
            '09:00-10:99',
            '09:00-10:00Z',
            'a 09:00-10:00',
        ):
            error = self.assertRaises(ConfigError, limits.windows, [text])
            for word in (
                f'[limits] blackout = {text!r}',
                '09:00-10:30, in UTC',
            ):
                self.assertIn(word, str(error))
