import datetime
import zoneinfo

from hypothesis import example, given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.model import window
from steal_scheduler.model.window import Freeze, Weekly, Windows
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)

#: One of each kind: none, north, south, by half an hour, at midnight.
ZONES = (
    'UTC',
    'Asia/Tokyo',
    'America/New_York',
    'Europe/Berlin',
    'Australia/Sydney',
    'Australia/Lord_Howe',
    'America/Santiago',
)
MINUTE = 60.0


def at(text: str, zone: str = 'UTC') -> float:
    """Epoch seconds of what a clock there shows, the first time."""
    local = datetime.datetime.fromisoformat(text)
    return local.replace(tzinfo=zoneinfo.ZoneInfo(zone)).timestamp()


def minutes_open(text: str, begin: float, hours: int) -> int:
    found = window.read(text)
    return sum(
        found.is_open(begin + n * MINUTE) for n in range(round(hours * 60))
    )


def shown(found: float | None, zone: str = 'UTC') -> str:
    if found is None:
        return 'never'
    there = datetime.datetime.fromtimestamp(found, zoneinfo.ZoneInfo(zone))
    return there.strftime('%a %Y-%m-%d %H:%M')


class TestRead(base.BaseTestCase):
    def test_the_example(self) -> None:
        found = window.read('Mon-Fri 02:00-05:00 Asia/Tokyo')
        for text, is_open in (
            ('2026-11-30T01:59', False),
            ('2026-11-30T02:00', True),
            ('2026-12-04T04:59', True),
            ('2026-12-04T05:00', False),
            ('2026-12-05T03:00', False),
        ):
            self.assertIs(is_open, found.is_open(at(text, 'Asia/Tokyo')), text)

    def test_several(self) -> None:
        found = window.read(
            'sat,SUN 00:00-24:00; 22:00 - 6:00 Europe/Berlin;'
            'not 2026-12-24 00:00 / 2026-12-27 00:00 Europe/Berlin;'
        )
        self.assertEqual((2, 1), (len(found.weekly), len(found.freezes)))
        self.assertTrue(found.is_open(at('2026-11-28T12:00')))
        self.assertFalse(found.is_open(at('2026-11-30T12:00')))
        self.assertTrue(found.is_open(at('2026-11-30T22:00')))
        # The freeze is stronger than the windows.
        self.assertFalse(found.is_open(at('2026-12-26T12:00')))
        self.assertTrue(found.is_open(at('2026-12-26T23:00')))

    def test_a_freeze_alone(self) -> None:
        found = window.read('not 2026-12-24T00:00/2026-12-27T00:00')
        for text, is_open in (
            ('2026-12-23T23:59', True),
            ('2026-12-24T00:00', False),
            ('2026-12-26T23:59', False),
            ('2026-12-27T00:00', True),
        ):
            self.assertIs(is_open, found.is_open(at(text)), text)

    def test_days(self) -> None:
        for text, days in (
            ('', {0, 1, 2, 3, 4, 5, 6}),
            ('Mon ', {0}),
            ('Fri-Mon ', {4, 5, 6, 0}),
            ('mon-wed, SAT ', {0, 1, 2, 5}),
            ('Sun-Sun ', {6}),
        ):
            (weekly,) = window.read(f'{text}02:00-05:00').weekly
            self.assertEqual(days, weekly.days, text)

    def test_what_makes_no_sense(self) -> None:
        for text, said in (
            ('', 'says no time'),
            (' ; ', 'says no time'),
            ('always', 'is no window'),
            ('Mon-Fri', 'is no window'),
            ('Mon-Fri 2-5', 'is no window'),
            ('Mon 02:00-25:00', 'is no window'),
            ('Mon 24:00-05:00', 'is no window'),
            ('Mon 02:60-05:00', 'is no window'),
            ('Mon 02:00-05:00 Asia / Tokyo', 'is no window'),
            ('\u0662:00-05:00', 'is no window'),
            ('Monday 02:00-05:00', 'has no days'),
            ('Mon-Tue-Wed 02:00-05:00', 'has no days'),
            ('Mon,,Tue 02:00-05:00', 'has no days'),
            ('Mon 05:00-05:00', 'a whole day is 00:00-24:00'),
            ('Mon 02:00-05:00 Asia/Tokio', "does not know: 'Asia/Tokio'"),
            ('Mon 02:00-05:00 ../../etc/passwd', 'does not know'),
            ('Mon 02:00-05:00 /etc/localtime', 'does not know'),
            ('Mon 02:00-05:00 Europe', 'does not know'),
            (f'Mon 02:00-05:00 {"x" * 999}', 'does not know'),
            ('not 2026-12-24T00:00', 'is no window'),
            ('not 2026-12-32T00:00/2027-01-01T00:00', 'that there is not'),
            ('not 2026-12-27T00:00/2026-12-24T00:00', 'before it begins'),
            ('not 2026-12-24T00:00/2026-12-24T00:00', 'before it begins'),
            ('02:00-05:00; tomorrow', "'tomorrow' is no window"),
        ):
            error = self.assertRaises(ValueError, window.read, text)
            self.assertIn(said, str(error), text)

    @given(st.text(max_size=255))
    @example('Mon 02:00-05:00 \0')
    @example('not 1000-01-01T00:00/2999-12-31T23:59 Europe/Berlin')
    @example('0:00-1:00 posixrules')
    def test_any_text(self, text: str) -> None:
        """A sentence, or a window that can be asked."""
        try:
            found = window.read(text)
        except ValueError as error:
            self.assertIn(' ', str(error))
        else:
            found.is_open(0.0)
            found.opens(1_800_000_000.0)


