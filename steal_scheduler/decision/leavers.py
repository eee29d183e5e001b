"""Leavers: who may leave a contended host, so that its servers wait less.

That one waits starts the search. It need not leave itself: whoever leaves
gives it his cores. One that may not be moved is relieved like that, too.
"""

from collections.abc import Iterable, Iterator, Sequence

from steal_scheduler.decision.demand import demand_now
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.finding import Finding, Leaver
from steal_scheduler.model.move import Outcome


def suspects(findings: Sequence[Finding], snapshot: Snapshot) -> list[str]:
    """Ids of servers of which is asked whether they may leave.

    Those that are contended, and then all others of their hosts of which is
    known what they ask for.
    """
    hosts = {finding.host for finding in findings}
    found = dict.fromkeys(finding.server_id for finding in findings)
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


def _relievable(
    findings: Sequence[Finding], snapshot: Snapshot
) -> Iterator[Finding]:
    """Those for which others may leave that do not wait themselves.

    A guest's word is its tenant's, who could send his neighbours away with
    it. And where all that is asked for fits, a server may wait for what no
    move changes: so none of them leaves where one has left in vain within the
    cooldown, nor for one that has moved in vain itself.
    """
    since = snapshot.now - snapshot.rules.limits.cooldown
    in_vain = {
        server_id: one.move.source
        for server_id, one in snapshot.ended.items()
        if one.outcome is Outcome.NOT_HELPED and one.at >= since
    }
    sources = {*in_vain.values()}
    for finding in findings:
        host = snapshot.view.hosts.get(finding.host)
        full = host is not None and host.demand > host.cores
        vain = finding.server_id in in_vain or finding.host in sources
        signal = snapshot.signals.servers[finding.server_id]
        if not signal.by_guest and (full or not vain):
            yield finding


def _waited(finding: Finding) -> float:
    return finding.steal * finding.demand.high
