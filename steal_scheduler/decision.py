"""One decision, from what is known to what should be done: pure.

The migrator's tick, ``steal-manage plan`` and the benchmark all decide here.
"""

import dataclasses
from collections.abc import Mapping

from steal_scheduler import detector, evidence, limits, planner, veto, view
from steal_scheduler.model import (
    Ended,
    Finding,
    Fleet,
    Migration,
    Move,
    Signals,
)
from steal_scheduler.refusal import Refusal, Saturation


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """Everything that is configured and decides."""

    heat: view.HeatRules
    detect: detector.DetectRules
    plan: planner.PlanRules
    limit: limits.LimitRules
    #: Seconds after which a signal says nothing.
    max_age: float = 120.0


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    findings: tuple[Finding, ...]
    #: To be begun now, in this order.
    admitted: tuple[Move, ...]
    refusals: tuple[Refusal, ...]
    saturations: tuple[Saturation, ...]
    #: The detector's memory for the next poll.
    watches: detector.Watches
    #: Percent of the running servers that have a usable signal.
    coverage: float


NOTHING = Decision((), (), (), (), {}, 0.0)


def blind(trouble: Refusal) -> Decision:
    """Without signals nothing starts, and what was seen before is void."""
    return dataclasses.replace(NOTHING, refusals=(trouble,))


def decide(
    usable: Signals,
    seen: view.View,
    fleet: Fleet,
    moves: Mapping[str, Move],
    ended: Mapping[str, Ended],
    watches: detector.Watches,
    ours: tuple[Migration, ...],
    rules: Rules,
    now: float,
) -> Decision:
    """Say what should be begun now, and why the rest should not.

    :param ours: live migrations that we asked for, for the breaker
    """
    detection = detector.detect(usable, fleet, watches, rules.detect)
    allowed, vetoed = veto.veto(
        detection.findings, fleet, moves, ended, rules.limit, now
    )
    plan = planner.plan(allowed, fleet, seen, moves, rules.plan, now)
    covered = evidence.coverage(usable, fleet)
    held = limits.holds(covered, ours, rules.limit, now)
    admitted: list[Move] = []
    gated: list[Refusal] = []
    if not held:
        admitted, gated = limits.admit(
            plan.moves, fleet, moves, rules.limit, now
        )
    return Decision(
        findings=detection.findings,
        admitted=tuple(admitted),
        refusals=(
            *held,
            *detection.refusals,
            *vetoed,
            *plan.refusals,
            *gated,
        ),
        saturations=plan.saturations,
        watches=detection.watches,
        coverage=covered,
    )
