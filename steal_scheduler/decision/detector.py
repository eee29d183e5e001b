"""Signals to findings: which servers are contended.

A server is contended when, in k of the last n polls, both its steal and its
load were over their thresholds: in the mean, in too many of its seconds, or in
single threads of it. Steal without load is no problem: nobody waits.
"""

import dataclasses
from collections.abc import Mapping

from steal_scheduler.decision import policies, threads
from steal_scheduler.decision.demand import demand_now
from steal_scheduler.decision.rules import DetectionRules
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Server, ServerSignal
from steal_scheduler.model.finding import Finding
from steal_scheduler.model.move import Outcome
from steal_scheduler.model.refusal import Reason, Refusal
from steal_scheduler.model.threads import NO_THREADS

#: Percent of a server's wait that its own quota has to cause before it is no
#: contention. Such a server is not moved: the quota would move with it.
THROTTLED_THRESHOLD = 50.0
#: Load per vCPU that a guest's own load average has to reach at least: it
#: counts what waits for anything, and is a mean over minutes.
GUEST_LOAD = 0.7
#: Share of what it waited before that a server may still wait once it was
#: helped: 51 % -> 16 % is help.
EASED = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Watch:
    """The memory of one server that was contended lately."""

    #: The last n polls, newest in the lowest bit; 1 is 'contended'.
    polls: int
    #: Of the sample that the last poll saw; a sample is judged once.
    at: float


#: Only servers that were contended lately are remembered.
Watches = Mapping[str, Watch]


@dataclasses.dataclass(frozen=True, slots=True)
class Detection:
    findings: tuple[Finding, ...]
    #: Servers whose wait is their own quota: moving cures nothing.
    refusals: tuple[Refusal, ...]
    watches: Watches


def detect(snapshot: Snapshot, watches: Watches) -> Detection:
    """Judge one poll, in the light of those before.

    A server without a fresh signal was not contended in this poll, as far as
    we may say. A sample that the poll before has seen already is not judged
    again.

    For example with 3 of 5 polls, a server whose polls were contended, calm,
    contended, unseen and contended is found now, and said to be so in '3 of 5
    polls'. If the next one is calm, it is not: it does not wait any more.

    :param watches: what the poll before returned; empty at first
    """
    rules, signals = snapshot.rules.detection, snapshot.signals.servers
    of_host, known = policies.detection(snapshot), snapshot.fleet.servers
    mask = (1 << rules.polls_window) - 1
    findings: list[Finding] = []
    refusals: list[Refusal] = []
    after: dict[str, Watch] = {}
    for server_id in watches.keys() - signals.keys():
        polls = (watches[server_id].polls << 1) & mask
        if polls:
            after[server_id] = dataclasses.replace(
                watches[server_id], polls=polls
            )
    for server_id, signal in signals.items():
        here = rules
        if of_host:
            here = policies.of_signal(signal, of_host, snapshot)
        if not _may_wait(signal, here) and server_id not in watches:
            continue
        vcpus = _vcpus(signal, known[server_id])
        quota = own_quota(signal)
        contended = quota is None and is_contended(signal, vcpus, here)
        if quota is not None and is_contended(
            dataclasses.replace(signal, throttled=None), vcpus, here
        ):
            refusals.append(quota)
        if not contended and server_id not in watches:
            continue
        watch = _seen(watches.get(server_id), contended, signal.at, mask)
        if watch.polls:
            after[server_id] = watch
        times = watch.polls.bit_count()
        if contended and times >= _enough(signal, snapshot):
            findings.append(
                Finding(
                    server_id=server_id,
                    host=signal.host or '',
                    steal=signal.steal,
                    load=_load(signal, vcpus),
                    demand=demand_now(signal, snapshot),
                    polls=f'{times} of {rules.polls_window} polls',
                    bad_seconds=signal.bad_seconds,
                    threads=tuple(threads.sentences(signal, here)),
                )
            )
    return Detection(tuple(findings), tuple(refusals), after)


