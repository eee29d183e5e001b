"""Limits: the one gate that every move passes before it begins.

Everything it needs is read from Nova's records, so that it holds over
restarts and counts the migrations that operators start by hand as well.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from steal_scheduler.decision.disruption_budget import Unavailable
from steal_scheduler.decision.planner import copy_mb
from steal_scheduler.decision.rules import LimitRules, Rules
from steal_scheduler.model.cloud import Fleet, Migration
from steal_scheduler.model.move import Move, Stage, migration_of
from steal_scheduler.model.refusal import Reason, Refusal

#: Seconds of ``copy_rate`` that may be copied at once after a quiet time. A
#: server that is larger waits for a full bucket.
BURST = 600.0


def holds(
    coverage: float,
    migrations: Sequence[Migration],
    rules: LimitRules,
    now: float,
) -> list[Refusal]:
    """Why nothing at all may start now; empty where something may.

    :param coverage: percent of running servers with a fresh signal
    :param migrations: ours, of the whole cloud, in any order
    """
    found: list[Refusal] = []
    if coverage < rules.coverage_floor:
        found.append(
            Refusal(
                Reason.COVERAGE,
                f'{coverage:.0f}% of the running servers have a fresh '
                f'signal; coverage_floor wants {rules.coverage_floor:g}%: '
                'look at the exporters',
            )
        )
    until = _breaker_until(migrations, rules)
    if until > now:
        found.append(
            Refusal(
                Reason.BREAKER,
                f'the last {rules.breaker_failures} migrations failed; it '
                f'closes in {until - now:.0f} s. See "openstack server '
                'migration list" and the log of nova-compute',
            )
        )
    second = now % 86400
    for begin, end in rules.blackout:
        inside = begin <= second < end
        if inside if begin <= end else not end <= second < begin:
            found.append(
                Refusal(
                    Reason.BLACKOUT,
                    'now is inside a window of [limits] blackout',
                )
            )
    return found


def while_trying(migrations: Sequence[Migration], rules: Rules) -> Rules:
    """After the breaker's pause one move is let through at a time.

    :param migrations: as in ``holds``
    :returns: the rules that hold until a migration succeeds
    """
    if not _breaker_until(migrations, rules.limits):
        return rules
    one = dataclasses.replace(rules.limits, slots=1)
    return dataclasses.replace(rules, limits=one)


def _breaker_until(
    migrations: Sequence[Migration], rules: LimitRules
) -> float:
    """0 where the last migrations did not all fail."""
    ended = sorted(
        (m for m in migrations if m.ended), key=lambda m: -m.updated_at
    )
    last = ended[: rules.breaker_failures]
    if len(last) < rules.breaker_failures or not all(m.failed for m in last):
        return 0.0
    return last[0].updated_at + rules.breaker_pause


def admit(
    planned: Sequence[Move],
    fleet: Fleet,
    moves: Mapping[str, Move],
    rules: Rules,
    now: float,
) -> tuple[list[Move], list[Refusal]]:
    """Let the first moves through that the slots and the network allow.

    :param planned: the most urgent first
    """
    busy = [m for m in moves.values() if m.occupies]
    sources = collections.Counter(m.source for m in busy)
    limits = rules.limits
    free = limits.slots - len(busy)
    unavailable = Unavailable(fleet, moves, rules, now)
    tokens = _tokens_mb(fleet, moves, rules, now)
    admitted: list[Move] = []
    refusals: list[Refusal] = []
    for move in planned:
        refusal = None
        if free <= 0:
            refusal = _no(Reason.SLOT_CLOUD, move, 'slots', limits.slots)
        elif sources[move.source] >= limits.slots_per_source:
            refusal = _no(
                Reason.SLOT_SOURCE,
                move,
                'slots_per_source',
                limits.slots_per_source,
            )
        elif (kept := unavailable.refusal(move)) is not None:
            refusal = kept
        elif tokens < min(move.copy_mb, limits.copy_rate * BURST):
            refusal = _no_bandwidth(move, tokens, limits.copy_rate)
            # Or smaller ones would pass it for ever.
            tokens = 0.0
        if refusal is not None:
            refusals.append(refusal)
            continue
        admitted.append(move)
        unavailable.add(move)
        free -= 1
        sources[move.source] += 1
        tokens -= move.copy_mb
    return admitted, refusals


def _tokens_mb(
    fleet: Fleet, moves: Mapping[str, Move], rules: Rules, now: float
) -> float:
    """MiB that may be copied now: the bucket, replayed from the records."""
    rate = rules.limits.copy_rate
    burst = rate * BURST
    begun = [
        m
        for records in fleet.migrations.values()
        for m in records
        if m.server_id in fleet.servers
    ]
    tokens, last = burst, now
    for migration in sorted(begun, key=lambda m: m.created_at):
        # Nova's clock may be ahead of ours.
        at = min(migration.created_at, now)
        tokens += max(at - last, 0.0) * rate
        tokens = min(burst, tokens) - copy_mb(
            fleet.servers[migration.server_id],
            shared_storage=rules.hosts.shared_storage,
        )
        last = at
    tokens = min(burst, tokens + (now - last) * rate)
    return tokens - sum(
        m.copy_mb for m in moves.values() if not _recorded(m, fleet)
    )


def _recorded(move: Move, fleet: Fleet) -> bool:
    """Whether its bytes are in Nova's records, or will never be copied."""
    if move.stage is Stage.REQUEST:
        return migration_of(move, fleet) is not None
    return move.stage is not Stage.DRAIN


def _no(reason: Reason, move: Move, option: str, value: int) -> Refusal:
    return Refusal(
        reason,
        f'{option} = {value} are taken: its turn comes',
        move.server_id,
    )


def _no_bandwidth(move: Move, tokens: float, copy_rate: float) -> Refusal:
    return Refusal(
        Reason.BANDWIDTH,
        f'it needs {move.copy_mb / 1024:.1f} GiB copied, '
        f'{max(tokens, 0.0) / 1024:.1f} GiB are allowed now ([limits] '
        f'copy_rate = {copy_rate:g} MiB/s)',
        move.server_id,
    )
