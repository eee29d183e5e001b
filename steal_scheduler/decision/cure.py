"""The cure of a host: who leaves it, as far as there are places for them."""

import collections
from collections.abc import Iterable, Iterator, Sequence

from steal_scheduler.decision import consent, fair_shares, saturation
from steal_scheduler.decision.candidate import Candidate, candidates
from steal_scheduler.decision.exchanges import Exchange, Exchanges
from steal_scheduler.decision.host_load import RELIEF_DEMAND
from steal_scheduler.decision.lightest_cure import lightest_cure
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.targets import Targets
from steal_scheduler.decision.unplaced import unplaced
from steal_scheduler.model.finding import Leaver
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import (
    SCARCE,
    Reason,
    Refusal,
    Saturation,
)

#: Share of what must leave that a server has to bring which could stay.
WORTH_IT = 0.1
#: Use from which a host is no better than it was, as a share of its cores.
RELIEF_USE = 0.9


class Cure:
    """A host that is to be relieved, as far as places have been found.

    NOTE: the targets are asked in turn for all hosts, so it is filled in step
    by step.
    """

    def __init__(
        self,
        name: str,
        leavers: Sequence[Leaver],
        turns: fair_shares.Turns,
        snapshot: Snapshot,
    ) -> None:
        self._name = name
        self._snapshot = snapshot
        waiting = [x for x in leavers if not x.asked]
        #: Whether anybody does there; or somebody was only asked to leave.
        self.waits = bool(waiting)
        self._all = candidates(leavers, turns, snapshot)
        self.zone = self._all[0].server.zone or ''
        #: Who will leave it, and who would and cannot be placed.
        self.chosen: list[Move] = []
        self._unplaced: list[Candidate] = []
        self._exchange: Exchange | None = None
        excess = _excess(name, snapshot)
        leaving = any(True for _ in _leaving(name, snapshot))
        self._relieved = excess <= 0 and leaving
        if excess <= 0:
            # In the mean nothing is too much: whoever leaves has to bring what
            # one that waits would bring.
            excess = min(
                x.relieves.demand.expected for x in waiting or leavers
            )
        #: Cores that must leave.
        self._remaining = excess
        #: Of whom nobody has asked yet whether they can be placed; and of
        #: these, those who go first.
        self._left = [
            one
            for one in self._all
            if one.contended or one.demand.expected >= WORTH_IT * excess
        ]
        self._wanted = [
            one
            for one in self._left
            if one.asked or consent.given(one.server_id, name, snapshot)
        ]

    def place_next(self, targets: Targets) -> bool:
        """Find a place for the next one; whether there is one."""
        while self._left and self._goes_on():
            one = self._next()
            self._left.remove(one)
            if targets.take(one.move) is not None:
                self.chosen.append(one.chosen())
                self._remaining -= one.demand.expected
                return True
            self._unplaced.append(one)
        return False

    def exchange(self, exchanges: Exchanges) -> Move | None:
        """Have room made for one that is not placed; who leaves for that."""
        relieved = self._remaining <= 0 and bool(self.chosen)
        if not self.waits or self._relieved or relieved:
            return None
        waiting = [one.move for one in self._unplaced]
        self._exchange = exchanges.of(waiting, self._remaining)
        found = self._exchange
        return None if found is None or found.begun else found.first

    def _goes_on(self) -> bool:
        """Whether one more has to leave, or somebody wants it to."""
        if any(one.asked for one in self._wanted):
            return True
        relieved = self._remaining <= 0 and bool(self.chosen)
        return not self._relieved and not relieved

    def _next(self) -> Candidate:
        """Of the fewest servers that relieve it, and are lightest to copy.

        First those that somebody asked to be moved, or said yes to, or whose
        owners know of it.

        Where some have left already and it is no better, those of other
        projects are taken first, if no more of them have to leave; or if
        more than one has to in any case, and the first of them brings as much.
        """
        if self._wanted:
            return self._wanted.pop(0)
        found = lightest_cure(self._left, self._remaining)
        first = min(one.turn for one in self._left)
        least = [one for one in self._left if one.turn == first]
        if len(least) == len(self._left):
            return found[0]
        fair = lightest_cure(least, self._remaining)
        enough = sum(m.demand.expected for m in fair) >= self._remaining
        as_few = enough and len(fair) <= len(found)
        more = len(found) > 1
        as_much = fair[0].demand.expected >= found[0].demand.expected
        return (fair if as_few or (more and as_much) else found)[0]

    def rest(
        self, targets: Targets
    ) -> tuple[list[Refusal], Saturation | None]:
        """Why those who wait stay, and what is short if moving cannot help."""
        asked = [
            unplaced(one.move, targets, self._snapshot)
            for one in self._unplaced
            if one.asked
        ]
        if self._relieved:
            why = 'the moves under way relieve it'
            return [*self._not_needed(self._all, why), *asked], None
        why = 'the planned moves relieve it'
        if self.chosen and self._remaining <= 0:
            spared = [*self._left, *self._unplaced]
            return [*self._not_needed(spared, why), *asked], None
        waiting = [one for one in self._unplaced if one.contended]
        if self._exchange is not None:
            refusals = [self._exchange.refusal(one.move) for one in waiting]
            return [*self._not_needed(self._left, why), *refusals], None
        refusals = [
            unplaced(one.move, targets, self._snapshot)
            for one in waiting or self._unplaced
        ]
        lack = self._lack(refusals, targets)
        if not waiting:
            refusals = []
        return [*self._not_needed(self._left, why), *refusals], lack

    def _lack(
        self, refusals: Sequence[Refusal], targets: Targets
    ) -> Saturation | None:
        reasons = collections.Counter(r.reason for r in refusals)
        scarce = reasons.keys() & {Reason.SATURATED, *SCARCE}
        if (
            not scarce
            or not reasons.keys() <= {*scarce, Reason.UNCERTAIN_DEMAND}
            or saturation.curable(
                [one.move for one in self._all],
                _excess_use(self._name, self._snapshot),
                targets,
            )
        ):
            return None
        lack = max(self._remaining, 0.0) or sum(
            one.demand.expected for one in self._unplaced
        )
        most = next(r for r, _ in reasons.most_common() if r in scarce)
        what = 'cores' if most is Reason.SATURATED else str(most)
        return Saturation(self.zone, lack, what)

    def _not_needed(
        self, spared: Iterable[Candidate], why: str
    ) -> Iterator[Refusal]:
        detail = f'it may stay on {self._name}: {why}'
        for one in spared:
            if one.contended and not one.asked:
                yield Refusal(Reason.NOT_NEEDED, detail, one.server_id)


def _excess(host: str, snapshot: Snapshot) -> float:
    """Cores that must leave, after what is leaving already.

    For example 20 cores asked for on a host of 16, from which a server of 3
    is on its way, leave an excess of 1.
    """
    seen = snapshot.view.hosts.get(host)
    if seen is None or not seen.cores:
        return 0.0
    leaving = sum(m.demand.expected for m in _leaving(host, snapshot))
    return seen.demand - leaving - seen.cores * RELIEF_DEMAND


def _excess_use(host: str, snapshot: Snapshot) -> float:
    """The same of what is used: so much must leave whatever is asked for."""
    seen = snapshot.view.hosts.get(host)
    if seen is None or not seen.cores:
        return 0.0
    leaving = sum(m.demand.low for m in _leaving(host, snapshot))
    return seen.asked.low - leaving - seen.cores * RELIEF_USE


def _leaving(host: str, snapshot: Snapshot) -> Iterator[Move]:
    for move in snapshot.moves.values():
        there = move.source == move.server.host == host
        if there and move.stage is not Stage.UNDO:
            yield move
