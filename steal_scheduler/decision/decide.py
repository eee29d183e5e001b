"""Decide what should be done: pure, from a snapshot to moves and refusals.

The migrator's tick, ``steal-manage plan`` and the benchmark all decide here.
"""

import dataclasses
from collections.abc import Mapping

from steal_scheduler.decision import (
    detector,
    eligibility,
    limits,
    planner,
    usable_signals,
)
from steal_scheduler.decision.rules import Rules
from steal_scheduler.decision.unreliable_hosts import UnreliableHost
from steal_scheduler.decision.usable_signals import UsableSignals
from steal_scheduler.model.cloud import Finding, Fleet, Migration
from steal_scheduler.model.host_view import View
from steal_scheduler.model.move import Ended, Move
from steal_scheduler.model.refusal import Refusal, Saturation


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that one tick knows: what each step of it is given."""

    now: float
    #: What Nova tells.
    fleet: Fleet
    #: What was measured, and whose metrics are unreliable.
    usable: UsableSignals
    #: How fit each host is to take a server.
    view: View
    #: In flight, by server id. NOTE: the tick's own, which its steps change.
    moves: Mapping[str, Move]
    #: How the last move of a server ended, by server id, as remembered.
    ended: Mapping[str, Ended]
    #: Live migrations that we asked for, in any order.
    ours: tuple[Migration, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What one tick found, what it begins, and why not more."""

    findings: tuple[Finding, ...]
    #: To be begun now, in this order.
    admitted: tuple[Move, ...]
    refusals: tuple[Refusal, ...]
    saturations: tuple[Saturation, ...]
    #: The detector's memory for the next poll.
    watches: detector.Watches
    #: Percent of the running servers that have a usable signal.
    coverage: float
    #: Hosts whose metrics are unreliable, by name.
    unreliable: Mapping[str, UnreliableHost]


NOTHING = Decision((), (), (), (), {}, 0.0, {})


def blind(trouble: Refusal) -> Decision:
    """Without signals nothing starts, and what was seen before is void."""
    return dataclasses.replace(NOTHING, refusals=(trouble,))


def decide(
    snapshot: Snapshot, watches: detector.Watches, rules: Rules
) -> Decision:
    """Say what should be begun now, and why the rest should not.

    :param watches: of the decision before
    """
    now, fleet, moves = snapshot.now, snapshot.fleet, snapshot.moves
    signals = snapshot.usable.signals
    detection = detector.detect(signals, fleet, watches, rules.detection)
    allowed, ineligible = eligibility.eligible(
        detection.findings, fleet, moves, snapshot.ended, rules, now
    )
    plan = planner.plan(allowed, fleet, snapshot.view, moves, rules, now)
    covered = usable_signals.coverage(signals, fleet, moves)
    held = limits.holds(covered, snapshot.ours, rules.limits, now)
    admitted: list[Move] = []
    gated: list[Refusal] = []
    if not held:
        trying = limits.while_trying(snapshot.ours, rules)
        admitted, gated = limits.admit(plan.moves, fleet, moves, trying, now)
    return Decision(
        findings=detection.findings,
        admitted=tuple(admitted),
        refusals=(
            *held,
            *detection.refusals,
            *ineligible,
            *plan.refusals,
            *gated,
        ),
        saturations=plan.saturations,
        watches=detection.watches,
        coverage=covered,
        unreliable=snapshot.usable.unreliable,
    )
