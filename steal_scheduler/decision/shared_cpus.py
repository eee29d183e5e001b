"""Shared CPUs: what is left to judge where some servers have their own.

A vCPU that is pinned (``hw:cpu_policy=dedicated``) shares its pCPU with
nobody: it waits for no other server, and what it uses no other server could
have. A host may have both kinds, and then its idle half says nothing of the
other one. So what is pinned is taken out of all that was measured: what
remains are the pCPUs that servers share, and who is on them.
"""

import collections
import dataclasses

from steal_scheduler.decision import census
from steal_scheduler.model.cloud import Fleet, Host, HostSignal, Signals


def only_shared(signals: Signals, fleet: Fleet) -> Signals:
    """Take out what is pinned.

    For example a host of 64 pCPUs, of which servers share 32 as Nova counts
    them, uses 38 cores, 30 of them by servers that are pinned: of its 32
    cores 8 are used.

    :param signals: of servers that Nova knows
    """
    servers = dict(signals.servers)
    #: Cores by host: vCPUs that are pinned, and what they use.
    pinned = collections.Counter[str]()
    used = collections.defaultdict[str, float](float)
    for server in census.of(fleet).dedicated:
        if not server.host:
            continue
        pinned[server.host] += server.dedicated
        signal = servers.pop(server.server_id, None)
        if signal is None:
            continue
        # Of a mixed server nobody measures which of its vCPUs it was: the
        # most that its shared ones can have used.
        shared = min(signal.used, float(server.shared_vcpus))
        used[server.host] += signal.used - shared
        if server.shared_vcpus:
            servers[server.server_id] = dataclasses.replace(
                signal, used=shared
            )
    hosts = {}
    for name, host in signals.hosts.items():
        cores = _cores(host, fleet.hosts[name], pinned[name])
        hosts[name] = _host(host, cores, used[name])
    return dataclasses.replace(signals, servers=servers, hosts=hosts)


def _cores(measured: HostSignal, host: Host, pinned: int) -> float:
    """pCPUs that servers share.

    Where Nova does not count them, the measured ones may be all or not: to
    take those that are pinned off is never too much to give.
    """
    if host.cpus is not None:
        return min(measured.cores, float(host.cpus))
    return max(measured.cores - pinned, 0.0)


def _host(host: HostSignal, cores: float, pinned_used: float) -> HostSignal:
    if cores == host.cores and not pinned_used:
        return host
    runnable = host.runnable
    if runnable is not None and cores > 0:
        # One that is pinned never waits: it is runnable while it runs.
        threads = max(runnable * host.cores - pinned_used, 0.0)
        runnable = threads / cores
    return dataclasses.replace(
        host,
        cores=cores,
        used=None if host.used is None else max(host.used - pinned_used, 0.0),
        runnable=runnable,
    )
