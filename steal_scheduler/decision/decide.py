"""Decide what should be done: pure, from a snapshot to moves and refusals.

The migrator's tick, ``steal-manage plan`` and the benchmark all decide here.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence

from steal_scheduler.decision import (
    aggressors,
    coverage,
    detector,
    eligibility,
    emptied,
    leavers,
    limits,
    no_host,
    planner,
)
from steal_scheduler.decision.aggressors import Aggressor
from steal_scheduler.decision.breaker import Breaker, breaker
from steal_scheduler.decision.others import Others, others
from steal_scheduler.decision.refused_pairs import refused_pairs
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.finding import Finding, Leaver
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import (
    Nos,
    Reason,
    Refusal,
    Saturation,
    first,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What one tick found, what it begins, and why not more."""

    findings: tuple[Finding, ...]
    #: To be begun now, in this order.
    admitted: tuple[Move, ...]
    refusals: tuple[Refusal, ...]
    saturations: tuple[Saturation, ...]
    #: Who takes most of the hosts on which servers wait.
    aggressors: tuple[Aggressor, ...]
    #: The detector's memory for the next poll.
    watches: detector.Watches
    #: Percent of the servers that could be moved which have a usable signal.
    coverage: float
    #: Moves that could begin, if somebody said yes, or once their owners have
    #: known for long enough.
    proposed: tuple[Move, ...] = ()
    announced: tuple[Move, ...] = ()


NOTHING = Decision((), (), (), (), (), {}, 0.0)


def blind(trouble: Refusal) -> Decision:
    """Without signals nothing starts, and what was seen before is void."""
    return dataclasses.replace(NOTHING, refusals=(trouble,))


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """What is to be decided, before anybody asks where there is room."""

    detection: detector.Detection
    zones: Sequence[coverage.Coverage]
    tripped: Breaker
    #: Why contended servers may not move, and those that somebody asked to
    #: be moved; by server id.
    ineligible: Mapping[str, Refusal] = dataclasses.field(default_factory=dict)
    #: Who may leave instead of them, or beside them; those that are contended
    #: first.
    leavers: Sequence[Leaver] = ()
    #: Of those that have to leave an emptied host and may, in their order.
    emptied: Sequence[Move] = ()


def decide(snapshot: Snapshot, watches: detector.Watches) -> Decision:
    """Say what should be begun now, and why the rest should not.

    For example of five servers that wait, one is locked (eligibility), one
    may stay since the others relieve its host (planner), for one there is no
    slot now (limits), and two begin to move.

    :param watches: of the decision before
    """
    return judge(look(snapshot, watches), snapshot)


def look(snapshot: Snapshot, watches: detector.Watches) -> Case:
    """Find who is contended, and who may leave for that."""
    detection = detector.detect(snapshot, watches)
    findings = detection.findings
    zones = coverage.of_zones(snapshot, snapshot.moves)
    case = Case(detection, zones, breaker(snapshot))
    suspects = leavers.suspects(findings, snapshot)
    away = {s.server_id: s for s in emptied.servers(snapshot)}
    gate = _Gate(case, snapshot)
    asked = dict.fromkeys([*suspects, *away])
    ineligible = {s: no for s in asked if (no := gate.refusal(s))}
    found = {finding.server_id for finding in findings} | away.keys()
    found |= snapshot.asked.servers.keys()
    may = [s for s in suspects if s not in ineligible and s not in away]
    leaving = [s for one, s in away.items() if one not in ineligible]
    return dataclasses.replace(
        case,
        ineligible={s: no for s, no in ineligible.items() if s in found},
        leavers=leavers.leavers(findings, may, snapshot),
        emptied=emptied.moves(leaving, findings, snapshot),
    )


def judge(case: Case, snapshot: Snapshot) -> Decision:
    """Say who of them moves; of the snapshot only the room may be newer."""
    tripped, pairs = case.tripped, refused_pairs(snapshot)
    gate = _Gate(case, snapshot)
    also = planner.Also(case.emptied, gate.passes)
    plan = planner.plan(case.leavers, snapshot, pairs, also)
    held = [Refusal(*no) for no in limits.holds(snapshot, case.zones, tripped)]
    admitted, gated = limits.admit(
        () if held else plan.moves, snapshot, tripped, pairs
    )
    findings = case.detection.findings
    refusals = (*case.ineligible.values(), *plan.refusals)
    leaving = (*plan.moves, *snapshot.moves.values())
    stuck = aggressors.stuck_hosts(findings, refusals, leaving)
    worst = aggressors.aggressors(findings, stuck, snapshot)
    return Decision(
        findings=findings,
        admitted=aggressors.told(admitted, worst),
        refusals=(
            *held,
            *snapshot.left_out.values(),
            *case.detection.refusals,
            *refusals,
            *gated,
        ),
        saturations=plan.saturations,
        aggressors=worst,
        watches=case.detection.watches,
        coverage=coverage.percent(case.zones),
        proposed=_refused_as(Reason.APPROVAL, plan.moves, gated),
        announced=_refused_as(Reason.NOTICE, plan.moves, gated),
    )


def _refused_as(
    reason: Reason, moves: Iterable[Move], refusals: Iterable[Refusal]
) -> tuple[Move, ...]:
    """Those of them that only this keeps from beginning."""
    waiting = {no.server_id for no in refusals if no.reason is reason}
    return tuple(move for move in moves if move.server_id in waiting)


class _Gate:
    """What no server passes that may not move; worked out when it is asked."""

    def __init__(self, case: Case, snapshot: Snapshot) -> None:
        self._case = case
        self._snapshot = snapshot

    @functools.cached_property
    def _rules(
        self,
    ) -> tuple[Sequence[coverage.Coverage], no_host.Tries, Others]:
        unseen = coverage.low(self._case.zones, self._snapshot)
        return unseen, no_host.tries(self._snapshot), others(self._snapshot)

    def refusal(self, server_id: str) -> Refusal | None:
        """Why it may not move; None where it may."""
        snapshot = self._snapshot
        return eligibility.refusal(server_id, snapshot) or first(
            self._nos(snapshot.fleet.servers[server_id]), server_id
        )

    def _nos(self, server: Server) -> Nos:
        now, (unseen, tries, foreign) = self._snapshot.now, self._rules
        yield from foreign.nos(server)
        yield from self._case.tripped.nos(server, now)
        yield from tries.nos(server, now)
        yield from coverage.of_server(server, unseen, self._snapshot)

    def passes(self, server_id: str) -> bool:
        return self.refusal(server_id) is None
