"""Signals to findings: which servers suffer.

A server suffers when, in k of the last n polls, both its steal and its load
were over their thresholds. Steal without load is no problem: nobody waits.
"""

import dataclasses
from collections.abc import Mapping

from steal_scheduler.model import Finding, Fleet, ServerSignal, Signals
from steal_scheduler.refusal import Refusal, Why


@dataclasses.dataclass(frozen=True, slots=True)
class DetectRules:
    """When a server suffers; option names and units of ``[detection]``."""

    #: Percent of the time it wanted to run.
    steal_threshold: float = 10.0
    #: Load average (or demand) per vCPU.
    load_threshold: float = 0.7
    #: Percent of scheduler periods cut short by its own quota.
    throttled_threshold: float = 5.0
    polls_suffering: int = 3
    polls_window: int = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Watch:
    """The memory of one server that suffered lately."""

    #: The last n polls, newest in the lowest bit; 1 is 'suffered'.
    polls: int
    since: float
    #: Of the sample that the last poll saw; a sample is judged once.
    at: float


#: Only servers that suffered lately are remembered.
Watches = Mapping[str, Watch]


@dataclasses.dataclass(frozen=True, slots=True)
class Detection:
    findings: tuple[Finding, ...]
    #: Servers whose wait is their own quota: moving cures nothing.
    refusals: tuple[Refusal, ...]
    watches: Watches


def detect(
    usable: Signals, fleet: Fleet, watches: Watches, rules: DetectRules
) -> Detection:
    """Judge one poll, in the light of those before.

    :param usable: fresh signals only; a server without one did not suffer
        in this poll, as far as we may say. A sample that the poll before
        has seen already is not judged again.
    :param watches: what the poll before returned; empty at first
    """
    mask = (1 << rules.polls_window) - 1
    steal_threshold = rules.steal_threshold / 100
    load_threshold = rules.load_threshold
    findings: list[Finding] = []
    refusals: list[Refusal] = []
    after = _unseen(watches, usable, mask)
    servers = fleet.servers
    # Most servers do not suffer: they cost one division and a look-up.
    for server_id, signal in usable.servers.items():
        suffers = False
        demand = signal.used + signal.waited
        if demand > 0 and signal.waited / demand >= steal_threshold:
            server = servers[server_id]
            load = _load(signal, server.vcpus)
            if load >= load_threshold:
                suffers = not _throttled(signal, rules)
                if not suffers:
                    refusals.append(_quota(signal, rules))
        watch = watches.get(server_id)
        if not suffers and watch is None:
            continue
        watch = _seen(watch, suffers, signal.at, mask)
        if watch.polls:
            after[server_id] = watch
        if suffers and watch.polls.bit_count() >= rules.polls_suffering:
            findings.append(_finding(signal, load, watch, rules))
    return Detection(tuple(findings), tuple(refusals), after)


def _unseen(watches: Watches, usable: Signals, mask: int) -> dict[str, Watch]:
    """After a poll that brought nothing of them."""
    after = {}
    for server_id in watches.keys() - usable.servers.keys():
        watch = watches[server_id]
        polls = (watch.polls << 1) & mask
        if polls:
            after[server_id] = dataclasses.replace(watch, polls=polls)
    return after


def _seen(watch: Watch | None, suffers: bool, at: float, mask: int) -> Watch:
    if watch is None:
        return Watch(int(suffers), at, at)
    if watch.at == at:
        return watch
    return Watch(((watch.polls << 1) | suffers) & mask, watch.since, at)


def _load(signal: ServerSignal, vcpus: int) -> float:
    """Load per vCPU: the guest's own where known, else as seen outside."""
    load = signal.load if signal.load is not None else signal.demand
    return load / max(vcpus, 1)


def _throttled(signal: ServerSignal, rules: DetectRules) -> bool:
    return (
        signal.throttled is not None
        and signal.throttled * 100 >= rules.throttled_threshold
    )


def _quota(signal: ServerSignal, rules: DetectRules) -> Refusal:
    return Refusal(
        Why.QUOTA,
        f'waits {signal.steal:.0%} of its time, but its own CPU quota cut '
        f'{signal.throttled:.0%} of its periods short (throttled_threshold '
        f'{rules.throttled_threshold:g}%): moving cannot help, a larger '
        'flavor can',
        signal.server_id,
    )


def _finding(
    signal: ServerSignal, load: float, watch: Watch, rules: DetectRules
) -> Finding:
    return Finding(
        server_id=signal.server_id,
        host=signal.host or '',
        steal=signal.steal,
        load=load,
        demand=signal.demand,
        since=watch.since,
        evidence=f'{watch.polls.bit_count()} of {rules.polls_window} polls',
    )
