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

from steal_scheduler.model.cloud import GuestKey

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
    IMPOSSIBLE = 'more cores than any machine has (nanoseconds?)'
    NO_SHARE = 'a share of more than 1'
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
    too_much: DropReason = DropReason.IMPOSSIBLE
    #: NaN where nothing was counted: that is no news, and no fault.
    ratio: bool = False

    @property
    def name(self) -> str:
        return f'{self.subject}.{self.field}'

    @property
    def path(self) -> str:
        """The key of its query in a preset file."""
        return f'{self.subject}.queries.{self.field}'


#: By name, in the order in which they are asked.
METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(Subject.SERVERS, 'used'),
        Metric(Subject.SERVERS, 'waited'),
        Metric(Subject.SERVERS, 'throttled'),
        Metric(
            Subject.SERVERS,
            'bad_seconds',
            # Prometheus' arithmetic may end a little above 1.
            most=1 + 1e-6,
            too_much=DropReason.NO_SHARE,
            ratio=True,
        ),
        Metric(Subject.HOSTS, 'cores'),
        Metric(Subject.HOSTS, 'used'),
        Metric(Subject.HOSTS, 'runnable', ratio=True),
        Metric(Subject.HOSTS, 'clock_offset', least=-math.inf, most=math.inf),
        Metric(Subject.GUESTS, 'used'),
        Metric(Subject.GUESTS, 'waited'),
        Metric(Subject.GUESTS, 'load'),
    )
}


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """One series of an instant query's answer."""

    labels: Mapping[str, str]
    #: May still be NaN or infinite.
    value: float
    #: Epoch seconds, by Prometheus' clock.
    at: float


def vector(data: object) -> list[Sample]:
    """Take the ``data`` of an answer apart.

    :raises ValueError: it is not an instant vector of plain samples
    """
    if not isinstance(data, dict) or data.get('resultType') != 'vector':
        kind = data.get('resultType') if isinstance(data, dict) else data
        raise ValueError(f'a result of type {kind!r} instead of a vector')
    try:
        return [
            Sample(
                {str(name): str(label) for name, label in labels.items()},
                float(value),
                float(at),
            )
            for item in data['result']
            for labels, (at, value) in [(item['metric'], item['value'])]
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as e:
        raise ValueError(
            f'a series that is not a plain sample ({type(e).__name__}: {e})'
        ) from e


@dataclasses.dataclass(frozen=True, slots=True)
class Names:
    """How labels become names."""

    server_label: str
    host_label: str
    guest_label: str
    guests_by: GuestKey
    #: The first group is Nova's name of the host, or what the guest is known
    #: by.
    host_regex: re.Pattern[str]
    guest_regex: re.Pattern[str]

    def server(self, sample: Sample) -> str | DropReason:
        return sample.labels.get(self.server_label) or DropReason.UNNAMED

    def host(self, sample: Sample) -> str | DropReason:
        return _first_group(self.host_regex, self.host_label, sample)

    def guest(self, sample: Sample) -> str | DropReason:
        return _first_group(self.guest_regex, self.guest_label, sample)


def _first_group(
    regex: re.Pattern[str], label: str, sample: Sample
) -> str | DropReason:
    text = sample.labels.get(label)
    if not text:
        return DropReason.UNNAMED
    match = regex.fullmatch(text)
    return (match and match[1]) or DropReason.FOREIGN


@dataclasses.dataclass(frozen=True, slots=True)
class Filtered:
    """The usable samples of one query, by the name of their subject."""

    kept: Mapping[str, Sample]
    drops: Drops
    #: Named by several series.
    ambiguous: frozenset[str] = frozenset()


#: What a query that is not asked tells.
NOTHING = Filtered({}, collections.Counter())


@dataclasses.dataclass(frozen=True, slots=True)
class SampleFilter:
    """Keeps the samples of a reading that can be used."""

    names: Names
    #: Epoch seconds.
    now: float
    #: Seconds.
    max_age: float

    def keep(self, metric: Metric, samples: Iterable[Sample]) -> Filtered:
        """Keep what is usable, and count the rest."""
        name_of = {
            Subject.SERVERS: self.names.server,
            Subject.HOSTS: self.names.host,
            Subject.GUESTS: self.names.guest,
        }[metric.subject]
        drops: Drops = collections.Counter()
        groups: dict[str, list[Sample]] = {}
        for sample in samples:
            name = name_of(sample)
            if isinstance(name, DropReason):
                drops[name] += 1
            else:
                groups.setdefault(name, []).append(sample)
        kept = {}
        for name, group in groups.items():
            # Of several, nobody can tell which is right, nor, where they are
            # parts of a sum, whether all parts are there: not even a broken
            # one may be ignored.
            if len(group) > 1:
                fault: DropReason | None = self._disunity(metric, group)
            elif metric.ratio and math.isnan(group[0].value):
                continue
            else:
                fault = self.fault(metric, group[0])
            if fault is None:
                kept[name] = group[0]
            else:
                drops[fault] += len(group)
        several = frozenset(n for n, group in groups.items() if len(group) > 1)
        return Filtered(kept, drops, several)

    def fault(self, metric: Metric, sample: Sample) -> DropReason | None:
        """What is wrong with the sample; None when it can be used."""
        if not math.isfinite(sample.value):
            return DropReason.NOT_A_NUMBER
        if sample.value < metric.least:
            return DropReason.NEGATIVE
        if sample.value > metric.most:
            return metric.too_much
        # NOTE: a NaN for a time compares false with everything, so the
        # question is whether it is fresh, not whether it is stale.
        if not sample.at >= self.now - self.max_age:
            return DropReason.STALE
        if not sample.at <= self.now + self.max_age:
            return DropReason.FUTURE
        return None

    def _disunity(self, metric: Metric, group: Iterable[Sample]) -> DropReason:
        if metric.subject is Subject.SERVERS:
            hosts = {self.names.host(sample) for sample in group}
            if len(hosts) > 1:
                return DropReason.TWO_HOSTS
        return DropReason.AMBIGUOUS
