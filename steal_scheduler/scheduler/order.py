"""Weights of hosts: by the general order, or by a server's own ranking."""

import bisect
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from steal_scheduler.decision import ranking
from steal_scheduler.model.host_view import Tier
from steal_scheduler.model.rankings import Ranking

#: A host that the view does not name: unknown, with no server of the role.
ABSENT: ranking.Key = (Tier.UNKNOWN, 0)


class Order:
    """Weights of hosts: for each, how many steps in rank are below it."""

    __slots__ = ('absent', 'keys', 'steps', 'weights')

    def __init__(self, keys: Mapping[str, ranking.Key]) -> None:
        """Work it out.

        :param keys: of ``ranking``, by host; empty if too little is known
        """
        self.keys = keys
        steps = sorted(set(keys.values()))
        below = {key: float(n) for n, key in enumerate(reversed(steps))}
        self.steps = len(steps)
        #: By host, in ranks from the last.
        self.weights = {name: below[key] for name, key in keys.items()}
        #: Of any other host; half a step if nobody is like it.
        between = len(steps) - bisect.bisect(steps, ABSENT) - 0.5
        self.absent = below.get(ABSENT, between)


def own_weights(
    own: Ranking, order: Order, full: AbstractSet[str] = frozenset()
) -> Callable[[str], float]:
    """By host, for a server that has a ranking of its own.

    Its best hosts come first, then what else is feasible, then all others;
    these in the general order. For example that is a, b, c, d, of the weights
    3, 2, 1 and 0; d is best, and b feasible as well: d, b, a, c.

    :param order: the general one, for the server's role
    :param full: hosts that were given so much since that they cannot take it
    """
    lift = order.steps + 1.0
    best = {
        host: 2 * lift + step
        for step, alike in enumerate(reversed(own.best))
        for host in alike
        if host not in full
    }
    general, absent, feasible = order.weights, order.absent, own.feasible

    def weight(host: str) -> float:
        found = best.get(host)
        if found is not None:
            return found
        weight = general.get(host, absent)
        good = host in feasible and host not in full
        return weight + lift if good else weight

    return weight
