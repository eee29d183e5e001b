"""The order of hosts for one kind of request, as weights."""

import bisect

from steal_scheduler import ranking
from steal_scheduler.view import Tier, View

#: A host that the view does not name: unknown, with no server of the role.
ABSENT: ranking.Key = (Tier.UNKNOWN, 0)


class Order:
    """Weights of hosts: for each, how many steps in rank are below it."""

    __slots__ = ('_steps', 'absent', 'weights')

    def __init__(self, view: View, role: str | None, *, move: bool) -> None:
        keys = ranking.keys(view, role, move=move)
        self._steps = sorted(set(keys.values()))
        below = {key: i for i, key in enumerate(reversed(self._steps))}
        #: Empty where too little is known to say anything.
        self.weights = {name: float(below[key]) for name, key in keys.items()}
        self.absent = self.weight(ABSENT)

    def weight(self, key: ranking.Key) -> float:
        """The weight of any key: between its neighbours, if it is new."""
        position = float(bisect.bisect_left(self._steps, key))
        if key not in self._steps[int(position) : int(position) + 1]:
            position -= 0.5
        return len(self._steps) - 1 - position
