"""The lightest cure: who has to leave a host, by what they ask for."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from steal_scheduler.model.demand import Demand


class Weighed(Protocol):
    """What is known of a server that may leave."""

    @property
    def server_id(self) -> str: ...
    @property
    def demand(self) -> Demand: ...
    @property
    def copy_mb(self) -> int: ...


_T = TypeVar('_T', bound=Weighed)


def lightest_cure(pool: Sequence[_T], excess: float) -> list[_T]:
    """The fewest servers whose leaving cures the host, and light to copy.

    Starts with those that ask for most, and swaps each for a lighter one as
    long as what leaves still suffices. That is exact where one server
    suffices, and close to it elsewhere.

    For example with an excess of 5 cores, of servers of 4 cores and 16 GiB, 3
    and 8, 2 and 4, and 2 and 4, first those of 4 and 3 are chosen; then the
    one of 4 is swapped for one of 2, which leaves 5 cores and 12 GiB.

    :param pool: at least one
    :param excess: cores that have to leave; one server leaves in any case
    :returns: most demand first; everybody if all together do not suffice
    """
    by_demand = sorted(pool, key=_most_first)
    leaving = 0.0
    chosen: list[_T] = []
    for one in by_demand:
        chosen.append(one)
        leaving += one.demand.expected
        if leaving >= excess:
            break
    staying = by_demand[len(chosen) :]
    while (swap := _best_swap(chosen, staying, leaving - excess)) is not None:
        i, j = swap
        leaving += staying[j].demand.expected - chosen[i].demand.expected
        chosen[i], staying[j] = staying[j], chosen[i]
    return sorted(chosen, key=_most_first)


def _most_first(one: Weighed) -> tuple[float, int, str]:
    return (-one.demand.expected, one.copy_mb, one.server_id)


def _best_swap(
    chosen: Sequence[Weighed], staying: Sequence[Weighed], spare: float
) -> tuple[int, int] | None:
    """The swap that saves most, and costs no more cores than spare.

    MiB come first, and then cores: who asks for less finds a place sooner.
    """
    best, saved = None, (0, 0.0)
    for i, leaver in enumerate(chosen):
        for j, stayer in enumerate(staying):
            less = leaver.demand.expected - stayer.demand.expected
            saves = leaver.copy_mb - stayer.copy_mb, less
            if less <= spare and saves > saved:
                best, saved = (i, j), saves
    return best
