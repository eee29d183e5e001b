"""Policies: what operators say of hosts, in metadata of host aggregates.

For example of the aggregate az1, which holds a1 and a2::

    steal:dry_run           true
    steal:steal_threshold   10
    steal:window            Mon-Fri 02:00-05:00 Asia/Tokyo

Each is about the hosts that the aggregate holds, and counts instead of the
option of that name. Of a host in several aggregates the stricter value counts:
the one by which less begins. What makes no sense is ignored alone, and named.
"""

import collections
import dataclasses
import enum
import math
import re
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

from steal_scheduler.model import window
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.until import is_ours


class Key(enum.StrEnum):
    """What can be said of hosts."""

    DRY_RUN = 'steal:dry_run'
    STEAL_THRESHOLD = 'steal:steal_threshold'
    LOAD_THRESHOLD = 'steal:load_threshold'
    SLOTS = 'steal:slots'
    PRIORITY = 'steal:priority'
    WINDOW = 'steal:window'
    APPROVAL = 'steal:approval'
    NOTICE = 'steal:notice'


#: How keys begin, and those of ours that are no policies; what follows them is
#: theirs.
PREFIX = 'steal:'
OTHERS = ('steal:pause', 'steal:migrate', 'steal:skip', 'steal:drain')
#: The priority of hosts that nothing leaves.
NEVER = -math.inf
#: Among roles: any, and none.
ANY_ROLE = '*'
#: Seconds before a move at which its owner is told, at most.
LONGEST_NOTICE = 86400


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One value, and where it stands."""

    key: Key
    #: As its reader made it; see ``READERS``.
    value: Any
    #: As it was written.
    text: str
    aggregate: str

    @property
    def where(self) -> str:
        """For a person: who says so."""
        return f'{self.key} = {self.text} of aggregate {self.aggregate}'


@dataclasses.dataclass(frozen=True, slots=True)
class Ignored:
    """One that makes no sense, and what to write instead."""

    aggregate: str
    key: str
    detail: str


@dataclasses.dataclass(frozen=True, slots=True)
class Policies:
    """All of them; those of a key are in order, the strictest first."""

    hosts: Mapping[str, Mapping[Key, tuple[Setting, ...]]] = dataclasses.field(
        default_factory=dict
    )
    ignored: tuple[Ignored, ...] = ()

    def all(self, host: str | None, key: Key) -> tuple[Setting, ...]:
        """What is said of a host; of some keys all of it counts."""
        said = self.hosts.get(host or '')
        return said.get(key, ()) if said else ()

    def first(self, host: str | None, key: Key) -> Setting | None:
        """The strictest; None where nothing is said."""
        return next(iter(self.all(host, key)), None)


NO_POLICIES = Policies()


def _bool(text: str) -> bool:
    words = {'true': True, 'yes': True, 'on': True, '1': True}
    words |= {'false': False, 'no': False, 'off': False, '0': False}
    try:
        return words[text.lower()]
    except KeyError:
        raise ValueError('write true or false') from None


def _number(least: float, most: float, unit: str) -> Callable[[str], float]:
    """What reads a number; of the unit and bounds that its option has."""

    def read(text: str) -> float:
        # Neither nan nor 1e1, and no digits of other scripts.
        if re.fullmatch(r'\d{1,9}(\.\d{1,9})?', text, re.ASCII):
            number = float(text)
            if least <= number <= most:
                return number
        raise ValueError(f'write a number from {least:g} to {most:g} ({unit})')

    return read


def _count(text: str) -> int:
    if re.fullmatch(r'\d{1,4}', text, re.ASCII) and 1 <= int(text) <= 1000:
        return int(text)
    raise ValueError('write a whole number from 1 to 1000 (servers)')


def _priority(text: str) -> float:
    if text.lower() == 'never':
        return NEVER
    if re.fullmatch(r'[+-]?\d{1,6}', text, re.ASCII):
        return int(text)
    raise ValueError(
        'write a whole number, the hosts with the largest come first; or never'
    )


def _approval(text: str) -> Set[str]:
    """The roles that it is about."""
    head, colon, roles = text.partition(':')
    if colon and head.strip().lower() == 'roles' and roles.strip():
        return frozenset(role.strip() for role in roles.split(','))
    try:
        return frozenset([ANY_ROLE] if _bool(text) else [])
    except ValueError:
        raise ValueError('write true, false, or roles: web, db') from None


def _notice(text: str) -> float:
    """Seconds."""
    units = {'s': 1, 'm': 60, 'h': 3600}
    if found := re.fullmatch(r'(\d{1,5})\s*([smh])', text.lower(), re.ASCII):
        seconds = int(found[1]) * units[found[2]]
        if 0 < seconds <= LONGEST_NOTICE:
            return float(seconds)
    raise ValueError('write a time of up to 24h, like 90s, 30m or 2h')


READERS: Mapping[Key, Callable[[str], Any]] = {
    Key.DRY_RUN: _bool,
    Key.STEAL_THRESHOLD: _number(1, 100, 'percent'),
    Key.LOAD_THRESHOLD: _number(0, 10, 'per vCPU'),
    Key.SLOTS: _count,
    Key.PRIORITY: _priority,
    Key.WINDOW: window.read,
    Key.APPROVAL: _approval,
    Key.NOTICE: _notice,
}

#: What of several values is strict, less than the others; where nothing stands
#: here, all count together.
_STRICT: Mapping[Key, Callable[[Any], float]] = {
    Key.DRY_RUN: lambda value: not value,
    Key.STEAL_THRESHOLD: lambda value: -value,
    Key.LOAD_THRESHOLD: lambda value: -value,
    Key.SLOTS: lambda value: value,
    Key.PRIORITY: lambda value: value,
    Key.NOTICE: lambda value: -value,
}


def read_all(aggregates: Iterable[Aggregate]) -> Policies:
    """Everything that metadata tell of hosts, and what of it is ignored."""
    found = collections.defaultdict[str, dict[Key, list[Setting]]](dict)
    ignored: list[Ignored] = []
    for aggregate in aggregates:
        for name, text in sorted(aggregate.metadata.items()):
            word = name.strip().casefold()
            if not word.startswith(PREFIX) or word.startswith(OTHERS):
                continue
            try:
                setting = _setting(word, text.strip(), aggregate)
            except ValueError as error:
                ignored.append(Ignored(aggregate.name, name, str(error)))
                continue
            for host in aggregate.hosts:
                found[host].setdefault(setting.key, []).append(setting)
    return Policies(
        {
            host: {key: _strictest(several) for key, several in keys.items()}
            for host, keys in found.items()
        },
        tuple(ignored),
    )


def _setting(word: str, text: str, aggregate: Aggregate) -> Setting:
    """:raises ValueError: it makes no sense: a sentence with the cure"""
    if word not in [*Key]:
        raise ValueError(
            f'this key is none of ours: there are {", ".join(Key)}'
        )
    if is_ours(aggregate) and not aggregate.hosts:
        raise ValueError(
            'this aggregate holds no host, so it is about none: write it into '
            'one that does'
        )
    key = Key(word)
    try:
        value = READERS[key](text)
    except ValueError as error:
        raise ValueError(
            f'its value {text!r} makes no sense: {error}'
        ) from None
    return Setting(key, value, text, aggregate.name)


def _strictest(settings: Iterable[Setting]) -> tuple[Setting, ...]:
    """In their order; of two alike, the first one by name."""

    def strict(setting: Setting) -> tuple[float, str]:
        by = _STRICT.get(setting.key)
        return by(setting.value) if by else 0.0, setting.aggregate

    return tuple(sorted(settings, key=strict))
