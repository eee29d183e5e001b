from steal_scheduler.conf import limits
from steal_scheduler.decision.rules import MaxUnavailable
from tests.unit.options import FileTestCase


class TestBlackout(FileTestCase):
    def test_good(self) -> None:
        found = self.load(
            limits.OPTS, 'blackout = 09:00-10:30, 23:30-00:30 ,00:00-23:59'
        )
        self.assertEqual(
            [(32400, 37800), (84600, 1800), (0, 86340)], found.blackout
        )
        for lines in ((), ('blackout =',)):
            self.assertEqual([], self.load(limits.OPTS, *lines).blackout)

    def test_bad(self) -> None:
        for text in (
            '9:00-10:00',
            '09:00',
            '09:00-',
            '24:00-01:00',
            '09:60-10:00',
            '09:00-10:99',
            '09:00-10:00Z',
            'a 09:00-10:00',
            '09:00-09:00',
        ):
            self.refuse(
                limits.OPTS,
                f'blackout = {text}',
                f'{text!r} is no window',
                '09:00-10:30, in UTC',
            )


class TestMaxUnavailable(FileTestCase):
    def test_good(self) -> None:
        for text, *expected in (
            ('2', 2, None),
            ('0', 0, None),
            ('30%', None, 30.0),
            (' 12.5% ', None, 12.5),
            ('', None, None),
        ):
            found = self.load(limits.OPTS, f'max_unavailable = {text}')
            self.assertEqual(MaxUnavailable(*expected), found.max_unavailable)
        self.assertEqual(
            MaxUnavailable(None, 25.0), self.load(limits.OPTS).max_unavailable
        )

    def test_bad(self) -> None:
        for text in ('half', '-1', '101%', '1.5'):
            self.refuse(
                limits.OPTS, f'max_unavailable = {text}', 'like 1 or 25%'
            )
