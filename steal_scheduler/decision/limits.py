"""The one gate that every move passes.

Everything it needs is read from Nova's records, so that it holds over
restarts and counts the migrations that operators start by hand as well.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from steal_scheduler.decision.disruption_budget import Out, OutRules
from steal_scheduler.decision.planner import copy_mb
from steal_scheduler.model.cloud import Fleet, Migration
from steal_scheduler.model.move import Move, Stage, migration_of
from steal_scheduler.model.refusal import Refusal, Why


@dataclasses.dataclass(frozen=True, slots=True)
class LimitRules:
    """Option names and units of ``[limits]``."""

    slots: int = 2
    slots_per_source: int = 1
    slots_per_role: int = 1
    #: MiB per second on average, and GiB at once.
    copy_rate: float = 100.0
    copy_burst: float = 64.0
    #: Seconds.
    cooldown: float = 3600.0
    history: float = 86400.0
    breaker_failures: int = 3
    breaker_pause: float = 1800.0
    #: Percent of running servers that must have a fresh signal.
    coverage_floor: float = 80.0
    #: Pairs of seconds after midnight UTC.
    blackout: tuple[tuple[int, int], ...] = ()
    shared_storage: bool = False
    out: OutRules = dataclasses.field(default_factory=OutRules)


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
                Why.COVERAGE,
                f'{coverage:.0f}% of the running servers have a fresh '
                f'signal; coverage_floor wants {rules.coverage_floor:g}%: '
                'look at the exporters',
            )
        )
    until = _breaker_until(migrations, rules)
    if until > now:
        found.append(
            Refusal(
                Why.BREAKER,
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
                    Why.BLACKOUT, 'now is inside a window of [limits] blackout'
                )
            )
    return found


def while_trying(
    migrations: Sequence[Migration], rules: LimitRules
) -> LimitRules:
    """After the breaker's pause one move is let through at a time.

    :param migrations: as in ``holds``
    :returns: the rules that hold until a migration succeeds
    """
    if not _breaker_until(migrations, rules):
        return rules
    return dataclasses.replace(rules, slots=1)


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
    rules: LimitRules,
    now: float,
) -> tuple[list[Move], list[Refusal]]:
    """Let the first moves through that the slots and the network allow.

    :param planned: the most urgent first
    """
    busy = [m for m in moves.values() if m.occupies]
    sources = collections.Counter(m.source for m in busy)
    roles = collections.Counter(m.role or '' for m in busy)
    free = rules.slots - len(busy)
    out = Out(fleet, moves, rules.out, now)
    tokens = _tokens_mb(fleet, moves, rules, now)
    admitted: list[Move] = []
    refusals: list[Refusal] = []
    for move in planned:
        refusal = None
        if free <= 0:
            refusal = _no(Why.SLOT_CLOUD, move, 'slots', rules.slots)
        elif sources[move.source] >= rules.slots_per_source:
            refusal = _no(
                Why.SLOT_SOURCE,
                move,
                'slots_per_source',
                rules.slots_per_source,
            )
        elif move.role and roles[move.role] >= rules.slots_per_role:
            refusal = _no(
                Why.SLOT_ROLE, move, 'slots_per_role', rules.slots_per_role
            )
        elif (kept := out.refusal(move)) is not None:
            refusal = kept
        elif tokens < min(move.copy_mb, rules.copy_burst * 1024):
            refusal = _no_bytes(move, tokens, rules)
            # Or smaller ones would pass it for ever.
            tokens = 0.0
        if refusal is not None:
            refusals.append(refusal)
            continue
        admitted.append(move)
        out.add(move)
        free -= 1
        sources[move.source] += 1
        roles[move.role or ''] += 1
        tokens -= move.copy_mb
    return admitted, refusals


def _tokens_mb(
    fleet: Fleet, moves: Mapping[str, Move], rules: LimitRules, now: float
) -> float:
    """MiB that may be copied now: the bucket, replayed from the records."""
    burst = rules.copy_burst * 1024
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
        tokens += max(at - last, 0.0) * rules.copy_rate
        tokens = min(burst, tokens) - copy_mb(
            fleet.servers[migration.server_id],
            shared_storage=rules.shared_storage,
        )
        last = at
    tokens = min(burst, tokens + (now - last) * rules.copy_rate)
    return tokens - sum(
        m.copy_mb for m in moves.values() if not _recorded(m, fleet)
    )


def _recorded(move: Move, fleet: Fleet) -> bool:
    """Whether its bytes are in Nova's records, or will never be copied."""
    if move.stage is Stage.REQUEST:
        return migration_of(move, fleet) is not None
    return move.stage is not Stage.DRAIN


def _no(why: Why, move: Move, option: str, value: int) -> Refusal:
    return Refusal(
        why, f'{option} = {value} are taken: its turn comes', move.server_id
    )


def _no_bytes(move: Move, tokens: float, rules: LimitRules) -> Refusal:
    return Refusal(
        Why.BYTES,
        f'it needs {move.copy_mb / 1024:.1f} GiB copied, '
        f'{max(tokens, 0.0) / 1024:.1f} GiB are allowed now (copy_rate '
        f'{rules.copy_rate:g} MiB/s, copy_burst {rules.copy_burst:g} GiB)',
        move.server_id,
    )
