"""Host checks: what makes metrics of a host unreliable, one by one.

Each takes the host's case and says what is wrong with it, or nothing.
"""

import dataclasses
import enum
import math
from collections.abc import Callable, Mapping, Sequence

from steal_scheduler.decision.records import failed_in_a_row, is_anybodys
from steal_scheduler.decision.rules import Rules
from steal_scheduler.edge.text import several
from steal_scheduler.model import cloud

#: Seconds by which the clock of a host may be off.
CLOCK_SKEW = 30.0
#: Percent of a vCPU by which the wait that a guest counts may differ from
#: what its host counts.
GUEST_MARGIN = 10.0
#: Share of its cores from which a host's servers certainly run, and from
#: which all of them are in use.
_RUNNING = 0.05
_FULL = 0.95
#: Wait, as a share of what is used, that is none.
_NO_WAIT = 0.001
#: Servers that have to lack a signal: one has perhaps just been created, and
#: counts as busy.
_UNSEEN = 2
#: Guests that have to differ; of several projects where there are others.
_GUESTS = 2


class HostCheck(enum.StrEnum):
    """Why metrics of a host are unreliable. Each is a label of a metric."""

    #: Several hosts may be meant by what is told of it.
    AMBIGUOUS = 'ambiguous'
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
    #: Nothing that was sent there lately arrived: the breaker of a target.
    FAILED_ARRIVALS = 'failed_arrivals'

    @property
    def implausible(self) -> bool:
        """The numbers are wrong, and tell nothing of its servers either."""
        return self not in (
            HostCheck.AMBIGUOUS,
            HostCheck.STALE,
            HostCheck.MISSING_SERVERS,
            HostCheck.FAILED_ARRIVALS,
        )


#: What an operator may switch off, where a cloud is unlike others.
OPTIONAL = tuple(
    c
    for c in HostCheck
    if c not in (HostCheck.AMBIGUOUS, HostCheck.STALE, HostCheck.SOURCE)
)


@dataclasses.dataclass(frozen=True, slots=True)
class UnreliableHost:
    """A host whose metrics are unreliable."""

    host: str
    reason: HostCheck
    #: A sentence for the operator: numbers, and the cure where one exists.
    detail: str


#: What stands for the signal of a host of which none tells.
NO_SIGNAL = cloud.HostSignal('', cores=0.0, at=-math.inf)


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """What there is to judge a host by."""

    now: float
    rules: Rules
    #: As the source gave it, however old; or NO_SIGNAL.
    measured: cloud.HostSignal
    #: Its pCPUs that guests may use; 0 where no fresh signal tells.
    cores: float
    #: Why nothing is told of it, where several hosts may be meant.
    ambiguous: str = ''
    #: What the source calls hosts that Nova does not know.
    strangers: Sequence[str] = ()
    #: Its running servers that neither move nor moved lately.
    servers: Sequence[cloud.Server] = ()
    #: Of these servers, those that are measured, and how; see by_guest. Two
    #: lists, for of 100,000 pairs each is one more to collect.
    measured_servers: Sequence[cloud.Server] = ()
    signals: Sequence[cloud.ServerSignal] = ()
    #: Migrations to it that tell something of it, newest first; none where
    #: it is not to blame for failures.
    came: Sequence[cloud.Migration] = ()

    @property
    def used(self) -> float:
        """Cores, as its own exporter measured them of its servers."""
        return sum([s.used for s in self.signals if not s.by_guest])

    @property
    def waited(self) -> float:
        """Cores; the same of what they waited for."""
        return sum([s.waited for s in self.signals if not s.by_guest])


def _ambiguous(case: Case) -> str:
    return case.ambiguous


def _stale(case: Case) -> str:
    age = case.now - case.measured.at
    if age == math.inf:
        said = 'no signal tells of it: is its exporter running, and scraped?'
        if case.strangers:
            said += (
                f' What labels {several(case.strangers)} tell of is none of '
                "Nova's hosts"
            )
        return said
    if age <= case.rules.max_age:
        return ''
    return (
        f'its last signal is {age:.0f} s old ([signals] max_age = '
        f'{case.rules.max_age:g}): is its exporter running?'
    )


