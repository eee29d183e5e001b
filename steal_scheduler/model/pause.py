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
import enum
import math
import re
from collections.abc import Iterable, Iterator

from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.until import (
    AGGREGATE,
    Until,
    is_ours,
    read_value,
    shown,
)

#: How the keys of its metadata begin.
KEY = 'steal:pause'

_KEY = re.compile(rf'{KEY}(?::(host|zone):\s*(\S.*))?', re.IGNORECASE)


class Scope(enum.StrEnum):
    """What a pause is about."""

    CLOUD = 'cloud'
    ZONE = 'zone'
    HOST = 'host'


@dataclasses.dataclass(frozen=True, slots=True)
class Pause(Until):
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

    def same(self, scope: Scope, name: str) -> bool:
        """Whether it is about this. Nova's database may ignore the case."""
        return self.scope is scope and self.name.casefold() == name.casefold()

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
    """What an operator wrote; more is paused rather than less."""
    found = _KEY.fullmatch(key.strip())
    scope, name = (found and found.groups()) or (None, '')
    until, reason, unclear = read_value(value)
    if until is None:
        until = math.inf
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


def written(pause: Pause) -> tuple[str, str]:
    """Its key and its value, for Nova to keep; ``read`` reads them."""
    parts = (KEY, pause.scope, pause.name)
    key = KEY if pause.scope is Scope.CLOUD else ':'.join(parts)
    return key, pause.value(pause.reason)
