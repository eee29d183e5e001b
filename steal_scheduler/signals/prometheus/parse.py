"""From an answer of Prometheus to the samples that can be used: no I/O.

What is not complete, fresh and plain is dropped and counted. To drop is safe,
since absent means unknown; to guess is not.
"""

import dataclasses
import enum
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from steal_scheduler.model import readings
from steal_scheduler.signals.prometheus.drops import DropReason, Drops
from steal_scheduler.signals.prometheus.labels import Domains, Label, Series

#: No machine has more: such a number is nanoseconds, not seconds.
MOST_CORES = 10_000.0


class Subject(enum.StrEnum):
    """What a metric describes; the name of a section of a preset file."""

    SERVERS = 'servers'
    HOSTS = 'hosts'
    GUESTS = 'guests'


@dataclasses.dataclass(frozen=True, slots=True)
class Metric:
    """What one query tells, and which numbers can be its answer."""

    subject: Subject
    #: A field of ServerSignal, of its threads, of HostSignal or GuestSignal.
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
        # Before what it counts: what ends meanwhile is then missed, and what
        # begins is one poll late.
        Metric(Subject.SERVERS, 'vcpus'),
        Metric(Subject.SERVERS, 'used'),
        Metric(Subject.SERVERS, 'waited'),
        Metric(Subject.SERVERS, 'throttled'),
        Metric(Subject.SERVERS, 'bad_seconds', most=1.0, ratio=True),
        # Of single threads, see model/threads.py.
        Metric(Subject.SERVERS, 'worst_used'),
        Metric(Subject.SERVERS, 'worst_waited'),
        Metric(Subject.SERVERS, 'threads_used'),
        Metric(Subject.SERVERS, 'threads_waited'),
        Metric(Subject.HOSTS, 'cores', constant=True),
        Metric(Subject.HOSTS, 'used'),
        Metric(Subject.HOSTS, 'runnable', ratio=True),
        Metric(Subject.HOSTS, 'clock_offset', least=-math.inf, most=math.inf),
        Metric(Subject.HOSTS, 'network', most=1.0),
        Metric(Subject.GUESTS, 'vcpus'),
        Metric(Subject.GUESTS, 'used'),
        Metric(Subject.GUESTS, 'waited'),
        Metric(Subject.GUESTS, 'load'),
    )
}

#: Prometheus' arithmetic may end a little above the most that can be true.
_ROUNDING = 1 + 1e-6


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


def ranges(data: Any) -> list[Series]:
    """Take the ``data`` of a range apart.

    :raises ValueError: it is none
    """
    kind = data.get('resultType') if isinstance(data, dict) else data
    series = data.get('result') if kind == 'matrix' else None
    if not isinstance(series, list):
        raise ValueError(f'a result of type {kind!r} instead of a matrix')
    return [one for one in series if _has_labels(one)]


def matrix(data: Any) -> list[list[float]]:
    """The times of the samples of each series of a range, in order.

    :raises ValueError: it is no range of samples
    """
    try:
        if data['resultType'] != 'matrix':
            raise ValueError(f'a result of type {data["resultType"]!r}')
        return [
            [float(at) for at, _ in one.get('values', ())]
            for one in data['result']
        ]
    except (AttributeError, LookupError, OverflowError, TypeError) as error:
        raise ValueError('no range of samples') from error


def _has_labels(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get('metric'), dict)


@dataclasses.dataclass(frozen=True, slots=True)
class SampleFilter:
    """Keeps the samples of a reading that can be used."""

    labels: Mapping[Subject, Label]
    #: Epoch seconds.
    now: float
    #: Seconds.
    max_age: float
    #: Of servers that are known by their domain.
    domains: Domains | None = None

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
        drops = Drops()
        groups: dict[str, list[Series]] = {}
        kept: dict[str, Sample | None] = {}
        for one in series:
            names = self._names(metric, one)
            if isinstance(names, DropReason):
                drops.add(names, self._shown(one))
            elif len(names) > 1:
                # It is of one of them, and nobody can tell of which.
                drops.add(DropReason.TWO_SERVERS, self._shown(one))
                kept |= dict.fromkeys(names)
            else:
                groups.setdefault(names[0], []).append(one)
        for name, group in groups.items():
            hosts = {self._host(metric, one) for one in group}
            sample = self._sample(metric, group[0], hosts.pop())
            # Of several, nobody can tell which is right, nor, where they are
            # parts of a sum, whether all parts are there: not even a broken
            # one may be ignored.
            clash = len(group) > 1 and not self._agree(metric, group)
            if clash or hosts or name in kept:
                sample = (
                    DropReason.TWO_HOSTS if hosts else DropReason.AMBIGUOUS
                )
                kept[name] = None
            if isinstance(sample, DropReason):
                drops.add(sample, name, len(group))
            elif sample is not None:
                kept[name] = sample
        return kept, drops

    def _agree(self, metric: Metric, group: Sequence[Series]) -> bool:
        """Whether they tell the same, as if a host is scraped twice.

        Of a server so do two exporters on one host. But those that differ in
        more than what names the host may be parts of a sum.
        """
        own = self.labels[Subject.HOSTS].name
        rest = [{**one['metric'], own: ''} for one in group]
        whole = rest.count(rest[0]) == len(rest)
        told = [self._sample(metric, one, None) for one in group]
        known = [sample for sample in told if sample is not None]
        values = [s.value for s in known if isinstance(s, Sample)]
        return (
            (
                metric.subject is Subject.HOSTS
                or (metric.subject is Subject.SERVERS and whole)
            )
            and len(values) == len(known)
            and readings.agree(values, metric.constant)
        )

    def _names(
        self, metric: Metric, series: Series
    ) -> Sequence[str] | DropReason:
        """Whom a series is about; several where they claim it."""
        name = self.labels[metric.subject].read(series)
        if not isinstance(name, DropReason):
            return (name,)
        domains = self.domains
        if domains is None or metric.subject is not Subject.SERVERS:
            return name
        if not domains.domain(series)[0]:
            return DropReason.UNNAMED
        return sorted(domains.of(series)) or DropReason.NO_SERVER

    def _shown(self, series: Series) -> str:
        """What a person can find it by: the labels that could name it.

        ``instance-7, cmp-1:9177 (a, b)`` of a domain that two servers claim.
        """
        labels = [self.labels[s].name for s in self.labels]
        claimed = ''
        if self.domains is not None:
            labels = [*self.domains.labels, *labels]
            servers = sorted(self.domains.of(series))
            claimed = f' ({", ".join(servers)})' if servers else ''
        values = dict.fromkeys(
            str(series['metric'].get(label, '')) for label in labels
        )
        return ', '.join(filter(None, values)) + claimed

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