def _clock(case: Case) -> str:
    ahead = case.measured.at - case.now
    if ahead > case.rules.max_age:
        return f'its signals are {ahead:.0f} s in the future: set its clock'
    offset = case.measured.clock_offset or 0.0
    if abs(offset) <= CLOCK_SKEW:
        return ''
    if offset > 0:
        return f'its clock is {offset:.0f} s ahead: set the clock'
    return (
        f'its clock is {-offset:.0f} s behind, or its exporter has taken no '
        f'sample for so long; {CLOCK_SKEW:g} s are allowed'
    )


def _source(case: Case) -> str:
    if not case.measured.reliable:
        return 'the signal source says that its metrics are unreliable'
    if case.measured.cores <= 0:
        return 'it says that guests may use none of its cores'
    return ''


def _missing_servers(case: Case) -> str:
    seen, there = len(case.signals), len(case.servers)
    floor = case.rules.limits.coverage_floor
    if seen * 100 >= floor * there or there - seen < _UNSEEN:
        return ''
    return (
        f'{seen} of the {there} servers that Nova runs there have a signal '
        f'([limits] coverage_floor = {floor:g} %)'
    )


def _flat_wait(case: Case) -> str:
    cores = case.cores
    if not cores or case.waited > 0 or case.used < _RUNNING * cores:
        return ''
    used = case.used
    return (
        f'its servers used {used:.1f} cores and waited for none at all, '
        'not for a microsecond: its counter of waiting stands still'
    )


def _zero_wait(case: Case) -> str:
    cores, used = case.cores, case.used
    if not cores or used < _FULL * cores:
        return ''
    waited = case.waited
    vcpus = sum(server.shared_vcpus for server in case.measured_servers)
    if vcpus <= cores or waited > _NO_WAIT * used:
        return ''
    return (
        f'its servers use {used:.1f} of {cores:g} cores with {vcpus} vCPUs '
        f'and waited for {waited / used:.2%} of that: they must wait for more'
    )


def _guests_disagree(case: Case) -> str:
    # A guest that counts nothing may be unable to see it.
    telling = [
        (server, signal, signal.guest_waited)
        for server, signal in zip(
            case.measured_servers, case.signals, strict=True
        )
        if signal.guest_waited and not signal.by_guest
    ]
    if len(telling) < _GUESTS:
        return ''
    apart = [
        (server, signal.waited, guest)
        for server, signal, guest in telling
        if abs(guest - signal.waited) * 100 > GUEST_MARGIN * server.vcpus
    ]
    if len(apart) < _GUESTS or len(apart) * 2 <= len(telling):
        return ''
    projects = {server.project_id for server, _, _ in apart}
    there = {server.project_id for server in case.servers}
    if not is_anybodys(projects, there):
        # Those of one tenant may lie to the harm of the others there.
        return ''
    server, waited, guest = apart[0]
    return (
        f'{len(apart)} of {len(telling)} guests count a wait that differs by '
        f'more than {GUEST_MARGIN:g} % of a vCPU: {server.server_id} counts '
        f'{guest:.2f} cores, its host {waited:.2f}'
    )


def _failed_arrivals(case: Case) -> str:
    rules = case.rules.limits
    failed = failed_in_a_row(case.came)
    if len(failed) < rules.breaker_failures:
        return ''
    left = failed[0].updated_at + rules.breaker_pause - case.now
    if left <= 0:
        return ''
    return (
        f'the last {len(failed)} migrations to it failed: look at its '
        f'nova-compute; one is tried in {left:.0f} s'
    )


#: In the order in which they are made; the first that finds something ends it.
CHECKS: Mapping[HostCheck, Callable[[Case], str]] = {
    HostCheck.AMBIGUOUS: _ambiguous,
    HostCheck.STALE: _stale,
    HostCheck.CLOCK: _clock,
    HostCheck.SOURCE: _source,
    HostCheck.MISSING_SERVERS: _missing_servers,
    HostCheck.FLAT_WAIT: _flat_wait,
    HostCheck.ZERO_WAIT: _zero_wait,
    HostCheck.GUESTS_DISAGREE: _guests_disagree,
    HostCheck.FAILED_ARRIVALS: _failed_arrivals,
}
