"""Leavers: who may leave a contended host, so that its servers wait less.

That one waits starts the search. It need not leave itself: whoever leaves
gives it his cores. One that may not be moved is relieved like that, too.
"""

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Sequence, Set

from steal_scheduler.decision.demand import demand_now
from steal_scheduler.decision.eligibility import MEMORY
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.backoff import pause
from steal_scheduler.model.cloud import Migration, ServerSignal
from steal_scheduler.model.finding import Finding, Leaver
from steal_scheduler.model.move import Outcome

#: Share of a host's cores that its servers use at least where they wait for
#: cores. Where they use less, what is waited for is something else: it may
#: look as if more were asked for than there is.
FULLY_USED = 0.8


def suspects(findings: Sequence[Finding], snapshot: Snapshot) -> list[str]:
    """Ids of servers of which is asked whether they may leave.

    Those that are contended, those that somebody asked to be moved, and then
    all others of the hosts of the first of which is known what they ask for.
    """
    hosts = {finding.host for finding in findings}
    found = dict.fromkeys(finding.server_id for finding in findings)
    known = snapshot.fleet.servers
    found |= dict.fromkeys(s for s in snapshot.asked.servers if s in known)
    for server_id, signal in snapshot.signals.servers.items():
        if signal.host in hosts:
            found[server_id] = None
    return [*found]


def leavers(
    findings: Sequence[Finding], may: Iterable[str], snapshot: Snapshot
) -> list[Leaver]:
    """Servers that may leave, the contended ones first.

    For example x and y wait on host a, x more, and x is locked; z runs there
    as well: y may leave for its own sake, and z for that of x.

    Those that do not wait leave for nobody whom that would hardly relieve,
    see ``_relievable``.

    :param may: ids of the suspects that may move at all, in their order
    """
    worst: dict[str, Finding] = {}
    for finding in _relievable(findings, snapshot):
        before = worst.setdefault(finding.host, finding)
        if _waited(finding) > _waited(before):
            worst[finding.host] = finding
    itself = {f.server_id: Leaver.of(f) for f in findings}
    found = []
    for server_id in may:
        leaver = itself.get(server_id)
        if leaver is None:
            signal = snapshot.signals.servers[server_id]
            host = signal.host or ''
            if server_id in snapshot.asked.servers:
                found.append(_asked(signal, snapshot))
                continue
            if host not in worst:
                continue
            leaver = Leaver(
                server_id,
                host,
                signal.steal,
                demand_now(signal, snapshot),
                relieves=worst[host],
            )
        found.append(leaver)
    return found


def _asked(signal: ServerSignal, snapshot: Snapshot) -> Leaver:
    """One that does not wait: it leaves for nobody but who wants it to."""
    own = Finding(
        signal.server_id,
        signal.host or '',
        signal.steal,
        0.0,
        demand_now(signal, snapshot),
        polls='no poll',
    )
    return dataclasses.replace(Leaver.of(own), asked=True)


def _relievable(
    findings: Sequence[Finding], snapshot: Snapshot
) -> Iterator[Finding]:
    """Those for which others may leave that do not wait themselves.

    A guest's word is its tenant's, who could send his neighbours away with
    it. And where all that is asked for fits, a server may wait for what no
    move changes, see ``_tried_lately``.
    """
    if not findings:
        # Mostly nobody waits, and Nova's records are many.
        return
    by_host = collections.defaultdict[str, set[Migration]](set)
    by_server = collections.defaultdict[str, set[Migration]](set)
    # Who has left since an operator wanted it was no try to cure its host.
    wanted = {
        server_id
        for server_id, one in snapshot.ended.items()
        if one.outcome is Outcome.ARRIVED
    }
    for record in snapshot.fleet.ours:
        if (
            record.completed
            and record.updated_at >= snapshot.now - MEMORY
            and record.server_id not in wanted
        ):
            by_host[record.source].add(record)
            by_server[record.server_id].add(record)
    in_vain = [
        one
        for one in snapshot.ended.values()
        if one.outcome is Outcome.NOT_HELPED
    ]
    for finding in findings:
        host = snapshot.view.hosts.get(finding.host)
        full = (
            host is not None
            and host.demand > host.cores
            and host.busy >= FULLY_USED
        )
        signal = snapshot.signals.servers[finding.server_id]
        if signal.by_guest:
            continue
        if full:
            yield finding
            continue
        tries = by_host[finding.host] | by_server[finding.server_id]
        useless = [
            one.at
            for one in in_vain
            if one.move.source == finding.host
            or one.move.server_id == finding.server_id
        ]
        if not _tried_lately(tries, useless, snapshot):
            yield finding


def _tried_lately(
    tries: Set[Migration], in_vain: Sequence[float], snapshot: Snapshot
) -> bool:
    """Whether it is too soon to relieve a server once more.

    Each server that has left its host, and each move of its own, is a try
    that did not cure it. That one has helped proves little, for what is
    waited for goes up and down by itself. So each try is followed by a pause
    of twice the one before, and by one of four times where it was in vain.
    For example where a wrong setting slows down a server that is locked, and
    the cooldown is an hour, others leave for it at 0, 2, 10 and 42 h, and
    then once a week.

    :param in_vain: when those ended that did not help
    """
    ends = [*in_vain, *(record.updated_at for record in tries)]
    if not ends:
        return False
    doublings = max(len(tries), len(in_vain)) - 1 + len(in_vain)
    seconds = pause(snapshot.rules.limits.cooldown, doublings, MEMORY)
    return max(ends) + seconds > snapshot.now


def _waited(finding: Finding) -> float:
    return finding.steal * finding.demand.high
