"""Exchanges: room is made for a server that has none where there are cores.

A contended host is not relieved by a single move where those hosts that have
the cores have no room: mostly memory. Then a server of one of these goes to a
third host, and one of the contended host takes its place.

For example x, with 16 GiB, should leave a. b has the cores, and 12 GiB left;
c has 4 GiB left, and some cores. So y, with 4 GiB, moves from b to c, and when
it is there, x moves from a to b. Nobody has to remember that: what was no
place for x in one decision is one in the next, and nobody is moved back if it
is not.

Each step is one that Nova can make when its turn comes, y while x is on its
old host, and x once y has left, and neither takes a host over its line.
"""

import dataclasses
from collections.abc import Callable, Sequence

from steal_scheduler.decision import policies
from steal_scheduler.decision.exchange_targets import ExchangeTargets
from steal_scheduler.decision.givers import Givers
from steal_scheduler.decision.room import making_room
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import Reason, Refusal

#: Hosts for which room is looked for in one decision.
HOSTS = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Exchange:
    """Who leaves a host so that somebody else has room there."""

    first: Move
    second: Move
    #: The first one is on its way already.
    begun: bool = False

    def refusal(self, move: Move) -> Refusal:
        """Why one that waits on the same host stays for now."""
        who = 'it'
        if move.server_id != self.second.server_id:
            who = f'{self.second.server.label}, which relieves its host,'
        return Refusal(
            Reason.ROOM_PENDING,
            f'{who} moves to {self.first.source} when '
            f'{self.first.server.label} has made room for it there',
            move.server_id,
        )


class Exchanges:
    """Those of one decision; what is found is credited to the targets."""

    def __init__(
        self,
        snapshot: Snapshot,
        targets: ExchangeTargets,
        may: Callable[[str], bool],
    ) -> None:
        """:param may: whether a server may move at all now, by its id"""
        self._snapshot = snapshot
        self._targets = targets
        self._may = may
        #: On their way, by the host where they make room.
        self._makers = {m.source: m for m in making_room(snapshot.moves)}
        self._zones: dict[str, Givers] = {}
        self._tries = HOSTS

    def of(self, waiting: Sequence[Move], cores: float) -> Exchange | None:
        """The lightest one by which one of these can leave its host.

        None where one can without that, when its turn comes.

        :param waiting: servers of one host for which there is no room, in the
            order in which they should leave
        :param cores: that have to leave
        """
        if (found := self._pending(waiting)) is not None:
            return found
        if not waiting or not self._tries:
            return None
        self._tries -= 1
        if any(map(self._targets.would_take, waiting)):
            return None
        return self._found(waiting, cores)

    def _pending(self, waiting: Sequence[Move]) -> Exchange | None:
        """For the first of these for which room is being made, if for any."""
        for move in waiting:
            for host, maker in self._makers.items():
                if self._targets.fits_after(maker, move):
                    self._targets.credit(move, host)
                    del self._makers[host]
                    return Exchange(maker, move, begun=True)
        return None

    def _found(self, waiting: Sequence[Move], cores: float) -> Exchange | None:
        zone = self._zone(waiting[0].server.zone or '')
        for first, second in zone.pairs(waiting, cores):
            if (
                self._alike(first.source, second.source)
                and self._may(first.server_id)
                and self._targets.fits_after(first, second)
                and (target := self._target(first)) is not None
                and self._targets.keeps_after(first, target, second)
            ):
                if first.only_to is None:
                    self._targets.take(first)
                else:
                    self._targets.credit(first, target)
                self._targets.credit(second, first.source)
                zone.spend(first.source, target)
                return Exchange(first, second)
        return None

    def _alike(self, giver: str, source: str) -> bool:
        """Whether both may begin at once, or both are but said."""
        waits = (policies.waits(h, self._snapshot) for h in (giver, source))
        dry = [policies.is_dry(h, self._snapshot) for h in (giver, source)]
        return not any(waits) and dry[0] == dry[1]

    def _target(self, first: Move) -> str | None:
        to = first.only_to
        if to is None:
            return self._targets.best(first)
        return to if self._targets.swaps(first, to) else None

    def _zone(self, name: str) -> Givers:
        found = self._zones.get(name)
        if found is None:
            found = self._zones[name] = Givers(
                name, self._snapshot, self._targets
            )
        return found
