"""What makes a host's numbers doubtful: one function for each reason.

Each takes the host's case and says what is wrong with it, or nothing.
"""

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence

from steal_scheduler.model.cloud import (
    HostSignal,
    Migration,
    Server,
    ServerSignal,
)


class Doubt(enum.StrEnum):
    """Why a host is not believed. Each is a label of a metric."""

    #: Nothing fresh is known of it.
    STALE = 'stale'
    #: Its clock is far off, or its exporter's sampler stands still.
    CLOCK = 'clock'
    #: The source itself says so.
    SOURCE = 'source'
    #: Its exporter sees fewer servers than Nova.
    MISSING_SERVERS = 'missing_servers'
    #: Its servers run, yet the counter of their wait stands still.
    FLAT_WAIT = 'flat_wait'
    #: All its cores are used by more vCPUs than it has, and nobody waits.
    ZERO_WAIT = 'zero_wait'
    #: What guests see of their wait is not what it sees.
    GUESTS_DISAGREE = 'guests_disagree'
    #: Nothing that was sent there lately arrived.
    FAILED_ARRIVALS = 'failed_arrivals'

    @property
    def lies(self) -> bool:
        """Its numbers are wrong, and say nothing of its servers either."""
        return self not in (
            Doubt.STALE,
            Doubt.MISSING_SERVERS,
            Doubt.FAILED_ARRIVALS,
        )


#: What an operator may switch off, where a cloud is unlike others.
OPTIONAL = tuple(d for d in Doubt if d not in (Doubt.STALE, Doubt.SOURCE))

#: Share of its cores from which a host's servers certainly run, and from
#: which all of them are in use.
_RUNNING = 0.05
_FULL = 0.95
#: Wait, as a share of what is used, that is none.
_NO_WAIT = 0.001
#: Servers that have to lack a signal: one has perhaps just been created, and
#: counts as busy.
_UNSEEN = 2
#: Guests that have to differ: one tenant's agent may lie.
_GUESTS = 2


@dataclasses.dataclass(frozen=True, slots=True)
class TrustRules:
    """When a host is believed; names and units of ``[trust]``."""

    #: Those of OPTIONAL that are made.
    checks: Sequence[str] = OPTIONAL
    #: Seconds.
    clock_skew: float = 30.0
    #: Percent of a vCPU.
    guest_margin: float = 10.0
    failed_arrivals: int = 3
    #: Seconds.
    failed_arrivals_period: float = 3600.0
    #: Percent of the servers that Nova knows there; of ``[limits]``.
    coverage_floor: float = 80.0
    #: Seconds; of ``[signals]``.
    max_age: float = 120.0


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """What there is to judge a host by."""

    name: str
    now: float
    #: As the source gave it, however old, and if it is fresh.
    told: HostSignal | None
    fresh: HostSignal | None
    #: Its running servers that neither move nor moved lately.
    servers: list[Server]
    #: Of these servers, those that are measured; see ServerSignal.by_guest.
    signals: list[tuple[Server, ServerSignal]]
    #: Ended migrations to it, newest first.
    came: list[Migration]

    @property
    def watched(self) -> list[ServerSignal]:
        """What its own exporter measured."""
        return [s for _, s in self.signals if not s.by_guest]


def _stale(case: Case, rules: TrustRules) -> str:
    if case.told is None:
        return 'no signal tells of it: is its exporter running, and scraped?'
    age = case.now - case.told.at
    if age <= rules.max_age:
        return ''
    return (
        f'its last signal is {age:.0f} s old ([signals] max_age = '
        f'{rules.max_age:g}): is its exporter running?'
    )


def _clock(case: Case, rules: TrustRules) -> str:
    if case.told is None:
        return ''
    ahead = case.told.at - case.now
    if ahead > rules.max_age:
        return f'its signals are {ahead:.0f} s in the future: set its clock'
    offset = case.told.clock_offset or 0.0
    if abs(offset) <= rules.clock_skew:
        return ''
    if offset > 0:
        return f'its clock is {offset:.0f} s ahead: set it'
    return (
        f'its clock is {-offset:.0f} s behind, or its exporter has not looked '
        f'for so long ([trust] clock_skew = {rules.clock_skew:g})'
    )


