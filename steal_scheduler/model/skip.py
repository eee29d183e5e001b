"""Skips: servers that are to stay where they are for a while.

People ask for it through the migrator, which writes it into the metadata of
the aggregate ``steal-scheduler``; so it outlasts every migrator, and an
operator may write it by hand::

    steal:skip:server:6f70c1de-...    2026-11-29T14:00Z alice: a release
    steal:skip:owner:6f70c1de-...     forever bob: my database

The second one is of a member of its project, who can neither end nor shorten
the first. What cannot be read skips the server as well, until somebody ends
it.
"""

import dataclasses
import math
from collections.abc import Iterable

from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.until import (
    AGGREGATE,
    Until,
    is_ours,
    read_value,
    shown,
)

#: Of operators, and of members of its project.
KEY, OWNERS_KEY = 'steal:skip:server:', 'steal:skip:owner:'


@dataclasses.dataclass(frozen=True, slots=True)
class Skip(Until):
    server_id: str
    #: Epoch seconds; infinite where somebody has to end it, 0 where it is
    #: said to be off.
    until: float
    #: Who asked for it, and why.
    reason: str = ''
    #: It is the word of a member of its project.
    by_owner: bool = False

    @property
    def key(self) -> str:
        return f'{OWNERS_KEY if self.by_owner else KEY}{self.server_id}'

    @property
    def told(self) -> str:
        """For a person."""
        when = shown(self.until) if self.has_end else 'somebody ends it'
        more = f' ({self.reason})' if self.reason else ''
        return (
            f'it is skipped until {when} by {self.key} of aggregate '
            f'{AGGREGATE}{more}'
        )


def written(aggregate: Aggregate) -> dict[str, Skip]:
    """What its metadata tell of, by key; those that are over as well."""
    found = {}
    for key, value in aggregate.metadata.items():
        said = key.strip().lower()
        for start in KEY, OWNERS_KEY:
            if said.startswith(start):
                until, reason, unclear = read_value(value)
                if until is None:
                    until, reason = math.inf, unclear
                server_id = said.removeprefix(start).strip()
                by_owner = start == OWNERS_KEY
                found[key] = Skip(server_id, until, reason, by_owner)
    return found


def read_all(aggregates: Iterable[Aggregate]) -> dict[str, Skip]:
    """By server id, what metadata of our own aggregate tell of.

    Of two about one server the longer one holds.
    """
    found: dict[str, Skip] = {}
    for aggregate in filter(is_ours, aggregates):
        for skip in written(aggregate).values():
            before = found.get(skip.server_id)
            if before is None or before.until < skip.until:
                found[skip.server_id] = skip
    return found
