"""Findings to moves: which servers are worth moving, worst host first.

The projects take turns, see ``fair_shares``.

A move is worth it only if, by prediction, some host in the same zone can
take the server and stay cold. Demand is additive, so the effect of a move is
known before it is made.
"""

import collections
import dataclasses
from collections.abc import Callable, Iterator, Sequence

from steal_scheduler.decision import (
    fair_shares,
    network,
    room,
    saturation,
)
from steal_scheduler.decision.lightest_cure import lightest_cure
from steal_scheduler.decision.refused_pairs import RefusedPairs, refused_pairs
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.targets import Targets
from steal_scheduler.edge.text import several
from steal_scheduler.model.finding import Finding
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import (
    SCARCE,
    Reason,
    Refusal,
    Saturation,
    first,
)

#: Expected demand down to which a host is relieved, as a share of its cores.
RELIEF_DEMAND = 1.0
#: Use from which a host is no better than it was, as a share of its cores.
RELIEF_USE = 0.9


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    #: In the order in which they should be made.
    moves: tuple[Move, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    saturations: tuple[Saturation, ...] = ()


def plan(
    findings: Sequence[Finding],
    snapshot: Snapshot,
    pairs: RefusedPairs | None = None,
) -> Plan:
    """Say which servers should move, and why the others should not.

    For example servers of 4, 3 and 2 cores, with 8 GiB each, wait on a host
    of 16 cores whose servers ask for 18.5: 2.5 cores are too many, so the one
    of 4 leaves, and the other two may stay. If the one of 3 has 4 GiB, it
    leaves instead. If no host of the zone can take it and stay cold, the one
    of 4 is tried, and then that of 2; if none can be placed, the zone is 2.5
    cores short.

    :param findings: of servers that may move, see ``eligibility``
    :param pairs: as of this snapshot, where they are known
    """
    by_host: dict[str, list[Move]] = {}
    for finding in findings:
        by_host.setdefault(finding.host, []).append(_move(finding, snapshot))
    worst_first = sorted(by_host, key=lambda h: (-_waited(snapshot, h), h))
    turns = fair_shares.turns(snapshot)
    targets = Targets(snapshot, pairs or refused_pairs(snapshot))
    for move in room.unplaced(snapshot.moves):
        # Its drain has begun: the place is its own.
        targets.take(move)
    planned: list[Move] = []
    refusals: list[Refusal] = []
    short: dict[tuple[str, str], float] = {}
    hopeful: set[str] = set()
    for host in turns.ordered(worst_first, by_host):
        excess = _excess(host, snapshot)
        leaving = any(m.source == host for m in snapshot.moves.values())
        if excess <= 0 and leaving:
            why = 'the moves under way relieve it'
            refusals += [_not_needed(m, why) for m in by_host[host]]
            hopeful.add(_zone(by_host[host]))
            continue
        cure = _cure(
            _Host(host, by_host[host], excess, turns.of), targets, snapshot
        )
        planned += cure.moves
        refusals += cure.refusals
        for lack in cure.saturations:
            key = lack.zone, lack.scarce
            short[key] = short.get(key, 0.0) + lack.cores_short
        if not cure.saturations:
            hopeful.add(_zone(by_host[host]))
    return Plan(
        tuple(planned),
        tuple(refusals),
        tuple(
            Saturation(zone, short[zone, scarce], scarce)
            for zone, scarce in sorted(short)
            if zone not in hopeful
        ),
    )


def _zone(pool: Sequence[Move]) -> str:
    return pool[0].server.zone or ''


def _waited(snapshot: Snapshot, host: str) -> float:
    """Cores that the host's servers wait for: how bad it is there."""
    seen = snapshot.view.hosts.get(host)
    return seen.steal * seen.asked.high if seen else 0.0


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


@dataclasses.dataclass(frozen=True, slots=True)
class _Host:
    """A host that is to be relieved."""

    name: str
    #: Moves of all its servers that could.
    pool: list[Move]
    #: Cores that must leave.
    excess: float
    #: How many of the project of each have left it lately.
    turn: Callable[[Move], int]


def _cure(host: _Host, targets: Targets, snapshot: Snapshot) -> Plan:
    """Relieve one host: the fewest servers that can, then the lightest.

    Where some have left already and it is no better, those of other projects
    are taken first.
    """
    chosen: list[Move] = []
    unplaced: list[Move] = []
    pool, remaining = [*host.pool], host.excess
    while pool and (remaining > 0 or not chosen):
        first_turn = min(map(host.turn, pool))
        least = [m for m in pool if host.turn(m) == first_turn]
        move = lightest_cure(least, remaining)[0]
        pool.remove(move)
        if targets.take(move) is None:
            unplaced.append(move)
            continue
        chosen.append(move)
        remaining -= move.demand.expected
    if chosen and remaining <= 0:
        pool, unplaced = [*pool, *unplaced], []
    why = 'the planned moves relieve it'
    not_needed = [_not_needed(move, why) for move in pool]
    refusals = [_unplaced(move, targets, snapshot) for move in unplaced]
    saturations: tuple[Saturation, ...] = ()
    reasons = collections.Counter(r.reason for r in refusals)
    scarce = reasons.keys() & {Reason.SATURATED, *SCARCE}
    if (
        scarce
        and reasons.keys() <= {*scarce, Reason.UNCERTAIN_DEMAND}
        and not saturation.curable(
            host.pool, _excess_use(host.name, snapshot), targets
        )
    ):
        lack = max(remaining, 0.0) or sum(m.demand.expected for m in unplaced)
        most = next(r for r, _ in reasons.most_common() if r in scarce)
        what = 'cores' if most is Reason.SATURATED else str(most)
        saturations = (Saturation(_zone(host.pool), lack, what),)
    return Plan(tuple(chosen), (*not_needed, *refusals), saturations)


def _unplaced(move: Move, targets: Targets, snapshot: Snapshot) -> Refusal:
    """Why no host is planned for it."""
    zone, reason = move.server.zone, Reason.SATURATED
    low, cores = move.demand.low, move.demand.expected
    detail = (
        f'no host of zone {zone} can take its {cores:.1f} cores and '
        'stay cold: moving cannot help, more cores can'
    )
    if could := saturation.could_take(move, targets):
        reason = Reason.UNCERTAIN_DEMAND
        detail = (
            f'{several(could)} could take the {low:.1f} cores that it uses '
            f'and stay cold, and with what else is planned no host of zone '
            f'{zone} the {cores:.1f} that it is expected to ask for: it '
            'stays until that is known better'
        )
    if lacking := targets.lacking(move):
        reason, detail = room.scarce(move, lacking)
    closed = targets.unknown(move)
    if unknown := _unknown(closed, move, snapshot):
        reason = Reason.TARGETS_UNKNOWN
        detail = (
            f'no host of zone {zone} that is known and open can take its '
            f'{cores:.1f} cores and stay cold; {several(unknown)}: '
            'without reliable metrics, paused, or left to others who move '
            'servers'
        )
    if refused := targets.refused_takers(move):
        reason = Reason.NO_HOST
        detail = (
            f'of zone {zone} {several(refused)} could take it, and Nova '
            f'found no host for others of {move.source} while they could: are '
            'they in another cell? The log of nova-scheduler says'
        )
    if targets.would_take(move):
        reason = Reason.SLOT_TARGET
        detail = (
            f'the hosts of zone {zone} that can take it are receiving another '
            'server (slots_per_target): its turn comes'
        )
    # One whose network is busy is closed to us.
    nos = network.of_targets(closed, move, snapshot)
    return first(nos, move.server_id) or Refusal(
        reason, detail, move.server_id
    )


def _unknown(
    names: Sequence[str], move: Move, snapshot: Snapshot
) -> Sequence[str]:
    """Those of these hosts that could take it, for all that is known.

    For example b is not measured, c has room and is paused, d is paused and
    full: b and c.
    """
    view = snapshot.view
    return [
        name
        for name in names
        if not view.hosts[name].cores
        or name in snapshot.unreliable
        or view.has_room(view.hosts[name], move.demand.expected)
    ]


def _move(finding: Finding, snapshot: Snapshot) -> Move:
    server = snapshot.fleet.servers[finding.server_id]
    bad = finding.bad_seconds
    wrong = (
        f'waits {finding.steal:.0%} of its time at load {finding.load:.2f} '
        'per vCPU' + (f' and in {bad:.0%} of its seconds' if bad else '')
    ) + ''.join(f', {waits}' for waits in finding.threads)
    return Move(
        server,
        source=finding.host,
        stage=Stage.DRAIN,
        since=snapshot.now,
        drained_at=snapshot.now,
        steal_before=finding.steal,
        demand=finding.demand,
        copy_mb=snapshot.copy_mb(server),
        reason=f'{wrong}, in {finding.polls}',
    )


def _not_needed(move: Move, why: str) -> Refusal:
    detail = f'it may stay on {move.source}: {why}'
    return Refusal(Reason.NOT_NEEDED, detail, move.server_id)
