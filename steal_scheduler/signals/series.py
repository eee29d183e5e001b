"""From the samples of a Prometheus to servers and hosts: pure, no I/O.

Whatever is not complete, fresh and plain is left out and counted. To leave
out is safe, since absent means unknown; to guess is not.
"""

import collections
import dataclasses
import enum
import math
import re
from collections.abc import Callable, Iterable, Mapping

from steal_scheduler.model import HostSignal, ServerSignal

#: No machine has more: such a number is nanoseconds, not seconds.
MOST_CORES = 10_000.0


class Lost(enum.StrEnum):
    """Why a sample, or a server, was left out."""

    UNNAMED = 'without the label that names it'
    FOREIGN = 'on a host whose name host_regex does not match'
    AMBIGUOUS = 'named by more than one series'
    TWO_HOSTS = 'claimed by two hosts'
    NOT_A_NUMBER = 'not a finite number'
    NEGATIVE = 'negative'
    IMPOSSIBLE = 'more cores than any machine has (nanoseconds?)'
    STALE = 'older than max_age'
    FUTURE = 'from the future by more than max_age (are the clocks right?)'
    INCOMPLETE = 'in only one of used_query and waited_query'


Losses = collections.Counter[Lost]


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """One series of an instant query's answer."""

    labels: Mapping[str, str]
    #: May still be NaN or infinite.
    value: float
    #: Epoch seconds, by Prometheus' clock.
    at: float


#: Whom a sample is about.
Key = Callable[[Sample], str | Lost]


@dataclasses.dataclass(frozen=True, slots=True)
class Names:
    """How labels become names of servers and hosts."""

    server_label: str
    host_label: str
    #: Its first group is Nova's name of the host.
    host_regex: re.Pattern[str]

    def server(self, sample: Sample) -> str | Lost:
        return sample.labels.get(self.server_label) or Lost.UNNAMED

    def host(self, sample: Sample) -> str | Lost:
        label = sample.labels.get(self.host_label)
        if not label:
            return Lost.UNNAMED
        match = self.host_regex.fullmatch(label)
        return (match and match[1]) or Lost.FOREIGN


@dataclasses.dataclass(frozen=True, slots=True)
class Judge:
    """Tells whether a sample can be used."""

    #: Epoch seconds.
    now: float
    #: Seconds.
    max_age: float

    def fault(self, sample: Sample, most: float) -> Lost | None:
        if not math.isfinite(sample.value):
            return Lost.NOT_A_NUMBER
        if sample.value < 0:
            return Lost.NEGATIVE
        if sample.value > most:
            return Lost.IMPOSSIBLE
        # NOTE: a NaN for a time compares false with everything, so the
        # question is whether it is fresh, not whether it is stale.
        if not sample.at >= self.now - self.max_age:
            return Lost.STALE
        if not sample.at <= self.now + self.max_age:
            return Lost.FUTURE
        return None


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


def pick(
    samples: Iterable[Sample],
    names: Names,
    key: Key,
    judge: Judge,
    most: float = MOST_CORES,
) -> tuple[dict[str, Sample], Losses]:
    """Keep the usable samples of one query, and count the others."""
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
        fault = (
            judge.fault(group[0], most)
            if len(group) == 1
            else Lost.TWO_HOSTS
            if len({names.host(sample) for sample in group}) > 1
            else Lost.AMBIGUOUS
        )
        if fault is None:
            kept[name] = group[0]
        else:
            lost[fault] += len(group)
    return kept, lost


def join(
    used: Mapping[str, Sample],
    waited: Mapping[str, Sample],
    load: Mapping[str, Sample],
    names: Names,
) -> tuple[dict[str, ServerSignal], Losses]:
    """Put together the servers of which both sides are known."""
    lost: Losses = collections.Counter()
    lost[Lost.INCOMPLETE] += len(used.keys() ^ waited.keys())
    servers = {}
    for server_id in used.keys() & waited.keys():
        mine = used[server_id], waited[server_id]
        # No host label at all is a guest's agent: Nova knows the host.
        hosts = {names.host(sample) for sample in mine} - {Lost.UNNAMED}
        if Lost.FOREIGN in hosts:
            lost[Lost.FOREIGN] += 1
        elif len(hosts) > 1:
            lost[Lost.TWO_HOSTS] += 1
        else:
            loaded = load.get(server_id)
            servers[server_id] = ServerSignal(
                server_id,
                host=str(hosts.pop()) if hosts else None,
                used=mine[0].value,
                waited=mine[1].value,
                at=min(sample.at for sample in mine),
                load=loaded.value if loaded else None,
            )
    return servers, +lost


def capacities(cores: Mapping[str, Sample]) -> dict[str, HostSignal]:
    """Turn cores per host into hosts; one without cores is no host."""
    return {
        host: HostSignal(host, cores=sample.value, at=sample.at)
        for host, sample in cores.items()
        if sample.value > 0
    }
