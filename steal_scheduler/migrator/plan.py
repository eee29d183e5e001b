"""What a tick would do now, decided aside, without a side effect."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from steal_scheduler.decision import decide, usable_signals
from steal_scheduler.decision.host_load import survey
from steal_scheduler.decision.snapshot import World
from steal_scheduler.exception import SignalError
from steal_scheduler.migrator import build
from steal_scheduler.model.cloud import NO_SIGNALS, Fleet
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import Refusal, Why
from steal_scheduler.moves import admission, state


@dataclasses.dataclass(frozen=True, slots=True)
class Planned:
    decided: decide.Decision
    moves: Mapping[str, Move]
    fleet: Fleet
    #: What the reader must know of how it was decided.
    notes: tuple[str, ...]


def plan(conf: Any, now: float) -> Planned:
    """Read Nova and the signals once, and decide.

    A single poll has to be enough here, whatever ``polls_suffering`` says.

    :raises StealError: the configuration is wrong, or Nova does not answer
    """
    built = build.build(conf)
    wanted = built.rules.detect
    rules = dataclasses.replace(
        built.rules,
        detect=dataclasses.replace(wanted, polls_suffering=1, polls_window=1),
    )
    notes = [
        'Judged on this one poll; the migrator wants '
        f'{wanted.polls_suffering} of {wanted.polls_window} polls.'
    ]
    if conf.migrator.dry_run:
        notes.append(
            'dry_run is on: the migrator would only say so. Set [migrator] '
            'dry_run = False to let it move.'
        )
    fleet = built.inventory.refresh(now)
    signals, trouble = NO_SIGNALS, None
    try:
        signals = built.source.read(now)
    except SignalError as error:
        trouble = Refusal(Why.SIGNALS, str(error))
    known = usable_signals.gather(signals, fleet, now, rules.trust)
    moves = state.moves_in_flight(fleet, {}, known.usable)
    if trouble is not None:
        return Planned(decide.blind(trouble), moves, fleet, tuple(notes))
    world = World(
        now=now,
        fleet=fleet,
        known=known,
        view=survey(known, fleet, moves, rules.heat),
        moves=moves,
        ended={},
        ours=built.ours(fleet),
    )
    decided = decide.decide(world, {}, rules)
    dry_run = conf.migrator.dry_run
    waiting = [
        admission.wait_for(
            move, world, rules.limit, sent=True, dry_run=dry_run
        )
        for move in moves.values()
        if move.stage is Stage.DRAIN
    ]
    decided = dataclasses.replace(
        decided, refusals=(*decided.refusals, *filter(None, waiting))
    )
    return Planned(decided, moves, fleet, tuple(notes))
