"""Relief: what a move has done, to whom it moved and to both of its hosts.

Whether a server waits less than before says little: a peak passes by itself.
So each move is compared with the same minute without it. What its server asks
for now is known, and so is what is left on its source: together they are what
the source would have to do.
"""

import dataclasses
from collections.abc import Mapping

from steal_scheduler.decision import policies
from steal_scheduler.decision.demand import demand_now
from steal_scheduler.decision.detector import measured
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import ServerSignal
from steal_scheduler.model.move import Ended, Move, Outcome, Stage
from steal_scheduler.model.relief import Harm, Load, Relief

#: Seconds for which a move is followed once it is in service again: what is
#: asked for changes, and then nobody can tell what else would have been done.
FOLLOWED = 900.0
#: Seconds between two looks beyond which nothing is told of the time between.
GAP = 300.0
#: Cores that must wait less for a move to have helped: half of what a busy
#: server of one vCPU waits for that has a steal of 10 %.
LEAST = 0.05


# -- before and after ---------------------------------------------------------


def with_loads(move: Move, snapshot: Snapshot) -> Move:
    """The same, with the loads of its hosts before it.

    That of the source is from before the drain, which relieves it already;
    that of the target from when Nova chose it.
    """
    if move.stage is Stage.DRAIN and move.source_load is None:
        load = _load(move.source, snapshot)
        return dataclasses.replace(move, source_load=load)
    going = move.stage in (Stage.REQUEST, Stage.MIGRATE)
    if going and move.target and move.target_load is None:
        load = _load(move.target, snapshot)
        return dataclasses.replace(move, target_load=load)
    return move


def verdict(move: Move, signal: ServerSignal, snapshot: Snapshot) -> Ended:
    """How a move has ended whose server is measured on its target.

    For example one that waited 51 % of its time and waits 16 % now: it helped,
    unless it would wait no longer where it was, or others wait instead.
    """
    rules = policies.detection(snapshot).get(
        move.server.host or '', snapshot.rules.detection
    )
    outcome, detail = measured(signal, rules, move.steal_before)
    if move.emptied or move.calm:
        # Whether less is waited for is not what it was asked for; whether its
        # target is hurt, see ``with_harm``.
        return Ended(move, Outcome.ARRIVED, snapshot.now, detail, signal.steal)
    saved = cores_saved(move, signal, snapshot)
    if saved is None:
        outcome = Outcome.UNMEASURED
        detail += '; its hosts are not measured'
    elif move.makes_room_for is not None:
        outcome = Outcome.UNMEASURED
        detail += f'; it has made room for {move.makes_room_for.server_id}'
    elif move.source_load is None and saved < LEAST:
        # Another process has seen it there, perhaps among more than is told.
        outcome = Outcome.UNMEASURED
        detail += '; how it was on its old host is not known any more'
    elif outcome is Outcome.HELPED and saved < LEAST:
        outcome = Outcome.NOT_HELPED
        detail += ', but no less is waited for than if it had stayed'
    elif saved >= LEAST:
        detail += f', and {saved:.1f} cores wait less than if it had stayed'
    return Ended(
        move,
        outcome,
        snapshot.now,
        detail,
        signal.steal,
        relief=Relief(move.since),
    )


def unmeasured(move: Move, now: float) -> Ended:
    """How one has ended of whose server no signal comes."""
    wanted = move.emptied or move.calm
    outcome = Outcome.ARRIVED if wanted else Outcome.UNMEASURED
    return Ended(move, outcome, now, 'no fresh signal of it')


def with_harm(ended: Ended, snapshot: Snapshot) -> Ended:
    """The same; of one that arrived, with the target's steal now.

    For example servers of b waited 1 % of their time when Nova chose it, and
    wait 7 % now, more than the 3 % of ``host_steal_threshold``: it is hurt.
    """
    move = ended.move
    before = move.target_load
    if before is None or not move.target or move.server.host != move.target:
        return ended
    now = _load(move.target, snapshot)
    if now is None:
        return ended
    threshold = snapshot.view.steal_threshold
    hurt = before.steal * 100 < threshold <= now.steal * 100
    harm = Harm(before.steal, now.steal, hurt)
    return dataclasses.replace(ended, harm=harm)


