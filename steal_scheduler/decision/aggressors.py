"""Aggressors: who takes more of a contended host than his share.

A server's share is what it would get if all servers there asked for all that
they can: the host's cores by vCPUs. To take more is no offence, for what
others leave idle is anybody's; but where servers wait it tells whose load they
wait for, and who could be held to his share where nobody can move.
"""

import dataclasses
from collections.abc import Collection, Iterable, Sequence

from steal_scheduler.decision import census
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.finding import Finding
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import SCARCE, Reason, Refusal

#: Cores beyond its share from which on a server is named.
LEAST = 0.1
#: So many are named of a host, those that take most.
MOST = 3
#: Reasons for which a server does not leave that do not pass by themselves.
LASTING = frozenset(
    {
        Reason.LOCKED,
        Reason.OPTED_OUT,
        Reason.SATURATED,
        Reason.TOO_LARGE,
        Reason.UNCERTAIN_DEMAND,
        *SCARCE,
    }
)


@dataclasses.dataclass(frozen=True, slots=True)
class Aggressor:
    """A server of a contended host that uses more cores than its share."""

    server_id: str
    host: str
    #: Cores.
    used: float
    share: float
    #: What its operator could do where no move helps; '' where one may.
    advice: str = ''

    @property
    def beyond(self) -> float:
        return self.used - self.share


def aggressors(
    findings: Iterable[Finding], stuck: Collection[str], snapshot: Snapshot
) -> tuple[Aggressor, ...]:
    """Of each contended host those that take most beyond their share.

    For example on a host of 16 cores whose servers have 40 vCPUs, one of 8
    that uses 7.5 cores takes 4.3 more than its share of 3.2. Where the host is
    asked for 19 cores and nobody can leave it, a quota that holds this one to
    its share would be enough, and the advice says so. We never set one.

    :param stuck: hosts that no move relieves, now and in an hour
    """
    found: list[Aggressor] = []
    for host in dict.fromkeys(finding.host for finding in findings):
        worst = _of(host, snapshot)
        found += _with_advice(worst, snapshot) if host in stuck else worst
    return tuple(found)


def told(
    moves: Iterable[Move], found: Iterable[Aggressor]
) -> tuple[Move, ...]:
    """The same; of an aggressor the reason says what it takes."""
    by_id = {each.server_id: each for each in found}
    return tuple(_told(move, by_id.get(move.server_id)) for move in moves)


def _told(move: Move, found: Aggressor | None) -> Move:
    if found is None:
        return move
    more = (
        f'{move.reason}; it takes {found.beyond:.1f} cores more than '
        f'its share of {found.share:.1f}'
    )
    return dataclasses.replace(move, reason=more)


def stuck_hosts(
    findings: Iterable[Finding],
    refusals: Iterable[Refusal],
    moves: Iterable[Move],
) -> set[str]:
    """Contended hosts that nobody leaves, and nobody will leave in an hour.

    Be it that there is no place for anybody, or that those who wait may not
    move whatever there is.

    :param moves: that are planned, or under way
    """
    lasting = {r.server_id for r in refusals if r.reason in LASTING}
    leaving = {move.source for move in moves}
    hosts = {f.host for f in findings if f.server_id in lasting}
    return hosts - leaving


def _of(host: str, snapshot: Snapshot) -> list[Aggressor]:
    signals, seen = snapshot.signals.servers, snapshot.view.hosts.get(host)
    there = [
        server
        for server in census.of(snapshot.fleet).by_host.get(host, ())
        if (signal := signals.get(server.server_id))
        and signal.host == host
        and server.shared_vcpus
    ]
    if seen is None or not seen.cores or not there:
        return []
    a_vcpu = seen.cores / sum(server.shared_vcpus for server in there)
    found = [
        Aggressor(server.server_id, host, used, share)
        for server in there
        if (used := signals[server.server_id].used)
        - (share := a_vcpu * server.shared_vcpus)
        >= LEAST
    ]
    return sorted(found, key=lambda a: (-a.beyond, a.server_id))[:MOST]


def _with_advice(
    worst: Sequence[Aggressor], snapshot: Snapshot
) -> list[Aggressor]:
    """The same; of the fewest whose quotas would relieve the host, how."""
    advised: list[Aggressor] = []
    for each in worst:
        host = snapshot.view.hosts[each.host]
        freed = sum(a.beyond for a in advised) + each.beyond
        advised.append(each)
        if freed >= host.demand - host.cores:
            break
    else:
        return [*worst]
    more = ' together with what is advised above' if len(advised) > 1 else ''
    return [
        dataclasses.replace(
            each,
            advice='no move relieves its host; a quota of '
            f'{each.share:.1f} cores (quota:cpu_quota of its flavor){more} '
            'would',
        )
        if each in advised
        else each
        for each in worst
    ]
