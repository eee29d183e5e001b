"""One decision, from what is known to what should be done: pure.

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
from steal_scheduler.decision.host_checks import TrustRules
from steal_scheduler.decision.host_trust import Distrust
from steal_scheduler.decision.snapshot import World
from steal_scheduler.decision.thresholds import HeatRules
from steal_scheduler.model.cloud import Finding
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import Refusal, Saturation


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """Everything that is configured and decides."""

    heat: HeatRules
    detect: detector.DetectRules
    plan: planner.PlanRules
    limit: limits.LimitRules
    trust: TrustRules


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
    #: Hosts that are not believed, by name.
    distrust: Mapping[str, Distrust]


NOTHING = Decision((), (), (), (), {}, 0.0, {})


def blind(trouble: Refusal) -> Decision:
    """Without signals nothing starts, and what was seen before is void."""
    return dataclasses.replace(NOTHING, refusals=(trouble,))


def decide(world: World, watches: detector.Watches, rules: Rules) -> Decision:
    """Say what should be begun now, and why the rest should not.

    :param watches: of the decision before
    """
    now, fleet, moves = world.now, world.fleet, world.moves
    detection = detector.detect(world.usable, fleet, watches, rules.detect)
    allowed, vetoed = eligibility.veto(
        detection.findings, fleet, moves, world.ended, rules.limit, now
    )
    plan = planner.plan(allowed, fleet, world.view, moves, rules.plan, now)
    covered = usable_signals.coverage(world.usable, fleet, moves)
    held = limits.holds(covered, world.ours, rules.limit, now)
    admitted: list[Move] = []
    gated: list[Refusal] = []
    if not held:
        limit = limits.while_trying(world.ours, rules.limit)
        admitted, gated = limits.admit(plan.moves, fleet, moves, limit, now)
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
        distrust=world.known.distrust,
    )