def _may_wait(signal: ServerSignal, rules: DetectionRules) -> bool:
    """Whether it must be looked at: of nearly all there is nothing to say.

    What its own quota holds back counts as well, for it may be refused.
    """
    if signal.throttled:
        return True
    # NOTE: as in ServerSignal.steal; of 100,000 servers each call counts.
    waited, bad = signal.waited, signal.bad_seconds
    if waited > 0:
        steal = waited / (signal.used + waited)
        if steal * 100 >= rules.steal_threshold:
            return True
    if bad is not None and bad * 100 >= rules.bad_seconds_threshold:
        return True
    return signal.threads is not NO_THREADS and threads.waits(signal, rules)


def is_contended(
    signal: ServerSignal, vcpus: int, rules: DetectionRules
) -> bool:
    """Whether it waits and has work to do: in the mean, or hidden by it.

    A bad second has both steal and load in it, by the exporter's limits. For
    example 4 vCPUs that use 3 cores and wait for 1 have a steal of 25 % and,
    without a guest that tells, a load of 1 per vCPU. One that never waited is
    none, whatever else is said of it.
    """
    if threads.waits(signal, rules):
        return True
    if not signal.contention:
        return False
    bad = signal.bad_seconds
    if bad is not None and bad * 100 >= rules.bad_seconds_threshold:
        return True
    busy = rules.load_threshold
    if signal.load is not None:
        busy = max(busy, GUEST_LOAD)
    return (
        signal.steal * 100 >= rules.steal_threshold
        and _load(signal, vcpus) >= busy
    )


def measured(
    signal: ServerSignal, rules: DetectionRules, before: float | None = None
) -> tuple[Outcome, str]:
    """What a move has come to, and a sentence about it.

    Its seconds and threads do not count where its own quota is to blame.

    :param before: its steal before the move, if that is known: half of it is
        help, though it is not cured
    """
    enough = max(rules.steal_threshold / 100, EASED * (before or 0.0))
    bad = signal.bad_seconds or 0.0
    waits = [*threads.sentences(signal, rules)]
    if own_quota(signal):
        bad, waits = 0.0, []
    helped = (
        signal.steal < enough
        and bad * 100 < rules.bad_seconds_threshold
        and not waits
    )
    return (
        Outcome.HELPED if helped else Outcome.NOT_HELPED,
        f'it waits {signal.steal:.0%} of its time now'
        + (f' and in {bad:.0%} of its seconds' if bad else '')
        + ''.join(f', {wait}' for wait in waits),
    )


def _enough(signal: ServerSignal, snapshot: Snapshot) -> int:
    """Polls in which it has to be contended; one where somebody asks."""
    if signal.host in snapshot.asked.hosts:
        return 1
    return snapshot.rules.detection.polls_contended


def _seen(watch: Watch | None, contended: bool, at: float, mask: int) -> Watch:
    if watch is None:
        return Watch(int(contended), at)
    if watch.at == at:
        return watch
    return Watch(((watch.polls << 1) | contended) & mask, at)


def load(signal: ServerSignal, server: Server) -> float:
    """Load of a server per vCPU."""
    return _load(signal, _vcpus(signal, server))


def _vcpus(signal: ServerSignal, server: Server) -> int:
    """Those that its load is of: all of them where its guest tells it."""
    return server.vcpus if signal.load is not None else server.shared_vcpus


def _load(signal: ServerSignal, vcpus: int) -> float:
    """Load per vCPU: the guest's own where known, else as seen outside."""
    load = signal.load if signal.load is not None else signal.asked
    return load / max(vcpus, 1)


def own_quota(signal: ServerSignal) -> Refusal | None:
    """Why its wait is no contention; None where it is."""
    throttled, waited = signal.throttled or 0.0, signal.waited
    if not throttled or not waited:
        return None
    if throttled * 100 < THROTTLED_THRESHOLD * waited:
        return None
    steal = signal.waited / (signal.used + signal.waited)
    return Refusal(
        Reason.QUOTA,
        f'waits {steal:.0%} of its time, but its own CPU quota holds '
        f'it back for {throttled:.2f} of the {signal.waited:.2f} cores it '
        'waits for: moving cannot help, a larger flavor can',
        signal.server_id,
    )
