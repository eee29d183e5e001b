"""Windows: the times of the week at which moves may begin, and freezes.

Operators and tenants write them into metadata, parts separated by ``;``::

    Mon-Fri 02:00-05:00 Asia/Tokyo
    Sat,Sun 00:00-24:00; 22:00-06:00 Europe/Berlin
    not 2026-12-24T00:00/2026-12-27T00:00 Europe/Berlin

The clock on the wall decides: a window is open while a clock there shows a
time inside of it. So an hour that is skipped in spring never is, and one that
comes twice in autumn is twice.
"""

import dataclasses
import datetime
import functools
import re
import zoneinfo
from collections.abc import Iterator

DAYS = ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')
#: Seconds.
DAY = 86400
#: Days for which the next opening is looked for: a window of one day a week
#: may miss one week, where the clock skips it.
AHEAD = 15

_TIME = r'([01]?\d|2[0-3]):([0-5]\d)'
_WEEKLY = re.compile(
    rf'(?:([a-z][a-z, -]*?)\s+)?{_TIME}\s*-\s*(?:{_TIME}|(24):(00))'
    r'(?:\s+(\S+))?',
    re.IGNORECASE | re.ASCII,
)
_MOMENT = r'([12]\d{3}-\d\d-\d\d[T ]\d\d:\d\d)'
_FREEZE = re.compile(
    rf'not\s+{_MOMENT}\s*/\s*{_MOMENT}(?:\s+(\S+))?',
    re.IGNORECASE | re.ASCII,
)
_EXAMPLE = (
    'write it like "Mon-Fri 02:00-05:00 Asia/Tokyo", or "not '
    '2026-12-24T00:00/2026-12-27T00:00 Europe/Berlin"'
)


@dataclasses.dataclass(frozen=True, slots=True)
class Weekly:
    """Times of the week, by the clock on a wall."""

    #: On which it begins; 0 is Monday.
    days: frozenset[int]
    #: Minutes after midnight; from ``begin`` to before ``end``, which is of
    #: the next day where it is not later.
    begin: int
    end: int
    zone: datetime.tzinfo

    def is_open(self, now: float) -> bool:
        """Whether a clock there shows a time inside of it.

        For example Fri 22:00-02:00 is open on Saturday at 01:59.
        """
        local = datetime.datetime.fromtimestamp(now, self.zone)
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.begin < self.end:
            return day in self.days and self.begin <= minute < self.end
        before = (day - 1) % 7
        return (day in self.days and minute >= self.begin) or (
            before in self.days and minute < self.end
        )

    def openings(self, start: float) -> Iterator[float]:
        """Moments at which it may open, within a day and a bit around it.

        It begins, once or twice; or the clock is set, into the midst of it.
        """
        today = datetime.datetime.fromtimestamp(start, self.zone).date()
        at = datetime.time(*divmod(self.begin, 60))
        for days in range(3):
            day = today + datetime.timedelta(days)
            for fold in (0, 1):
                local = datetime.datetime.combine(day, at, self.zone)
                yield local.replace(fold=fold).timestamp()
        yield from _clock_set(start, start + DAY, self.zone)


@dataclasses.dataclass(frozen=True, slots=True)
class Freeze:
    """A time in which nothing begins, once; epoch seconds."""

    begin: float
    end: float