def _source(case: Case, rules: TrustRules) -> str:
    if case.told is None:
        return ''
    if not case.told.trusted:
        return 'the signal source does not believe it'
    if case.told.cores <= 0:
        return 'it says that guests may use none of its cores'
    return ''


def _missing_servers(case: Case, rules: TrustRules) -> str:
    seen, there = len(case.signals), len(case.servers)
    if seen * 100 >= rules.coverage_floor * there:
        return ''
    if there - seen < _UNSEEN:
        return ''
    return (
        f'{seen} of the {there} servers that Nova runs there have a signal '
        f'([limits] coverage_floor = {rules.coverage_floor:g} %)'
    )


def _flat_wait(case: Case, rules: TrustRules) -> str:
    cores = case.fresh.cores if case.fresh else 0.0
    used = sum(signal.used for signal in case.watched)
    waited = sum(signal.waited for signal in case.watched)
    if not cores or waited > 0 or used < _RUNNING * cores:
        return ''
    return (
        f'its servers used {used:.1f} cores and waited for none at all, not '
        'for a microsecond: its counter of waiting stands still'
    )


def _zero_wait(case: Case, rules: TrustRules) -> str:
    cores = case.fresh.cores if case.fresh else 0.0
    used = sum(signal.used for signal in case.watched)
    waited = sum(signal.waited for signal in case.watched)
    vcpus = sum(server.vcpus for server, _ in case.signals)
    if not cores or vcpus <= cores or used < _FULL * cores:
        return ''
    if waited > _NO_WAIT * used:
        return ''
    return (
        f'its servers use {used:.1f} of {cores:g} cores with {vcpus} vCPUs '
        f'and waited for {waited / used:.2%} of that: they must wait for more'
    )


def _guests_disagree(case: Case, rules: TrustRules) -> str:
    # A guest that counts nothing may be unable to see it.
    telling = [
        (server, signal, signal.guest_waited)
        for server, signal in case.signals
        if signal.guest_waited and not signal.by_guest
    ]
    apart = [
        (server, signal.waited, guest)
        for server, signal, guest in telling
        if abs(guest - signal.waited) * 100 > rules.guest_margin * server.vcpus
    ]
    if len(apart) < _GUESTS or len(apart) * 2 <= len(telling):
        return ''
    server, waited, guest = apart[0]
    return (
        f'{len(apart)} of {len(telling)} guests count another wait ([trust] '
        f'guest_margin = {rules.guest_margin:g} % of a vCPU): that of '
        f'{server.server_id} {guest:.2f} cores, the host {waited:.2f}'
    )


def _failed_arrivals(case: Case, rules: TrustRules) -> str:
    last = case.came[: rules.failed_arrivals]
    if not last or len(last) < rules.failed_arrivals:
        return ''
    if any(record.completed for record in last):
        return ''
    return (
        f'the last {len(last)} migrations to it failed, the last one '
        f'{case.now - last[0].updated_at:.0f} s ago: look at its nova-compute '
        f'([trust] failed_arrivals_period = {rules.failed_arrivals_period:g})'
    )


#: In the order in which they are made; the first that finds something ends it.
CHECKS: Mapping[Doubt, Callable[[Case, TrustRules], str]] = {
    Doubt.STALE: _stale,
    Doubt.CLOCK: _clock,
    Doubt.SOURCE: _source,
    Doubt.MISSING_SERVERS: _missing_servers,
    Doubt.FLAT_WAIT: _flat_wait,
    Doubt.ZERO_WAIT: _zero_wait,
    Doubt.GUESTS_DISAGREE: _guests_disagree,
    Doubt.FAILED_ARRIVALS: _failed_arrivals,
}
