"""From an answer of Prometheus to the samples that can be used: no I/O.

What is not complete, fresh and plain is dropped and counted. To drop is safe,
since absent means unknown; to guess is not.
"""

import collections
import dataclasses
import enum
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from steal_scheduler.model import readings

#: No machine has more: such a number is nanoseconds, not seconds.
MOST_CORES = 10_000.0


class DropReason(enum.StrEnum):
    """What was wrong with a sample, a server or a guest that is not used."""

    UNNAMED = 'without the label that names it'
    FOREIGN = "with a label that the preset's regex does not match"
    AMBIGUOUS = 'named by more than one series'
    TWO_HOSTS = 'claimed by two hosts'
    NOT_A_NUMBER = 'not a finite number'
    NEGATIVE = 'negative'
    IMPOSSIBLE = 'a share above 1, or cores as no machine has (nanoseconds?)'
    STALE = 'older than [signals] max_age'
    FUTURE = (
        'from the future by more than [signals] max_age (are the clocks '
        'right?)'
    )
    INCOMPLETE = 'of which only one of used and waited is known'


Drops = collections.Counter[DropReason]


def sentence(drops: Drops) -> str:
    """The most frequent reason first."""
    return ', '.join(f'{n} {reason}' for reason, n in drops.most_common())


class Subject(enum.StrEnum):
    """What a metric describes; the name of a section of a preset file."""

    SERVERS = 'servers'
    HOSTS = 'hosts'
    GUESTS = 'guests'


@dataclasses.dataclass(frozen=True, slots=True)
class Metric:
    """What one query tells, and which numbers can be its answer."""

    subject: Subject
    #: A field of ServerSignal, HostSignal or GuestSignal.
    field: str
    #: Below and above are numbers that cannot be true.
    least: float = 0.0
    most: float = MOST_CORES
    #: NaN where nothing was counted: that is no news, and no fault.
    ratio: bool = False
    #: It does not change from one reading to the next.
    constant: bool = False

    @property
    def name(self) -> str:
        """In messages; and the key of its query in a preset file."""
        return f'{self.subject}.{self.field}'


#: By name, in the order in which they are asked.
METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(Subject.SERVERS, 'used'),
        Metric(Subject.SERVERS, 'waited'),
        Metric(Subject.SERVERS, 'throttled'),
        Metric(Subject.SERVERS, 'bad_seconds', most=1.0, ratio=True),
        Metric(Subject.HOSTS, 'cores', constant=True),
        Metric(Subject.HOSTS, 'used'),
        Metric(Subject.HOSTS, 'runnable', ratio=True),
        Metric(Subject.HOSTS, 'clock_offset', least=-math.inf, most=math.inf),
        Metric(Subject.HOSTS, 'network', most=1.0),
        Metric(Subject.GUESTS, 'used'),
        Metric(Subject.GUESTS, 'waited'),
        Metric(Subject.GUESTS, 'load'),
    )
}

#: Prometheus' arithmetic may end a little above the most that can be true.
_ROUNDING = 1 + 1e-6

#: One series of an answer, as Prometheus' JSON has it:
#: ``{'metric': {'uuid': 'a', ...}, 'value': [1767225600.5, '0.4']}``.
Series = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """What one series tells of its subject."""

    value: float
    #: Epoch seconds, by Prometheus' clock.
    at: float
    #: Of a server: Nova's name of the host that was measured; None where no
    #: label tells it.
    host: str | None = None


#: By the name of the subject; None where several series name it, of which
#: nobody can tell which is right.
Samples = Mapping[str, Sample | None]


def vector(data: Any) -> list[Series]:
    """Take the ``data`` of an answer apart.

    :raises ValueError: it is not an instant vector
    """
    kind = data.get('resultType') if isinstance(data, dict) else data
    if kind != 'vector':
        raise ValueError(f'a result of type {kind!r} instead of a vector')
    series = data.get('result')
    if not isinstance(series, list):
        raise ValueError('a vector that is no list of series')
    # One without labels is nobody's: it is counted, and costs no other.
    return [one if _has_labels(one) else {'metric': {}} for one in series]


