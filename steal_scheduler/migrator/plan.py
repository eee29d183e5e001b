"""Plan a tick: what it would do now, without a side effect."""

import dataclasses
from typing import Any

from steal_scheduler.decision import decide
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.migrator import build
from steal_scheduler.migrator.poller import Poller
from steal_scheduler.model.move import Stage
from steal_scheduler.moves import admission, state


@dataclasses.dataclass(frozen=True, slots=True)
class PlannedTick:
    """What ``steal-manage plan`` prints."""

    decided: decide.Decision
    snapshot: Snapshot
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
    poller = Poller(built.source, interval=0.0)
    fleet = built.nova_cache.refresh(now)
    poller.poll(now)
    snapshot = usable_signals(Snapshot(now, rules, fleet, poller.signals))
    moves = state.moves_in_flight(snapshot)
    snapshot = dataclasses.replace(snapshot, moves=moves, sent=True)
    if poller.trouble is not None:
        blind = decide.blind(poller.trouble)
        return PlannedTick(blind, snapshot, tuple(notes))
    snapshot = dataclasses.replace(snapshot, view=build_view(snapshot))
    decided = decide.decide(snapshot, {})
    waiting = [
        refusal
        for move in moves.values()
        if move.stage is Stage.DRAIN
        if (refusal := admission.wait_for(move, snapshot))
    ]
    decided = dataclasses.replace(
        decided, refusals=(*decided.refusals, *waiting)
    )
    return PlannedTick(decided, snapshot, tuple(notes))
