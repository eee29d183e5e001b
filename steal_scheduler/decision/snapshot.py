"""Everything that one tick knows: what each step of it is given."""

import dataclasses
from collections.abc import Mapping

from steal_scheduler.decision.usable_signals import Evidence
from steal_scheduler.model.cloud import Fleet, Migration, Signals
from steal_scheduler.model.host_view import View
from steal_scheduler.model.move import Ended, Move


@dataclasses.dataclass(frozen=True, slots=True)
class World:
    now: float
    #: What Nova tells.
    fleet: Fleet
    #: What was measured, and who is not believed.
    known: Evidence
    #: How fit each host is to take a server.
    view: View
    #: In flight, by server id. NOTE: the tick's own, which its steps change.
    moves: Mapping[str, Move]
    #: How the last move of a server ended, by server id, as remembered.
    ended: Mapping[str, Ended]
    #: Live migrations that we asked for, in any order.
    ours: tuple[Migration, ...]

    @property
    def usable(self) -> Signals:
        return self.known.usable
