"""Which servers to take from a host: the fewest, then the lightest."""

from collections.abc import Sequence

from steal_scheduler.model.move import Move


def lightest_cure(pool: Sequence[Move], excess: float) -> list[Move]:
    """The fewest servers whose leaving cures the host, and light to copy.

    Starts with those that ask for most, and swaps each for a lighter one as
    long as what leaves still suffices. That is exact where one server
    suffices, and close to it elsewhere.

    :param pool: at least one
    :param excess: cores that have to leave; one server leaves in any case
    :returns: most demand first; everybody if all together do not suffice
    """
    by_demand = sorted(pool, key=lambda m: (-m.demand, m.copy_mb, m.server_id))
    leaving = 0.0
    chosen: list[Move] = []
    for move in by_demand:
        chosen.append(move)
        leaving += move.demand
        if leaving >= excess:
            break
    staying = by_demand[len(chosen) :]
    while (swap := _best_swap(chosen, staying, leaving - excess)) is not None:
        i, j = swap
        leaving += staying[j].demand - chosen[i].demand
        chosen[i], staying[j] = staying[j], chosen[i]
    return sorted(chosen, key=lambda m: (-m.demand, m.copy_mb, m.server_id))


def _best_swap(
    chosen: Sequence[Move], staying: Sequence[Move], spare: float
) -> tuple[int, int] | None:
    """The swap that saves most bytes and costs no more cores than spare."""
    best, saved = None, 0
    for i, leaver in enumerate(chosen):
        for j, stayer in enumerate(staying):
            saves = leaver.copy_mb - stayer.copy_mb
            if saves > saved and leaver.demand - stayer.demand <= spare:
                best, saved = (i, j), saves
    return best