def follow(ended: Mapping[str, Ended], snapshot: Snapshot) -> dict[str, Ended]:
    """The same moves; of those that are followed, with the relief until now.

    NOTE: once for each reading of the signals.
    """
    return {
        server_id: _followed(one, snapshot) for server_id, one in ended.items()
    }


def _followed(ended: Ended, snapshot: Snapshot) -> Ended:
    move, relief, now = ended.move, ended.relief, snapshot.now
    if relief is None or relief.over:
        return ended
    signal = snapshot.signals.servers.get(move.server_id)
    server = snapshot.fleet.servers.get(move.server_id)
    over = (
        now - move.since > FOLLOWED
        or server is None
        or server.host != move.server.host
        or move.server_id in snapshot.moves
    )
    saved = None
    if signal is not None and not over:
        saved = cores_saved(move, signal, snapshot)
    seconds = now - relief.at
    if saved is None or not 0 < seconds <= GAP:
        seconds = 0.0
    relief = Relief(
        now,
        relief.core_seconds + (saved or 0.0) * seconds,
        relief.seconds + seconds,
        over,
    )
    outcome = ended.outcome
    if over and outcome is Outcome.HELPED and relief.core_seconds <= 0:
        # In its first minute it did.
        outcome = Outcome.NOT_HELPED
    return dataclasses.replace(ended, outcome=outcome, relief=relief)


# -- without the move ---------------------------------------------------------


def cores_saved(
    move: Move, signal: ServerSignal, snapshot: Snapshot
) -> float | None:
    """Cores that servers of both hosts wait for less than without the move.

    For example a source of 16 cores is asked for 14 by those that stayed, and
    the one that left asks for 4: two cores would wait. On its target nobody
    waits, so two are saved.

    :param signal: of the server, on the target
    :returns: None where a host is not measured
    """
    here, source = move.server.host, _load(move.source, snapshot)
    target = _load(here or '', snapshot)
    elsewhere = signal.host not in (None, here) or here == move.source
    if source is None or target is None or elsewhere:
        return None
    moved = demand_now(signal, snapshot).expected
    with_it = _waits_with(source, moved, move.source_load or source)
    without = _waits_without(target, moved, move.target_load or target)
    return (with_it - source.waited) - (target.waited - without)


def _waits_with(now: Load, moved: float, before: Load) -> float:
    """Cores that would wait on a source if it had to do this as well.

    :param before: the same host, before it left
    """
    full = now.demand >= now.cores
    over = moved + (now.waited if full else now.demand - now.cores)
    between = _between(now.demand + moved, now, before)
    return max(over, between, now.waited)


def _waits_without(now: Load, moved: float, before: Load) -> float:
    """Cores that would wait on a target if it had not to do this.

    :param before: the same host, before it came
    """
    over = now.demand - now.cores - moved
    if now.demand >= now.cores and not before.waited:
        over = now.waited - moved
    between = _between(now.demand - moved, before, now)
    return min(max(over, between), now.waited)


def _between(demand: float, few: Load, many: Load) -> float:
    """Cores that wait on a host where what is asked for fits.

    Servers wait for each other long before a host is full, and the more the
    faster. It was seen with less to do and with more: what waited then is
    interpolated geometrically. For example 32 cores, where 5 waited when 28.8
    were asked for, and 78 when 32.6 were: of 30.4, 15.8 wait; a model with
    queues says 15.
    """
    if not few.waited:
        # Those who wait where all would fit, and only with one more beside,
        # wait for something that nobody measures: so each core counts.
        unseen = many.demand < many.cores
        less = max(many.demand - demand, 0.0)
        return max(many.waited - less, 0.0) if unseen else 0.0
    rise = many.demand - few.demand
    part = min(max((demand - few.demand) / rise, 0.0), 1.0) if rise > 0 else 1
    return few.waited * max(many.waited / few.waited, 1.0) ** part


def _load(name: str, snapshot: Snapshot) -> Load | None:
    """What is known of a host now; None where it is not measured."""
    host = snapshot.view.hosts.get(name)
    if host is None or not host.cores or name in snapshot.unreliable:
        return None
    waited = host.asked.high - host.asked.low
    return Load(host.cores, host.demand, waited, host.steal)
