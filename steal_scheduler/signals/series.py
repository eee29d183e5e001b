"""From the samples of one query, those that can be used: pure, no I/O.

Whatever is not complete, fresh and plain is left out and counted. To leave
out is safe, since absent means unknown; to guess is not.
"""

import collections
import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping

from steal_scheduler.signals.lost import Losses, Lost
from steal_scheduler.signals.names import Names
from steal_scheduler.signals.quantity import About, Quantity
from steal_scheduler.signals.sample import Sample


@dataclasses.dataclass(frozen=True, slots=True)
class Judge:
    """Tells whether a sample can be used."""

    #: Epoch seconds.
    now: float
    #: Seconds.
    max_age: float

    def fault(self, sample: Sample, quantity: Quantity) -> Lost | None:
        if not math.isfinite(sample.value):
            return Lost.NOT_A_NUMBER
        if sample.value < quantity.least:
            return Lost.NEGATIVE
        if sample.value > quantity.most:
            return quantity.too_much
        # NOTE: a NaN for a time compares false with everything, so the
        # question is whether it is fresh, not whether it is stale.
        if not sample.at >= self.now - self.max_age:
            return Lost.STALE
        if not sample.at <= self.now + self.max_age:
            return Lost.FUTURE
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class Picked:
    """The usable samples of one query, by whom they are about."""

    kept: Mapping[str, Sample]
    lost: Losses
    #: Named by several series.
    ambiguous: frozenset[str] = frozenset()


#: What a query that is not asked tells.
NOTHING = Picked({}, collections.Counter())


def pick(
    samples: Iterable[Sample], names: Names, judge: Judge, quantity: Quantity
) -> Picked:
    """Keep what is usable, and count the rest."""
    key: Callable[[Sample], str | Lost] = {
        About.SERVERS: names.server,
        About.HOSTS: names.host,
        About.GUESTS: names.guest,
    }[quantity.about]
    lost: Losses = collections.Counter()
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        name = key(sample)
        if isinstance(name, Lost):
            lost[name] += 1
        else:
            groups.setdefault(name, []).append(sample)
    kept = {}
    for name, group in groups.items():
        # Of several, nobody can tell which is right, nor, where they are
        # parts of a sum, whether all parts are there: not even a broken
        # one may be ignored.
        if len(group) > 1:
            fault: Lost | None = _disunity(group, names, quantity)
        elif quantity.ratio and math.isnan(group[0].value):
            continue
        else:
            fault = judge.fault(group[0], quantity)
        if fault is None:
            kept[name] = group[0]
        else:
            lost[fault] += len(group)
    several = frozenset(n for n, group in groups.items() if len(group) > 1)
    return Picked(kept, lost, several)


def _disunity(
    group: Iterable[Sample], names: Names, quantity: Quantity
) -> Lost:
    if quantity.about is About.SERVERS:
        hosts = {names.host(sample) for sample in group}
        return Lost.TWO_HOSTS if len(hosts) > 1 else Lost.AMBIGUOUS
    return Lost.AMBIGUOUS