def _has_labels(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get('metric'), dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Label:
    """The label by which series name their subject."""

    name: str
    #: Matches the whole label; the first group is the subject's name.
    regex: re.Pattern[str]

    def read(self, series: Series) -> str | DropReason:
        """The name of the subject.

        With a regex that strips a port, ``instance="cmp-1:9177"`` is cmp-1.
        """
        text = str(series['metric'].get(self.name, ''))
        if not text:
            return DropReason.UNNAMED
        match = self.regex.fullmatch(text)
        return (match and match[1]) or DropReason.FOREIGN


@dataclasses.dataclass(frozen=True, slots=True)
class SampleFilter:
    """Keeps the samples of a reading that can be used."""

    labels: Mapping[Subject, Label]
    #: Epoch seconds.
    now: float
    #: Seconds.
    max_age: float

    def keep(
        self, metric: Metric, series: Iterable[Series]
    ) -> tuple[Samples, Drops]:
        """Keep what is usable, and count the series of the rest.

        Let three series answer ``servers.waited``::

            {uuid="a", instance="cmp-1:9177"}  0.4
            {uuid="b", instance="cmp-1:9177"}  0.1
            {uuid="b", instance="cmp-2:9177"}  0.0

        Then a waited for 0.4 cores on cmp-1. That b is claimed by two hosts
        is counted, and its wait is unknown: neither 0.1, nor 0.0, nor their
        sum.
        """
        drops: Drops = collections.Counter()
        groups: dict[str, list[Series]] = {}
        for one in series:
            name = self.labels[metric.subject].read(one)
            if isinstance(name, DropReason):
                drops[name] += 1
            else:
                groups.setdefault(name, []).append(one)
        kept: dict[str, Sample | None] = {}
        for name, group in groups.items():
            hosts = {self._host(metric, one) for one in group}
            sample = self._sample(metric, group[0], hosts.pop())
            # Of several, nobody can tell which is right, nor, where they are
            # parts of a sum, whether all parts are there: not even a broken
            # one may be ignored.
            if len(group) > 1 and not self._agree(metric, group):
                sample = (
                    DropReason.TWO_HOSTS if hosts else DropReason.AMBIGUOUS
                )
                kept[name] = None
            if isinstance(sample, DropReason):
                drops[sample] += len(group)
            elif sample is not None:
                kept[name] = sample
        return kept, drops

    def _agree(self, metric: Metric, group: Iterable[Series]) -> bool:
        """Whether they tell the same of a host, as if two jobs scrape it."""
        told = [self._sample(metric, one, None) for one in group]
        known = [sample for sample in told if sample is not None]
        values = [s.value for s in known if isinstance(s, Sample)]
        return (
            metric.subject is Subject.HOSTS
            and len(values) == len(known)
            and readings.agree(values, metric.constant)
        )

    def _host(self, metric: Metric, series: Series) -> str | DropReason | None:
        """The host of a server; of anything else, None."""
        if metric.subject is not Subject.SERVERS:
            return None
        host = self.labels[Subject.HOSTS].read(series)
        return None if host is DropReason.UNNAMED else host

    def _sample(
        self, metric: Metric, series: Series, host: str | DropReason | None
    ) -> Sample | DropReason | None:
        """What the series tells, or what is wrong with it.

        :returns: None where it tells nothing, and nothing is wrong
        """
        try:
            at, value = map(float, series['value'])
        # A native histogram has no value.
        except (KeyError, TypeError, ValueError, OverflowError):
            return DropReason.NOT_A_NUMBER
        if metric.ratio and math.isnan(value):
            return None
        if isinstance(host, DropReason):
            return host
        if not math.isfinite(value):
            return DropReason.NOT_A_NUMBER
        if value < metric.least:
            return DropReason.NEGATIVE
        if value > metric.most * _ROUNDING:
            return DropReason.IMPOSSIBLE
        # NOTE: a NaN for a time compares false with everything, so the
        # question is whether it is fresh, not whether it is stale.
        if not at >= self.now - self.max_age:
            return DropReason.STALE
        if not at <= self.now + self.max_age:
            return DropReason.FUTURE
        return Sample(min(value, metric.most), at, host)
