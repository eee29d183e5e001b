"""Pauses: where, and until when, nothing begins to move.

Operators write them into the metadata of the host aggregate
``steal-scheduler``, which holds no host: with ``steal-manage pause``, or by
hand. So every controller reads the same::

    steal:pause             2026-11-29T14:00Z
    steal:pause:zone:az1    true
    steal:pause:host:a1     forever alice: a new kernel

Of any other aggregate it is about the hosts that it holds. Whoever writes such
a key wants peace. So what cannot be read pauses, too, until somebody ends it,
and what it is about is the whole cloud where its key cannot be read.
"""

import dataclasses
import datetime
import enum
import math
import re
from collections.abc import Iterable, Iterator

from steal_scheduler.model.aggregate import Aggregate

#: The name of the aggregate, and how the keys of its metadata begin.
AGGREGATE = 'steal-scheduler'
KEY = 'steal:pause'
#: What Nova takes of a key and of a value.
KEY_PATTERN = re.compile(r'[\w:. -]{1,255}', re.ASCII)
LONGEST_VALUE = 255

_KEY = re.compile(rf'{KEY}(?::(host|zone):\s*(\S.*))?', re.IGNORECASE)
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


class Scope(enum.StrEnum):
    """What a pause is about."""

    CLOUD = 'cloud'
    ZONE = 'zone'
    HOST = 'host'


@dataclasses.dataclass(frozen=True, slots=True)
class Pause:
    scope: Scope
    #: Of the zone or the host; '' for the cloud.
    name: str
    #: Epoch seconds; infinite where somebody has to end it, 0 where it is
    #: said to be off.
    until: float
    #: What else its operator wrote: who, or what for.
    reason: str = ''
    #: What of it could not be read, and what to write; '' where all could.
    unclear: str = ''
    #: Where it stands.
    aggregate: str = AGGREGATE
    key: str = KEY

    def in_force(self, now: float) -> bool:
        return now < self.until

    def same(self, scope: Scope, name: str) -> bool:
        """Whether it is about this. Nova's database may ignore the case."""
        return self.scope is scope and self.name.casefold() == name.casefold()

    @property
    def has_end(self) -> bool:
        return 0 < self.until < math.inf

    @property
    def where(self) -> str:
        return f'{self.scope} {self.name}' if self.name else 'the cloud'

    @property
    def end(self) -> str:
        return shown(self.until) if self.has_end else 'somebody resumes'

    def told(self, now: float) -> str:
        """What there is to know of it, for a person."""
        when = f'paused until {self.end}'
        if not self.in_force(now):
            when = f'over since {self.end}' if self.until else 'off'
        more = ''.join(f' ({m})' for m in (self.reason, self.unclear) if m)
        return f'{when} by {self.key} of aggregate {self.aggregate}{more}'


def read_all(aggregates: Iterable[Aggregate]) -> tuple[Pause, ...]:
    """Every pause that metadata tell of, those that are over as well."""
    return tuple(
        pause
        for aggregate in aggregates
        for key, value in sorted(aggregate.metadata.items())
        if key.strip().casefold().startswith(KEY)
        for pause in _about(read(key, value), aggregate)
    )


def is_ours(aggregate: Aggregate) -> bool:
    """Whether what it says is about the whole cloud."""
    return aggregate.name.strip().casefold() == AGGREGATE


def _about(pause: Pause, aggregate: Aggregate) -> Iterator[Pause]:
    """The same, with what it is about.

    For example ``steal:pause`` of az1, which holds a1 and a2, is two: about
    a1, and about a2.
    """
    pause = dataclasses.replace(pause, aggregate=aggregate.name)
    if is_ours(aggregate):
        yield pause
        return
    for host in aggregate.hosts:
        yield dataclasses.replace(pause, scope=Scope.HOST, name=host)


def read(key: str, value: str) -> Pause:
    """What an operator wrote; more is paused rather than less.

    For example 'true', '2026-11-29 14:00' (of a time without a zone it is
    UTC) and '2026-11-29T16:00+02:00 bob: rack 7' can be read. But not '2h',
    which has no beginning, nor '2026-11-29 14:00 PST', which would end 8
    hours early if the word were overlooked.
    """
    found = _KEY.fullmatch(key.strip())
    scope, name = (found and found.groups()) or (None, '')
    until, reason, unclear = _read_value(value.strip())
    if found is None:
        unclear = (
            'this key is none of ours: write steal:pause, '
            'steal:pause:zone:NAME or steal:pause:host:NAME'
        )
        until = math.inf
    return Pause(
        Scope(scope.lower()) if scope else Scope.CLOUD,
        name or '',
        until,
        reason,
        unclear,
        key=key,
    )


def _read_value(value: str) -> tuple[float, str, str]:
    """Until when, who or what for, and what could not be read."""
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
        return math.inf, '', unclear
    said, zone = time.groups()
    reason = value[time.end() :]
    if zone is None and reason:
        # It may be a zone.
        return math.inf, '', f'{unclear}; after the time comes its Z'
    offset = zone if zone and zone[0] in '+-' else '+00:00'
    try:
        at = datetime.datetime.fromisoformat(said + offset)
    except ValueError:
        return math.inf, '', unclear
    return at.timestamp(), reason, ''


def written(pause: Pause) -> tuple[str, str]:
    """Its key and its value, for Nova to keep; ``read`` reads them."""
    parts = (KEY, pause.scope, pause.name)
    key = KEY if pause.scope is Scope.CLOUD else ':'.join(parts)
    until = iso(pause.until) if pause.has_end else 'forever'
    return key, f'{until} {pause.reason}'.strip()


def iso(epoch: float) -> str:
    """For a program: 2026-11-29T14:00:00Z."""
    at = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
    return at.strftime('%Y-%m-%dT%H:%M:%SZ')


def shown(epoch: float) -> str:
    """For a person: 2026-11-29 14:00 UTC."""
    at = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
    return at.strftime('%Y-%m-%d %H:%M UTC')
