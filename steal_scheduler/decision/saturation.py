"""Saturation: whether moving can help at all, by the least that is known.

What is used is asked for in any case. If not even that can be placed, no more
can; as long as it can, nobody may say that moving cannot help. So nothing that
is planned stands in the way: instead of that, others could move.
"""

import bisect
import math
from collections.abc import Sequence

from steal_scheduler.decision.by_use import ByUse, Room
from steal_scheduler.decision.targets import Targets
from steal_scheduler.model.move import Move

#: Hosts, of those with most room, that servers are packed on tightly.
TIGHTLY = 32


def curable(pool: Sequence[Move], cores: float, targets: Targets) -> bool:
    """Whether servers that use so many cores could leave, and be placed.

    To pack best is hard: the largest are tried first where most room is, and
    then where least is, and then the smallest first. For example 3 cores have
    to leave, by servers that use 3 and 1: there must be room for 3 on one
    host.

    :param pool: servers of one host that may leave
    :param cores: that have to, if any; one server has to in any case
    """
    by_use = targets.by_use
    some_open = {n: r for m in pool for n, r in by_use.open_to(m).items()}
    rooms = sorted(((r, n) for n, r in some_open.items()), reverse=True)
    some = rooms[:TIGHTLY]
    large = sorted(pool, key=lambda m: (-m.demand.low, m.server_id))
    needed = max(cores, 0.0)
    return (
        _placed(large, rooms, by_use, tightly=False) >= needed
        or _placed(large, some, by_use, tightly=True) >= needed
        or _placed(large[::-1], some, by_use, tightly=True) >= needed
    )


def could_take(move: Move, targets: Targets) -> list[str]:
    """Hosts with room for what it uses."""
    return [
        name
        for name, room in targets.by_use.open_to(move).items()
        if room >= move.demand.low and targets.open_to(move, name)
    ]


def _placed(
    order: Sequence[Move],
    rooms: Sequence[Room],
    by_use: ByUse,
    *,
    tightly: bool,
) -> float:
    """Cores that leave with those that find a place; -inf if none does.

    :param tightly: each goes where least room is left, else where most is
    """
    ledger = by_use.unplanned()
    left = sorted(rooms)
    leaving = -math.inf
    for move in order:
        cores, is_open = move.demand.low, by_use.open_to(move)
        first = bisect.bisect_left(left, (cores, ''))
        fits = range(first, len(left))
        for n in fits if tightly else reversed(fits):
            room, name = left[n]
            if (
                name in is_open
                and name != move.source
                and ledger.fits(move.server, name)
            ):
                del left[n]
                bisect.insort(left, (room - cores, name))
                ledger.add(move.server, name)
                leaving = max(leaving, 0.0) + cores
                break
    return leaving
