"""Labels: whom a series is about."""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from steal_scheduler.signals.prometheus.drops import DropReason

#: One series of an answer, as Prometheus' JSON has it:
#: ``{'metric': {'uuid': 'a', ...}, 'value': [1767225600.5, '0.4']}``.
Series = Mapping[str, Any]


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


#: A domain of libvirt, by its label and by that of its host, as they are.
Domain = tuple[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Domains:
    """Which server a domain of libvirt is.

    What an exporter counts knows the domain only; the uuid is the label of
    another series. PromQL would join the two, and refuse to as a whole where
    one of them stands twice. Here a domain of two servers costs these two.
    """

    #: The name of the domain's label, and that of its host.
    labels: tuple[str, str]
    #: One server, or those that claim it.
    servers: Mapping[Domain, frozenset[str]]

    @classmethod
    def read(
        cls, labels: tuple[str, str], server: Label, series: Iterable[Series]
    ) -> 'Domains':
        """Those that series like these name, the server's label among theirs.

        ``{domain="instance-7", instance="cmp-1:9177", uuid="a"} 1``
        """
        found = cls(labels, {})
        servers: dict[Domain, frozenset[str]] = {}
        for one in series:
            name, domain = server.read(one), found.domain(one)
            # A domain that is no server of Nova has none.
            if not isinstance(name, DropReason) and domain[0]:
                servers[domain] = servers.get(domain, frozenset()) | {name}
        return cls(labels, servers)

    def domain(self, series: Series) -> Domain:
        name, host = (
            str(series['metric'].get(label, '')) for label in self.labels
        )
        return name, host

    def of(self, series: Series) -> frozenset[str]:
        """The servers that what a series counts may be of."""
        return self.servers.get(self.domain(series), frozenset())
