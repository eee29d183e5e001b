"""Plan a tick: what it would do now, without a side effect."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from steal_scheduler.decision import decide
from steal_scheduler.decision.decide import Snapshot
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.exception import SignalError
from steal_scheduler.migrator import build
from steal_scheduler.model.cloud import NO_SIGNALS, Fleet
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import Reason, Refusal
from steal_scheduler.moves import admission, state


@dataclasses.dataclass(frozen=True, slots=True)
class PlannedTick:
    """What ``steal-manage plan`` prints."""

    decided: decide.Decision
    moves: Mapping[str, Move]
    fleet: Fleet
    #: What the reader must know of how it was decided.
    notes: tuple[str, ...]


def plan_tick(conf: Any, now: float) -> PlannedTick:
    """Read Nova and the signals once, and decide.

    A single poll has to be enough here, whatever ``polls_contended`` says.

    :raises StealError: the configuration is wrong, or Nova does not answer
    """
    built = build.build(conf)
    wanted = built.rules.detection
    rules = dataclasses.replace(
        built.rules,
        detection=dataclasses.replace(
            wanted, polls_contended=1, polls_window=1
        ),
    )
    notes = [
        'Judged on this one poll; the migrator wants '
        f'{wanted.polls_contended} of {wanted.polls_window} polls.'
    ]
    if conf.migrator.dry_run:
        notes.append(
            'dry_run is on: the migrator would only say so. Set [migrator] '
            'dry_run = False to let it move.'
        )
    fleet = built.nova_cache.refresh(now)
    signals, trouble = NO_SIGNALS, None
    try:
        signals = built.source.read(now)
    except SignalError as error:
        trouble = Refusal(Reason.SIGNALS, str(error))
    usable = usable_signals(signals, fleet, now, rules)
    moves = state.moves_in_flight(fleet, {}, usable.signals)
    if trouble is not None:
        return PlannedTick(decide.blind(trouble), moves, fleet, tuple(notes))
    snapshot = Snapshot(
        now=now,
        fleet=fleet,
        usable=usable,
        view=build_view(usable, fleet, moves, rules),
        moves=moves,
        ended={},
        ours=built.ours(fleet),
    )
    decided = decide.decide(snapshot, {}, rules)
    dry_run = conf.migrator.dry_run
    waiting = [
        admission.wait_for(
            move, snapshot, rules.limits, sent=True, dry_run=dry_run
        )
        for move in moves.values()
        if move.stage is Stage.DRAIN
    ]
    decided = dataclasses.replace(
        decided, refusals=(*decided.refusals, *filter(None, waiting))
    )
    return PlannedTick(decided, moves, fleet, tuple(notes))
