"""Limits: the one gate that every move passes before it begins.

Everything it needs is read from Nova's records, so that it holds over
restarts and counts the migrations that operators start by hand as well.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from steal_scheduler.decision import (
    consent,
    coverage,
    fair_shares,
    pauses,
    policies,
)
from steal_scheduler.decision.breaker import Breaker, breaker
from steal_scheduler.decision.contested import Contested
from steal_scheduler.decision.disruption_budget import Unavailable
from steal_scheduler.decision.host_names import look_at
from steal_scheduler.decision.others import others
from steal_scheduler.decision.refused_pairs import RefusedPairs
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Fleet
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import Nos, Reason, Refusal, first

#: Seconds of ``copy_rate`` that may be copied at once after a quiet time. A
#: server that is larger waits for a full bucket.
BURST = 1800.0


def holds(
    snapshot: Snapshot,
    zones: Sequence[coverage.Coverage],
    tripped: Breaker | None = None,
) -> Nos:
    """Why nothing at all may start now; empty where something may.

    :param zones: those in which servers could be moved; where too little is
        seen of some, ``decide`` moves in the others
    :param tripped: as of this snapshot, where it is known
    """
    rules, now = snapshot.rules.limits, snapshot.now
    yield from pauses.of_cloud(snapshot)
    if unread := snapshot.fleet.unread:
        yield (
            Reason.NOVA,
            f'Nova does not tell of its {", ".join(unread)} now, and moves '
            f'in flight go on with what it told before: '
            f'{next(iter(unread.values()))}',
        )
    if zones and len(coverage.low(zones, snapshot)) == len(zones):
        cause = look_at(snapshot.signals, snapshot.fleet)
        for zone in zones:
            yield Reason.COVERAGE, zone.detail(rules.coverage_floor, cause)
    if snapshot.handover:
        yield (
            Reason.HANDOVER,
            'this migrator has just begun to lead, and the one before may be '
            'in a call: it waits for as long as one may take',
        )
    yield from others(snapshot).holds()
    yield from (tripped or breaker(snapshot)).holds(now)
    # One that ends before it begins lies around midnight: from 23:00 to 01:00
    # are 2 hours, of which one has passed at midnight.
    if any(
        (now - begin) % 86400 < (end - begin) % 86400
        for begin, end in rules.blackout
    ):
        yield Reason.BLACKOUT, 'now is inside a window of [limits] blackout'


def admit(
    planned: Sequence[Move],
    snapshot: Snapshot,
    tripped: Breaker | None = None,
    pairs: RefusedPairs | None = None,
) -> tuple[list[Move], list[Refusal]]:
    """Let the first moves through that the slots and the network allow.

    No project has more than its share, nor have a few. After the breaker's
    pause one move of a project, or at all, is let through at a time, until one
    succeeds. From each host one server leaves at a time, and what that brings
    is measured.

    For example with 2 slots, of three planned moves from hosts a, a and b the
    first and the third begin. What waits for a yes, and what a dry run only
    says, comes last, and takes nothing of what the others need.

    :param planned: the most urgent first
    :param tripped: as of this snapshot, where it is known; as are the pairs
    """
    limits = snapshot.rules.limits
    busy = [m for m in snapshot.moves.values() if snapshot.occupies(m)]
    projects = fair_shares.Slots(snapshot, busy)
    aggregates = policies.Slots(snapshot, busy)
    live, waiting, dry = consent.ordered(planned, snapshot)
    unmeasured = _unmeasured(snapshot)
    tripped = tripped or breaker(snapshot)
    slots = 1 if tripped.cloud else limits.slots
    unavailable = Unavailable(snapshot)
    bandwidth = _Bandwidth(live or waiting or dry, snapshot)
    contested = Contested(snapshot, pairs)
    one_at_a_time = 'after failures one is tried at a time, until one succeeds'
    admitted: list[Move] = []
    refusals: list[Refusal] = []

    def nos(move: Move) -> Nos:
        later = 'are taken: its turn comes'
        if len(busy) + len(admitted) >= slots:
            yield Reason.SLOT_CLOUD, f'slots = {slots} {later}'
        if why := unmeasured.get(move.source):
            yield Reason.SLOT_SOURCE, _NEXT if move.emptied else why
        yield from aggregates.nos(move)
        of_project = move.server.project_id
        if not projects.has_share_left(of_project):
            has = projects.of(of_project)
            yield (
                Reason.SLOT_PROJECT,
                f'its project has {has} of the {limits.slots} slots, and what '
                'is left is for projects that have fewer, and had none in '
                'vain within the hour: its turn comes',
            )
        if of_project in tripped.projects and projects.of(of_project):
            yield Reason.BREAKER_PROJECT, f'of its project, {one_at_a_time}'
        yield from unavailable.nos(move)
        yield from bandwidth.nos(move)
        yield from contested.nos(move)
        yield from _following(move, unmeasured, unavailable, bandwidth)
        if not policies.is_dry(move.source, snapshot):
            yield from consent.nos(move, snapshot)

    for move in (*live, *waiting, *dry):
        refusal = first(nos(move), move.server_id)
        if refusal is None:
            admitted.append(move)
            unavailable.add(move)
            unmeasured[move.source] = _LEAVING
            projects.add(move.server.project_id)
            aggregates.add(move)
            bandwidth.add(move)
            contested.add(move)
            continue
        refusals.append(refusal)
        if refusal.reason is Reason.BANDWIDTH:
            bandwidth.keep_for(move)
    return admitted, refusals


def _following(
    move: Move,
    unmeasured: Mapping[str, str],
    unavailable: Unavailable,
    bandwidth: '_Bandwidth',
) -> Nos:
    """Why the one for which it makes room could not begin now, if it does."""
    second = move.makes_room_for
    if second is None:
        return
    if why := unmeasured.get(second.source):
        yield Reason.SLOT_SOURCE, why
    yield from unavailable.nos(second)
    both = dataclasses.replace(second, copy_mb=move.copy_mb + second.copy_mb)
    yield from bandwidth.nos(both)


#: Of a host that all leave, whatever it brings.
_NEXT = 'another server leaves its host: its turn comes'
_LEAVING = 'another server leaves its host: what that brings is measured first'


def _unmeasured(snapshot: Snapshot) -> dict[str, str]:
    """Hosts that a server leaves or has just left, and what to say of them.

    What a server asks for is not known exactly, and so neither is who has to
    leave beside it. For example one left at 1000 s, and the signals are means
    over 60 s: those of 1060 s tell. And Nova itself migrates one at a time
    from a host (``max_concurrent_live_migrations``).
    """
    signals = snapshot.signals
    moves = snapshot.moves.values()
    found = {m.source: _LEAVING for m in moves if snapshot.occupies(m)}
    for records in snapshot.fleet.migrations.values():
        for record in records:
            measured_at = record.updated_at + signals.window
            if record.source in snapshot.view.emptied:
                # All of them leave, whatever it brings.
                continue
            if record.completed and measured_at > signals.taken_at:
                found[record.source] = (
                    'another server has just left its host: what that has '
                    'brought is measured first'
                )
    return found


class _Bandwidth:
    """What may be copied now; every admitted move takes its part.

    Half of the rate is kept for all but the project of which most is copied:
    what that has copied, or waits to copy, takes nothing of it. A quarter is
    kept for all but it and the next one, and an eighth for all but three.
    """

    def __init__(self, planned: Sequence[Move], snapshot: Snapshot) -> None:
        self._rate = snapshot.rules.limits.copy_rate
        heaviest = fair_shares.heaviest(planned, snapshot)
        #: For whom each bucket is not. The first one is for all.
        self._but = [heaviest[:n] for n in range(len(heaviest) + 1)]
        #: MiB that are left in each.
        self._left = [
            _tokens_mb(snapshot, self._rate / 2**n, but)
            for n, but in enumerate(self._but)
        ]

    def nos(self, move: Move) -> Nos:
        """Why it must not be copied now.

        For example at 100 MiB/s a server of 500 GiB was moved out of a full
        bucket, and nothing is left for 55 minutes; a server of 30 GiB of
        another project may be copied all the same.
        """
        mine = self._of(move)
        for n in mine:
            most = self._rate / 2**n * BURST
            if self._left[n] >= min(move.copy_mb, most):
                return
        left = max(0.0, *(self._left[n] for n in mine))
        yield (
            Reason.BANDWIDTH,
            f'it needs {move.copy_mb / 1024:.1f} GiB copied, '
            f'{left / 1024:.1f} GiB are allowed now ([limits] copy_rate = '
            f'{self._rate:g} MiB/s)',
        )

    def add(self, move: Move) -> None:
        """It is copied as well."""
        for n in self._of(move):
            self._left[n] -= move.copy_mb

    def keep_for(self, move: Move) -> None:
        """It waits; smaller ones would else pass it for ever."""
        for n in self._of(move):
            self._left[n] = min(self._left[n], 0.0)

    def _of(self, move: Move) -> list[int]:
        """The buckets of its project."""
        project = move.server.project_id
        return [n for n, but in enumerate(self._but) if project not in but]


def _tokens_mb(snapshot: Snapshot, rate: float, but: Sequence[str]) -> float:
    """MiB that may be copied now: the bucket, replayed from the records.

    For example at 100 MiB/s the bucket holds 60000 MiB. A server of 40000 MiB
    that began to move 100 s ago left 20000, and 10000 came since, so 30000
    may be copied now; a move that Nova was not yet asked for takes its own.

    :param but: projects whose servers do not count
    """
    now, burst = snapshot.now, rate * BURST
    begun = [
        (migration.created_at, snapshot.copy_mb(server))
        for migration, server in fair_shares.copies(snapshot)
        if server.project_id not in but
    ]
    tokens, last = burst, now
    for created_at, copy_mb in sorted(begun):
        # Nova's clock may be ahead of ours.
        at = min(created_at, now)
        tokens = min(burst, tokens + max(at - last, 0.0) * rate)
        tokens -= copy_mb
        last = at
    tokens = min(burst, tokens + (now - last) * rate)
    return tokens - sum(
        m.copy_mb
        for m in snapshot.moves.values()
        if m.server.project_id not in but
        if snapshot.occupies(m) and not _recorded(m, snapshot.fleet)
    )


def _recorded(move: Move, fleet: Fleet) -> bool:
    """Whether its bytes are in Nova's records, or will never be copied."""
    if move.stage is Stage.REQUEST:
        return move.migration(fleet) is not None
    return move.stage is not Stage.DRAIN
