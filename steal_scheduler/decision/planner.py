"""Findings to moves: which servers are worth moving, worst host first.

A move is worth it only if, by prediction, some host in the same zone can
take the server and stay cold. Demand is additive, so the effect of a move is
known before it is made.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from steal_scheduler.decision.cure import lightest_cure
from steal_scheduler.decision.targets import Targets
from steal_scheduler.model.cloud import Finding, Fleet, Server
from steal_scheduler.model.host_view import View
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import Refusal, Saturation, Why


@dataclasses.dataclass(frozen=True, slots=True)
class PlanRules:
    """What a move must achieve; names and units of ``[placement]``."""

    #: Percent of its cores down to which a host's demand is brought.
    relief_demand: float = 100.0
    #: Local disks are shared: a migration copies memory only.
    shared_storage: bool = False


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
    rules: PlanRules,
    now: float,
) -> Plan:
    """Say which servers should move, and why the others should not.

    :param findings: of servers that may move, see ``veto.veto``
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
        excess = _excess(host, view, fleet, moves, rules)
        if excess <= 0 and any(m.source == host for m in moves.values()):
            refusals += [
                _spared(f, 'the moves under way relieve it')
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


def _waited(view: View, host: str) -> float:
    """Cores that the host's servers wait for: how bad it is there."""
    known = view.hosts.get(host)
    return known.steal * known.demand if known else 0.0


def _excess(
    host: str,
    view: View,
    fleet: Fleet,
    moves: Mapping[str, Move],
    rules: PlanRules,
) -> float:
    """Cores that must leave, after what is leaving already."""
    known = view.hosts.get(host)
    if known is None or not known.cores:
        return 0.0
    leaving = sum(
        move.demand
        for move in moves.values()
        if move.source == host
        and move.server_id in fleet.servers
        and fleet.servers[move.server_id].host == host
        and move.stage is not Stage.UNDO
    )
    return known.demand - leaving - known.cores * rules.relief_demand / 100


def _cure(
    findings: list[Finding],
    excess: float,
    fleet: Fleet,
    targets: Targets,
    rules: PlanRules,
    now: float,
) -> Plan:
    """Relieve one host: the fewest servers that can, then the lightest."""
    pool = [_move(f, fleet.servers[f.server_id], rules, now) for f in findings]
    chosen: list[Move] = []
    stuck: list[Move] = []
    remaining = excess
    while pool and (remaining > 0 or not chosen):
        move = lightest_cure(pool, remaining)[0]
        pool.remove(move)
        if targets.take(move) is None:
            stuck.append(move)
            continue
        chosen.append(move)
        remaining -= move.demand
    cured = bool(chosen) and remaining <= 0
    refusals = [_spared(m, 'the planned moves relieve it') for m in pool]
    waiting = False
    for move in stuck:
        if cured:
            refusals.append(_spared(move, 'the planned moves relieve it'))
        elif targets.would_take(move):
            waiting = True
            refusals.append(_target_busy(move))
        else:
            refusals.append(_saturated(move))
    saturated = stuck and not cured and not waiting
    lack = max(remaining, 0.0) or sum(m.demand for m in stuck)
    return Plan(
        tuple(chosen),
        tuple(refusals),
        (Saturation(stuck[0].zone or '', lack),) if saturated else (),
    )


def _move(
    finding: Finding, server: Server, rules: PlanRules, now: float
) -> Move:
    return Move(
        server_id=server.server_id,
        source=finding.host,
        stage=Stage.DRAIN,
        since=now,
        steal_before=finding.steal,
        role=server.role,
        zone=server.zone,
        demand=finding.demand,
        copy_mb=copy_mb(server, shared_storage=rules.shared_storage),
        reason=f'{_what_hurts(finding)}, in {finding.evidence}',
    )


def _what_hurts(finding: Finding) -> str:
    bad = finding.bad_seconds
    return (
        f'waits {finding.steal:.0%} of its time at load {finding.load:.2f} '
        'per vCPU' + (f' and in {bad:.0%} of its seconds' if bad else '')
    )


def _spared(of: Finding | Move, how: str) -> Refusal:
    host = of.host if isinstance(of, Finding) else of.source
    return Refusal(Why.SPARED, f'it may stay on {host}: {how}', of.server_id)


def _target_busy(move: Move) -> Refusal:
    return Refusal(
        Why.SLOT_TARGET,
        f'the hosts of zone {move.zone} that can take it are receiving '
        'another server (slots_per_target): its turn comes',
        move.server_id,
    )


def _saturated(move: Move) -> Refusal:
    return Refusal(
        Why.SATURATED,
        f'no host of zone {move.zone} can take its {move.demand:.1f} cores '
        'and stay cold: moving cannot help, more cores can',
        move.server_id,
    )