@dataclasses.dataclass(frozen=True, slots=True)
class Windows:
    """All that one value says."""

    #: Without any, it is always open but for the freezes.
    weekly: tuple[Weekly, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    def is_open(self, now: float) -> bool:
        if any(f.begin <= now < f.end for f in self.freezes):
            return False
        return not self.weekly or any(w.is_open(now) for w in self.weekly)

    def opens(self, now: float) -> float | None:
        """When it is open next, epoch seconds; now where it is open.

        :returns: None where it is not within ``AHEAD`` days, of now or of the
            end of a freeze
        """
        return now if self.is_open(now) else _opens(self, now)


@functools.lru_cache(maxsize=256)
def _opens(windows: Windows, now: float) -> float | None:
    """When it opens that is closed: the same for all hosts of an aggregate."""
    ends = sorted(f.end for f in windows.freezes if f.end > now)
    for start in (now, *ends):
        # Day by day, for most windows open soon.
        for days in range(AHEAD):
            day = start + days * DAY
            moments = {*ends}
            for weekly in windows.weekly:
                moments.update(weekly.openings(day))
            for moment in sorted(moments):
                if day <= moment <= day + DAY and windows.is_open(moment):
                    return moment
    return None


@functools.lru_cache(maxsize=1024)
def read(text: str) -> Windows:
    """What was written.

    :raises ValueError: it makes no sense: a sentence with the cure
    """
    parts = [part.strip() for part in text.split(';') if part.strip()]
    if not parts:
        raise ValueError(f'it says no time: {_EXAMPLE}')
    weekly: list[Weekly] = []
    freezes: list[Freeze] = []
    for part in parts:
        if found := _FREEZE.fullmatch(part):
            freezes.append(_freeze(part, *found.groups()))
        elif found := _WEEKLY.fullmatch(part):
            weekly.append(_weekly(part, found))
        else:
            raise ValueError(f'{part!r} is no window: {_EXAMPLE}')
    return Windows(tuple(weekly), tuple(freezes))


def _weekly(part: str, found: re.Match[str]) -> Weekly:
    days, hour, minute, *end, zone = found.groups()
    begin = int(hour) * 60 + int(minute)
    hour, minute = (each for each in end if each is not None)
    until = int(hour) * 60 + int(minute)
    if begin == until:
        raise ValueError(
            f'{part!r} ends when it begins: a whole day is 00:00-24:00'
        )
    return Weekly(_days(days, part), begin, until, _zone(zone, part))


def _days(text: str | None, part: str) -> frozenset[int]:
    """Of 'Mon-Wed, Sat' they are 0, 1, 2 and 5; without any it is each."""
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for each in text.lower().split(','):
        first, *last = (name.strip() for name in each.split('-'))
        if len(last) > 1 or not {first, *last} <= {*DAYS}:
            raise ValueError(
                f'{part!r} has no days that can be read: write them like Mon, '
                'Mon-Fri, or Sat,Sun'
            )
        begin = DAYS.index(first)
        span = (DAYS.index(last[0]) - begin) % 7 if last else 0
        found.update((begin + n) % 7 for n in range(span + 1))
    return frozenset(found)


def _freeze(part: str, begin: str, end: str, zone: str | None) -> Freeze:
    where = _zone(zone, part)
    try:
        moments = [
            datetime.datetime.fromisoformat(each).replace(tzinfo=where)
            for each in (begin, end)
        ]
    except ValueError:
        raise ValueError(
            f'{part!r} has a date or time that there is not: {_EXAMPLE}'
        ) from None
    freeze = Freeze(*(moment.timestamp() for moment in moments))
    if freeze.begin >= freeze.end:
        raise ValueError(f'{part!r} ends before it begins')
    return freeze


def _zone(name: str | None, part: str) -> datetime.tzinfo:
    """UTC where none is said."""
    if name is None or name.upper() in ('UTC', 'Z'):
        return datetime.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(
            f'{part!r} names a time zone that this machine does not know: '
            f'{name!r}. Write one like Asia/Tokyo, see "timedatectl '
            'list-timezones", or UTC'
        ) from None


def _clock_set(
    begin: float, end: float, zone: datetime.tzinfo
) -> Iterator[float]:
    """The second at which the clock there is set between these."""

    def offset(at: float) -> datetime.timedelta | None:
        return datetime.datetime.fromtimestamp(at, zone).utcoffset()

    before, after = int(begin), int(end)
    if offset(before) == offset(after):
        return
    while after - before > 1:
        middle = (before + after) // 2
        if offset(middle) == offset(begin):
            before = middle
        else:
            after = middle
    yield float(after)
