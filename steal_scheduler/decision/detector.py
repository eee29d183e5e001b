"""Signals to findings: which servers are contended.

A server is contended when, in k of the last n polls, both its steal and its
load were over their thresholds: in the mean, or in too many of its seconds.
Steal without load is no problem: nobody waits.
"""

import dataclasses
from collections.abc import Mapping

from steal_scheduler.decision.rules import DetectionRules
from steal_scheduler.model.cloud import Finding, Fleet, ServerSignal, Signals
from steal_scheduler.model.move import Outcome
from steal_scheduler.model.refusal import Reason, Refusal

#: Percent of a server's wait that its own quota has to cause before it is no
#: contention. Such a server is not moved: the quota would move with it.
THROTTLED_THRESHOLD = 50.0


@dataclasses.dataclass(frozen=True, slots=True)
class Watch:
    """The memory of one server that was contended lately."""

    #: The last n polls, newest in the lowest bit; 1 is 'contended'.
    polls: int
    since: float
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


def detect(
    usable: Signals, fleet: Fleet, watches: Watches, rules: DetectionRules
) -> Detection:
    """Judge one poll, in the light of those before.

    :param usable: fresh signals only; a server without one was not
        contended in this poll, as far as we may say. A sample that the poll
        before has seen already is not judged again.
    :param watches: what the poll before returned; empty at first
    """
    mask = (1 << rules.polls_window) - 1
    findings: list[Finding] = []
    refusals: list[Refusal] = []
    after = _unseen(watches, usable, mask)
    servers = fleet.servers
    steal_threshold = rules.steal_threshold / 100
    bad_threshold = rules.bad_seconds_threshold / 100
    for server_id, signal in usable.servers.items():
        contended = False
        # Most servers are not: they cost a division and two look-ups.
        waited, bad = signal.waited, signal.bad_seconds
        if waited and (
            waited >= steal_threshold * (signal.used + waited)
            or (bad is not None and bad >= bad_threshold)
        ):
            contended = is_contended(signal, servers[server_id].vcpus, rules)
            if contended and _throttled(signal):
                contended = False
                refusals.append(_quota(signal))
        watch = watches.get(server_id)
        if not contended and watch is None:
            continue
        watch = _seen(watch, contended, signal.at, mask)
        if watch.polls:
            after[server_id] = watch
        if contended and watch.polls.bit_count() >= rules.polls_contended:
            load = _load(signal, servers[server_id].vcpus)
            findings.append(_finding(signal, load, watch, rules))
    return Detection(tuple(findings), tuple(refusals), after)


def is_contended(
    signal: ServerSignal, vcpus: int, rules: DetectionRules
) -> bool:
    """Whether it waits and has work to do, in the mean or in bad seconds.

    A bad second has both steal and load in it, by the exporter's limits.
    """
    bad = signal.bad_seconds
    if bad is not None and bad * 100 >= rules.bad_seconds_threshold:
        return True
    return (
        signal.steal * 100 >= rules.steal_threshold
        and _load(signal, vcpus) >= rules.load_threshold
    )


def measured(
    signal: ServerSignal, rules: DetectionRules
) -> tuple[Outcome, str]:
    """What a move has come to, and a sentence about it."""
    bad = signal.bad_seconds or 0.0
    helped = (
        signal.steal * 100 < rules.steal_threshold
        and bad * 100 < rules.bad_seconds_threshold
    )
    return (
        Outcome.HELPED if helped else Outcome.NOT_HELPED,
        f'it waits {signal.steal:.0%} of its time now'
        + (f' and in {bad:.0%} of its seconds' if bad else ''),
    )


def _unseen(watches: Watches, usable: Signals, mask: int) -> dict[str, Watch]:
    """After a poll that brought nothing of them."""
    after = {}
    for server_id in watches.keys() - usable.servers.keys():
        watch = watches[server_id]
        polls = (watch.polls << 1) & mask
        if polls:
            after[server_id] = dataclasses.replace(watch, polls=polls)
    return after


def _seen(watch: Watch | None, contended: bool, at: float, mask: int) -> Watch:
    if watch is None:
        return Watch(int(contended), at, at)
    if watch.at == at:
        return watch
    return Watch(((watch.polls << 1) | contended) & mask, watch.since, at)


def _load(signal: ServerSignal, vcpus: int) -> float:
    """Load per vCPU: the guest's own where known, else as seen outside."""
    load = signal.load if signal.load is not None else signal.demand
    return load / max(vcpus, 1)


def _throttled(signal: ServerSignal) -> bool:
    throttled = signal.throttled or 0.0
    return (
        throttled > 0
        and throttled * 100 >= THROTTLED_THRESHOLD * signal.waited
    )


def _quota(signal: ServerSignal) -> Refusal:
    throttled = signal.throttled or 0.0
    return Refusal(
        Reason.QUOTA,
        f'waits {signal.steal:.0%} of its time, but its own CPU quota holds '
        f'it back for {throttled:.2f} of the {signal.waited:.2f} cores it '
        'waits for: moving cannot help, a larger flavor can',
        signal.server_id,
    )


def _finding(
    signal: ServerSignal, load: float, watch: Watch, rules: DetectionRules
) -> Finding:
    return Finding(
        server_id=signal.server_id,
        host=signal.host or '',
        steal=signal.steal,
        load=load,
        demand=signal.demand,
        since=watch.since,
        polls=f'{watch.polls.bit_count()} of {rules.polls_window} polls',
        bad_seconds=signal.bad_seconds,
    )
