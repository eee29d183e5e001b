"""The order of hosts for one kind of request, as weights."""

import bisect
from collections.abc import Mapping

from steal_scheduler.decision import ranking
from steal_scheduler.model.host_view import Tier

#: A host that the view does not name: unknown, with no server of the role.
ABSENT: ranking.Key = (Tier.UNKNOWN, 0)


class Order:
    """Weights of hosts: for each, how many steps in rank are below it."""

    __slots__ = ('absent', 'keys', 'weights')

    def __init__(self, keys: Mapping[str, ranking.Key]) -> None:
        """Work it out.

        :param keys: of ``ranking``, by host; empty if too little is known
        """
        self.keys = keys
        steps = sorted(set(keys.values()))
        below = {key: float(n) for n, key in enumerate(reversed(steps))}
        #: By host, in ranks from the last.
        self.weights = {name: below[key] for name, key in keys.items()}
        #: Of any other host; half a step if nobody is like it.
        between = len(steps) - bisect.bisect(steps, ABSENT) - 0.5
        self.absent = below.get(ABSENT, between)