class TestClock(base.BaseTestCase):
    """What the clock on the wall shows decides, also when it is set."""

    def test_over_midnight(self) -> None:
        found = window.read('Fri 22:00-02:00 America/New_York')
        for text, is_open in (
            ('2026-12-04T21:59', False),
            ('2026-12-04T22:00', True),
            ('2026-12-05T00:00', True),
            ('2026-12-05T01:59', True),
            ('2026-12-05T02:00', False),
            # That would be the window of Thursday.
            ('2026-12-04T01:00', False),
            ('2026-12-05T23:00', False),
        ):
            self.assertIs(
                is_open, found.is_open(at(text, 'America/New_York')), text
            )

    def test_until_midnight(self) -> None:
        for text in ('Fri 22:00-24:00', 'Fri 22:00-00:00'):
            begin = at('2026-12-04T00:00')
            self.assertEqual(120, minutes_open(text, begin, 48), text)

    def test_a_whole_day(self) -> None:
        """It has 24 hours, or 23, or 25."""
        text = 'Sun 00:00-24:00 America/New_York'
        for day, hours in (
            ('2026-03-01', 24),
            ('2026-03-08', 23),
            ('2026-11-01', 25),
        ):
            begin = at(f'{day}T00:00', 'America/New_York') - 7200
            found = minutes_open(text, begin, 30)
            self.assertEqual(hours * 60, found, day)

    def test_an_hour_that_is_skipped(self) -> None:
        """02:00 is 03:00 there."""
        begin = at('2026-03-08T00:00', 'America/New_York')
        for text, minutes in (
            ('02:00-03:00', 0),
            ('01:30-02:30', 30),
            ('02:30-04:00', 60),
            ('01:00-05:00', 180),
        ):
            found = minutes_open(f'Sun {text} America/New_York', begin, 22)
            self.assertEqual(minutes, found, text)

    def test_an_hour_that_comes_twice(self) -> None:
        """02:00 is 01:00 there, once."""
        begin = at('2026-11-01T00:00', 'America/New_York')
        for text, minutes in (
            ('01:00-02:00', 120),
            ('00:30-01:30', 90),
            ('01:30-02:30', 90),
            ('02:00-03:00', 60),
            ('00:00-03:00', 240),
        ):
            found = minutes_open(f'Sun {text} America/New_York', begin, 24)
            self.assertEqual(minutes, found, text)


