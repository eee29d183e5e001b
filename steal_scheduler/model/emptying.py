"""Emptied hosts: those that all servers are to leave, for maintenance.

Operators write them into the metadata of the host aggregate
``steal-scheduler``, which holds no host, so that whoever leads reads the
same::

    steal:drain:host:a1    2026-11-29T14:00Z bob: new memory
    steal:drain:host:a2    true

It makes servers move. So what cannot be read empties nothing, unlike a pause,
and is named until somebody writes it anew. The same holds of such a key in
another aggregate, which somebody may have meant for all of its hosts.
"""

import dataclasses
import math
import re
from collections.abc import Iterable

from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.until import (
    AGGREGATE,
    Until,
    is_ours,
    read_value,
    shown,
)

#: How the keys of its metadata begin.
KEY = 'steal:drain'

#: What may be one, and of a pause says: for ever.
_A_TIME = re.compile(r'(?:on|1)[\s,;:]+\S', re.IGNORECASE)
_KEY = re.compile(rf'{KEY}:host:\s*(\S.*)', re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class Emptying(Until):
    """An operator's order to empty a host."""

    #: '' where its key does not tell.
    host: str
    #: Epoch seconds; infinite where somebody has to end it, 0 where it is
    #: said to be off, or cannot be read.
    until: float
    #: What else its operator wrote: who, or what for.
    reason: str = ''
    #: What of it could not be read, and what to write; '' where all could.
    unclear: str = ''
    #: Where it stands.
    aggregate: str = AGGREGATE
    key: str = KEY

    def about(self, host: str) -> bool:
        """Whether it is this one. Nova's database may ignore the case."""
        return bool(self.host) and self.host.casefold() == host.casefold()

    @property
    def end(self) -> str:
        return shown(self.until) if self.has_end else 'somebody ends it'

    def told(self, now: float) -> str:
        """What there is to know of it, for a person."""
        when = f'emptied until {self.end}'
        if self.unclear:
            when = 'not emptied'
        elif not self.in_force(now):
            when = f'over since {self.end}' if self.until else 'off'
        more = ''.join(f' ({m})' for m in (self.reason, self.unclear) if m)
        return f'{when} by {self.key} of aggregate {self.aggregate}{more}'


def read_all(aggregates: Iterable[Aggregate]) -> tuple[Emptying, ...]:
    """Every order that metadata tell of, also what is over or unclear."""
    return tuple(
        dataclasses.replace(
            _here(read(key, value), aggregate), aggregate=aggregate.name
        )
        for aggregate in aggregates
        for key, value in sorted(aggregate.metadata.items())
        if key.strip().casefold().startswith(KEY)
    )


def _here(found: Emptying, aggregate: Aggregate) -> Emptying:
    if is_ours(aggregate):
        return found
    unclear = f'it counts in aggregate {AGGREGATE} alone: write it there'
    return dataclasses.replace(found, until=0.0, unclear=unclear)


def read(key: str, value: str) -> Emptying:
    """What an operator wrote; nothing is emptied rather than the wrong one."""
    found = _KEY.fullmatch(key.strip())
    until, reason, unclear = read_value(value)
    if until == math.inf and _A_TIME.match(value.strip()):
        until = None
        unclear = (
            f'its value {value!r} may mean a time: write for example '
            '2026-11-29T14:00Z, or true'
        )
    if found is None:
        until = None
        unclear = 'this key is none of ours: write steal:drain:host:NAME'
    return Emptying(
        found[1] if found else '', until or 0.0, reason, unclear, key=key
    )


def written(wanted: Emptying) -> tuple[str, str]:
    """Its key and its value, for Nova to keep; ``read`` reads them."""
    return f'{KEY}:host:{wanted.host}', wanted.value(wanted.reason)
