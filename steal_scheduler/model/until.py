"""Until when: what operators write into metadata of host aggregates.

Of a pause, and of all else that holds until a time or until somebody ends it::

    2026-11-29T14:00Z bob: rack 7
    true
    forever alice: a new kernel

Our own aggregate ``steal-scheduler`` holds no host: there is kept what is not
about the hosts of an aggregate, so that every controller reads the same.
"""

import datetime
import math
import re

from steal_scheduler.model.aggregate import Aggregate

#: The name of the aggregate.
AGGREGATE = 'steal-scheduler'
#: What Nova takes of a key and of a value.
KEY_PATTERN = re.compile(r'[\w:. -]{1,255}', re.ASCII)
LONGEST_VALUE = 255

_FOREVER = re.compile(
    r'(?:true|yes|on|1|forever)(?:[\s,;:]+|$)', re.IGNORECASE
)
_TIME = re.compile(
    r'([12]\d{3}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)'
    r'\s?(Z|UTC|[+-]\d\d:?\d\d)?(?:[\s,;:]+|$)',
    re.IGNORECASE,
)
#: Only alone: "no migrations, please" is none of them.
_OFF = ('false', 'no', 'off', '0')


class Until:
    """What holds for a while, by the time at which it ends."""

    __slots__ = ()

    #: Epoch seconds; infinite where somebody has to end it, 0 where it is
    #: said to be off.
    until: float

    def in_force(self, now: float) -> bool:
        return now < self.until

    @property
    def has_end(self) -> bool:
        return 0 < self.until < math.inf

    def value(self, reason: str) -> str:
        """For Nova to keep; ``read_value`` reads it."""
        until = iso(self.until) if self.has_end else 'forever'
        return f'{until} {reason}'.strip()


def is_ours(aggregate: Aggregate) -> bool:
    """Whether what it says is about the whole cloud."""
    return aggregate.name.strip().casefold() == AGGREGATE


def read_value(value: str) -> tuple[float | None, str, str]:
    """Until when, who or what for, and what could not be read.

    For example 'true', '2026-11-29 14:00' (of a time without a zone it is
    UTC) and '2026-11-29T16:00+02:00 bob: rack 7' can be read. But not '2h',
    which has no beginning, nor '2026-11-29 14:00 PST', which would end 8
    hours early if the word were overlooked.

    :returns: epoch seconds as in ``Until``, None where it cannot be read; the
        rest of the value; and a sentence with a cure, '' where it can be read
    """
    value = value.strip()
    if value.lower() in _OFF:
        return 0.0, '', ''
    if forever := _FOREVER.match(value):
        return math.inf, value[forever.end() :], ''
    unclear = (
        f'its value {value!r} says no time: write for example '
        '2026-11-29T14:00Z, or true'
    )
    time = _TIME.match(value)
    if time is None:
        return None, '', unclear
    said, zone = time.groups()
    reason = value[time.end() :]
    if zone is None and reason:
        # It may be a zone.
        return None, '', f'{unclear}; after the time comes its Z'
    offset = zone if zone and zone[0] in '+-' else '+00:00'
    try:
        at = datetime.datetime.fromisoformat(said + offset)
    except ValueError:
        return None, '', unclear
    return at.timestamp(), reason, ''


def iso(epoch: float) -> str:
    """For a program: 2026-11-29T14:00:00Z."""
    at = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
    return at.strftime('%Y-%m-%dT%H:%M:%SZ')


def shown(epoch: float) -> str:
    """For a person: 2026-11-29 14:00 UTC."""
    at = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
    return at.strftime('%Y-%m-%d %H:%M UTC')
