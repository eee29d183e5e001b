"""Plan a tick: what it would do now, without a side effect."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from steal_scheduler.decision import bursts, decide
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.stalled import stalled
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.migrator import build, informed
from steal_scheduler.migrator.poller import Poller
from steal_scheduler.migrator.recall import before, recall
from steal_scheduler.model.host_view import View
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.moves import admission, state
from steal_scheduler.orchestrators.base import State
from steal_scheduler.orchestrators.dispatcher import Dispatcher
from steal_scheduler.reporting import text

#: Earlier ones that are read: as many as make the mean of bad seconds.
READINGS = round(1 / bursts.NEW)


def plan(conf: Any, now: float) -> text.Document:
    """Read Nova and the signals once, and decide.

    A single poll has to be enough here, whatever ``polls_contended`` says.

    :returns: a document; see ``reporting/text.py``
    :raises StealError: the configuration is wrong, or Nova does not answer
    """
    built = build.build(conf)
    wanted = built.rules.detection
    one_poll = dataclasses.replace(wanted, polls_contended=1, polls_window=1)
    rules = dataclasses.replace(built.rules, detection=one_poll)
    notes = [
        'Judged on this one poll; the migrator wants '
        f'{wanted.polls_contended} of {wanted.polls_window} polls.'
    ]
    if rules.dry_run:
        notes.append(
            'dry_run is on: the migrator would only say so. Set [migrator] '
            'dry_run = False to let it move.'
        )
    poller = Poller(built.source, built.conf.migrator.poll_interval)
    fleet = built.nova_cache.refresh(now)
    poller.poll(now)
    notes += [f'{said}.' for said in built.source.advice()]
    snapshot = usable_signals(Snapshot(now, rules, fleet, poller.signals))
    told, newer = built.effects.signer.read_all(fleet.servers.values())
    in_flight = state.moves_in_flight(snapshot, told)
    snapshot = dataclasses.replace(
        snapshot, moves=in_flight, newer_tags=newer, sent=True
    )
    moves = in_flight.values()
    if poller.trouble is not None:
        decided = decide.blind(poller.trouble)
        # That nothing is known of them is no news.
        snapshot = dataclasses.replace(snapshot, unreliable={})
    else:
        earlier = None
        if any(
            signal.bad_seconds is not None
            for signal in snapshot.signals.servers.values()
        ):
            earlier = _view_before(snapshot, poller)
            if earlier is None:
                notes.append(
                    'Bad seconds are those of this one reading; the migrator '
                    'knows those before it as well.'
                )
        view = build_view(snapshot, earlier)
        snapshot = dataclasses.replace(snapshot, view=view)
        recall(snapshot, poller)
        decided, room = informed.decided(built.nova_cache, snapshot, {})
        if room.trouble:
            notes.append(f'Not all is known of the room: {room.trouble}')
        if decided.proposed or decided.announced:
            notes.append(
                'Who has said yes or no, and who was told of a move, only the '
                'migrator that leads knows: "openstack steal approval list".'
            )
        snapshot = dataclasses.replace(snapshot, room=room)
        drains = [m for m in moves if m.stage is Stage.DRAIN]
        waits = [admission.wait_for(move, snapshot) for move in drains]
        refusals = (*decided.refusals, *filter(None, waits))
        decided = dataclasses.replace(decided, refusals=refusals)
    alarm = rules.reattach_alarm
    blocked = [m for m in moves if m.reattach_blocked(now, alarm)]
    held_up = [
        dataclasses.replace(m, trouble=why)
        for m in moves
        if (why := stalled(m, snapshot))
    ]
    return {
        'notes': [{'note': note} for note in notes],
        'reattach_blocked': text.moves_in_flight(blocked, now),
        'stalled': text.moves_in_flight(held_up, now),
        **text.decided(decided, snapshot),
        'drains': _drains(built.dispatcher, decided.admitted),
        'moves_in_flight': text.moves_in_flight(moves, now),
    }


def _view_before(snapshot: Snapshot, poller: Poller) -> View | None:
    """The view that a migrator would have made at the poll before.

    :returns: None where the source tells nothing of then
    """
    view = None
    for n in range(READINGS, 0, -1):
        then = snapshot.now - n * poller.interval
        found = before(snapshot, poller, then, view)
        if not isinstance(found, Refusal):
            # Otherwise it is as with a migrator, which then keeps its view.
            view = found.view
    return view


#: Before what an orchestrator says that would not drain a server now.
_INSTEAD = {State.REFUSED: 'refuses: ', State.WAITING: 'waits: '}


def _drains(dispatcher: Dispatcher, moves: Iterable[Move]) -> text.Items:
    """What the drains would do that come first; of those that can tell."""
    return [
        {
            'server_id': move.server_id,
            'server_name': move.server.name,
            'orchestrator': name,
            'detail': _INSTEAD.get(answer.state, '') + answer.detail,
        }
        for move in moves
        for name, answer in dispatcher.preview(move.server)
        if answer.detail
    ]