class TestOpens(base.BaseTestCase):
    def test_it_tells_when(self) -> None:
        tokyo, york = 'Asia/Tokyo', 'America/New_York'
        for text, now, zone, opens in (
            # On Friday evening it is Monday.
            (
                f'Mon-Fri 02:00-05:00 {tokyo}',
                '2026-12-04T18:00',
                tokyo,
                'Mon 2026-12-07 02:00',
            ),
            # A minute too late: next week.
            (
                'Mon 02:00-05:00',
                '2026-11-30T05:00',
                'UTC',
                'Mon 2026-12-07 02:00',
            ),
            # Where the clock skips it all, a week later.
            (
                f'Sun 02:00-03:00 {york}',
                '2026-03-08T00:00',
                york,
                'Sun 2026-03-15 02:00',
            ),
            # In the midst of it, where its beginning is skipped.
            (
                f'Sun 02:30-04:00 {york}',
                '2026-03-08T00:00',
                york,
                'Sun 2026-03-08 03:00',
            ),
            # After the freeze.
            (
                '02:00-05:00; not 2026-12-24T00:00/2026-12-27T03:00',
                '2026-12-24T02:30',
                'UTC',
                'Sun 2026-12-27 03:00',
            ),
            # Years after.
            (
                'Mon 02:00-05:00; not 2026-12-24T00:00/2036-12-27T00:00',
                '2026-12-24T02:30',
                'UTC',
                'Mon 2036-12-29 02:00',
            ),
        ):
            found = window.read(text).opens(at(now, zone))
            self.assertEqual(opens, shown(found, zone), text)

    def test_it_is_open(self) -> None:
        now = at('2026-11-30T02:30')
        self.assertEqual(now, window.read('02:00-05:00').opens(now))

    def test_it_never_opens(self) -> None:
        """A week without a day."""
        weekly = Weekly(frozenset(), 0, 60, datetime.UTC)
        found = Windows((weekly,), (Freeze(0.0, 100.0),))
        self.assertIsNone(found.opens(50.0))

    @given(
        zone=st.sampled_from(ZONES),
        days=st.frozensets(st.integers(0, 6), min_size=1),
        begin=st.integers(0, 1439),
        length=st.integers(1, 1439),
        # Within days of each change of 2026 and 2027 there is a good chance.
        now=st.sampled_from(
            (
                '2026-03-08T00:00',
                '2026-03-29T00:00',
                '2026-04-04T12:00',
                '2026-09-05T20:00',
                '2026-10-03T12:00',
                '2026-10-25T00:00',
                '2026-11-01T00:00',
                '2026-12-31T12:00',
            )
        ).map(at),
        hours=st.integers(-30, 30),
    )
    def test_it_opens_then_and_not_before(
        self,
        *,
        zone: str,
        days: frozenset[int],
        begin: int,
        length: int,
        now: float,
        hours: int,
    ) -> None:
        """As whoever looks at a clock there, once a minute, would find."""
        now += hours * 3600
        where = zoneinfo.ZoneInfo(zone)
        end = begin + length
        weekly = Weekly(days, begin, end if end <= 1440 else end - 1440, where)

        def seen(at: float) -> bool:
            clock = datetime.datetime.fromtimestamp(at, where)
            minute = clock.hour * 60 + clock.minute
            of_today = clock.weekday() in days and begin <= minute < end
            yesterday = (clock - datetime.timedelta(1)).weekday() in days
            return of_today or (yesterday and begin <= minute + 1440 < end)

        found = Windows((weekly,)).opens(now)
        self.assertIsNotNone(found)
        minutes = range(15 * 1440)
        expected = next(
            moment for n in minutes if seen(moment := now + n * MINUTE)
        )
        self.assertEqual(shown(expected, zone), shown(found, zone))
        self.assertEqual(expected, found)
