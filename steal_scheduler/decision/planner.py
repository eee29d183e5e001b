"""Findings to moves: which servers are worth moving, worst host first.

A move is worth it only if, by prediction, some host in the same zone can
take the server and stay cold. Demand is additive, so the effect of a move is
known before it is made.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from steal_scheduler.decision.host_load import RELIEF_DEMAND
from steal_scheduler.decision.rules import Rules
from steal_scheduler.decision.targets import Targets
from steal_scheduler.model.cloud import Finding, Fleet, Server
from steal_scheduler.model.host_view import View
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import Reason, Refusal, Saturation


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    #: In the order in which they should be made.
    moves: tuple[Move, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    saturations: tuple[Saturation, ...] = ()


def copy_mb(server: Server, *, shared_storage: bool) -> int:
    """MiB that a live migration of the server copies at least once."""
    disk = 0 if shared_storage else server.disk_gb * 1024
    return server.ram_mb + disk


def plan(
    findings: Sequence[Finding],
    fleet: Fleet,
    view: View,
    moves: Mapping[str, Move],
    rules: Rules,
    now: float,
) -> Plan:
    """Say which servers should move, and why the others should not.

    :param findings: of servers that may move, see ``eligibility``
    :param moves: in flight, by server id
    """
    by_host: dict[str, list[Finding]] = {}
    for finding in findings:
        by_host.setdefault(finding.host, []).append(finding)
    targets = Targets(view, fleet)
    planned: list[Move] = []
    refusals: list[Refusal] = []
    short: dict[str, float] = {}
    for host in sorted(by_host, key=lambda h: (-_waited(view, h), h)):
        excess = _excess(host, view, fleet, moves)
        if excess <= 0 and any(m.source == host for m in moves.values()):
            refusals += [
                _not_needed(f, 'the moves under way relieve it')
                for f in by_host[host]
            ]
            continue
        chosen = _cure(by_host[host], excess, fleet, targets, rules, now)
        planned += chosen.moves
        refusals += chosen.refusals
        for saturation in chosen.saturations:
            zone = saturation.zone
            short[zone] = short.get(zone, 0.0) + saturation.cores_short
    return Plan(
        tuple(planned),
        tuple(refusals),
        tuple(Saturation(zone, short[zone]) for zone in sorted(short)),
    )


def lightest_cure(pool: Sequence[Move], excess: float) -> list[Move]:
    """The fewest servers whose leaving cures the host, and light to copy.

    Starts with those that ask for most, and swaps each for a lighter one as
    long as what leaves still suffices. That is exact where one server
    suffices, and close to it elsewhere.

    :param pool: at least one
    :param excess: cores that have to leave; one server leaves in any case
    :returns: most demand first; everybody if all together do not suffice
    """
    by_demand = sorted(pool, key=lambda m: (-m.demand, m.copy_mb, m.server_id))
    leaving = 0.0
    chosen: list[Move] = []
    for move in by_demand:
        chosen.append(move)
        leaving += move.demand
        if leaving >= excess:
            break
    staying = by_demand[len(chosen) :]
    while (swap := _best_swap(chosen, staying, leaving - excess)) is not None:
        i, j = swap
        leaving += staying[j].demand - chosen[i].demand
        chosen[i], staying[j] = staying[j], chosen[i]
    return sorted(chosen, key=lambda m: (-m.demand, m.copy_mb, m.server_id))


def _waited(view: View, host: str) -> float:
    """Cores that the host's servers wait for: how bad it is there."""
    seen = view.hosts.get(host)
    return seen.steal * seen.demand if seen else 0.0


def _excess(
    host: str,
    view: View,
    fleet: Fleet,
    moves: Mapping[str, Move],
) -> float:
    """Cores that must leave, after what is leaving already."""
    seen = view.hosts.get(host)
    if seen is None or not seen.cores:
        return 0.0
    leaving = sum(
        move.demand
        for move in moves.values()
        if move.source == host
        and move.server_id in fleet.servers
        and fleet.servers[move.server_id].host == host
        and move.stage is not Stage.UNDO
    )
    return seen.demand - leaving - seen.cores * RELIEF_DEMAND


def _cure(
    findings: list[Finding],
    excess: float,
    fleet: Fleet,
    targets: Targets,
    rules: Rules,
    now: float,
) -> Plan:
    """Relieve one host: the fewest servers that can, then the lightest."""
    pool = [_move(f, fleet.servers[f.server_id], rules, now) for f in findings]
    chosen: list[Move] = []
    unplaced: list[Move] = []
    remaining = excess
    while pool and (remaining > 0 or not chosen):
        move = lightest_cure(pool, remaining)[0]
        pool.remove(move)
        if targets.take(move) is None:
            unplaced.append(move)
            continue
        chosen.append(move)
        remaining -= move.demand
    cured = bool(chosen) and remaining <= 0
    refusals = [_not_needed(m, 'the planned moves relieve it') for m in pool]
    waiting = False
    for move in unplaced:
        if cured:
            refusals.append(_not_needed(move, 'the planned moves relieve it'))
        elif targets.would_take(move):
            waiting = True
            refusals.append(_target_busy(move))
        else:
            refusals.append(_saturated(move))
    saturated = unplaced and not cured and not waiting
    lack = max(remaining, 0.0) or sum(m.demand for m in unplaced)
    return Plan(
        tuple(chosen),
        tuple(refusals),
        (Saturation(unplaced[0].zone or '', lack),) if saturated else (),
    )


def _move(finding: Finding, server: Server, rules: Rules, now: float) -> Move:
    return Move(
        server_id=server.server_id,
        server_name=server.name,
        source=finding.host,
        stage=Stage.DRAIN,
        since=now,
        steal_before=finding.steal,
        role=server.role,
        zone=server.zone,
        demand=finding.demand,
        copy_mb=copy_mb(server, shared_storage=rules.hosts.shared_storage),
        reason=f'{_what_is_wrong(finding)}, in {finding.polls}',
    )


def _what_is_wrong(finding: Finding) -> str:
    bad = finding.bad_seconds
    return (
        f'waits {finding.steal:.0%} of its time at load {finding.load:.2f} '
        'per vCPU' + (f' and in {bad:.0%} of its seconds' if bad else '')
    )


def _not_needed(of: Finding | Move, how: str) -> Refusal:
    host = of.host if isinstance(of, Finding) else of.source
    return Refusal(
        Reason.NOT_NEEDED, f'it may stay on {host}: {how}', of.server_id
    )


def _target_busy(move: Move) -> Refusal:
    return Refusal(
        Reason.SLOT_TARGET,
        f'the hosts of zone {move.zone} that can take it are receiving '
        'another server (slots_per_target): its turn comes',
        move.server_id,
    )


def _saturated(move: Move) -> Refusal:
    return Refusal(
        Reason.SATURATED,
        f'no host of zone {move.zone} can take its {move.demand:.1f} cores '
        'and stay cold: moving cannot help, more cores can',
        move.server_id,
    )


def _best_swap(
    chosen: Sequence[Move], staying: Sequence[Move], spare: float
) -> tuple[int, int] | None:
    """The swap that saves most MiB and costs no more cores than spare."""
    best, saved = None, 0
    for i, leaver in enumerate(chosen):
        for j, stayer in enumerate(staying):
            saves = leaver.copy_mb - stayer.copy_mb
            if saves > saved and leaver.demand - stayer.demand <= spare:
                best, saved = (i, j), saves
    return best
