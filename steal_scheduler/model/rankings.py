"""Rankings: where each server that is about to move may go, and where best.

The view says how fit hosts are for anybody. What else decides of one server
(what it needs, its group, what Nova refused for it) the migrator alone knows,
and says it here.
"""

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

#: Hosts that a ranking puts in order; feasible ones beyond them follow in the
#: general order of hosts.
MOST_RANKED = 256


class HostSet(AbstractSet[str]):
    """Hosts of a view, one bit each.

    As sets of names those of 30 servers among 8,000 hosts would take some
    15 MB in each worker of nova-scheduler.
    """

    __slots__ = ('_bits', '_places')

    def __init__(self, places: Mapping[str, int], bits: bytes) -> None:
        """Take it as it is.

        :param places: see ``places``
        :param bits: one for each place, the lowest of the first byte first
        """
        self._places = places
        self._bits = bits

    def __contains__(self, host: object) -> bool:
        at = self._places.get(host, -1)  # type: ignore[call-overload]
        return at >= 0 and bool(self._bits[at >> 3] >> (at & 7) & 1)

    def __iter__(self) -> Iterator[str]:
        return (host for host in self._places if host in self)

    def __len__(self) -> int:
        return int.from_bytes(self._bits, 'little').bit_count()

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> Any:
        return frozenset(it)


def places(hosts: Collection[str]) -> dict[str, int]:
    """By name, its place among the sorted names: shorter to send."""
    return {host: at for at, host in enumerate(sorted(hosts))}


@dataclasses.dataclass(frozen=True, slots=True)
class Ranking:
    """Of one server."""

    #: The best of the feasible hosts, those that are equal in one group.
    best: Sequence[Sequence[str]]
    #: All hosts that it may go to: there Nova can place it, for all that is
    #: known, and they stay cold.
    feasible: AbstractSet[str]
    #: When it was first made with each target that is known now credited.
    #: NOTE: nova-scheduler is not told.
    since: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Rankings:
    """Of all servers that are about to move."""

    #: Epoch seconds at which they were made; 0 where nobody makes any.
    at: float = 0.0
    #: By server id.
    of: Mapping[str, Ranking] = dataclasses.field(default_factory=dict)
    #: Servers on their way, each with its target, which is credited. NOTE:
    #: nova-scheduler is not told.
    credited: frozenset[tuple[str, str]] = frozenset()


NO_RANKINGS = Rankings()
