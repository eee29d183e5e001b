"""From usable samples to servers, hosts and guests: no I/O.

Prometheus is asked for one number of everybody at a time, and what belongs
together is joined here, by name. For example::

    servers.used    {'a': 2.0 on cmp-1, 'b': 1.0 on cmp-1, 'c': 0.2}
    servers.waited  {'a': 0.5 on cmp-1, 'b': 0.3 on cmp-2}
    hosts.cores     {'cmp-1': 16}

Server a used 2.0 cores and waited for 0.5: of the 2.5 that it asked for it
had to wait for a fifth. Server b has just moved, or somebody lies: it is
unknown. Of c nobody knows how long it waited, so its steal is unknown; it is
not 0. Of cmp-2 nobody knows the cores, so it is no host that could take
anybody.
"""

from collections.abc import Mapping
from typing import Any

from steal_scheduler.model import threads
from steal_scheduler.model.cloud import HostSignal, ServerSignal
from steal_scheduler.model.guest import GuestSignal
from steal_scheduler.signals.prometheus.drops import DropReason, Drops
from steal_scheduler.signals.prometheus.parse import Sample

#: By the name of the subject and by the metric's field; None as in Samples.
Told = Mapping[str, Mapping[str, Sample | None]]


def servers(told: Told) -> tuple[dict[str, ServerSignal], Drops]:
    """Put together the servers of which used and waited are known.

    Where the vCPUs of any are counted, they must be of each: what is known of
    some may be a part of the server.
    """
    drops = Drops()
    found = {}
    counted = any(samples.get('vcpus') for samples in told.values())
    for server_id, samples in told.items():
        used, waited = samples.get('used'), samples.get('waited')
        if not used or not waited or (counted and not samples.get('vcpus')):
            if used or waited:
                drops.add(DropReason.INCOMPLETE, server_id)
            continue
        host = used.host or waited.host
        known = {field: sample for field, sample in samples.items() if sample}
        # What another host measured is not of this one.
        here: dict[str, Any] = {
            field: sample.value
            for field, sample in known.items()
            if sample.host in (None, host)
        }
        if elsewhere := len(known) - len(here):
            drops.add(DropReason.TWO_HOSTS, server_id, elsewhere)
        if 'waited' in here and ('vcpus' in here or not counted):
            at = min(used.at, waited.at)
            of_threads = threads.take(here)
            found[server_id] = ServerSignal(
                server_id, host, at=at, threads=of_threads, **here
            )
    return found, drops


def hosts(told: Told) -> dict[str, HostSignal]:
    """Put together the hosts; one without cores is no host.

    Nor is one that several series name which do not agree: they may be of
    two hosts, and what one of them tells alone may be of either.
    """
    found = {}
    for host, samples in told.items():
        cores = samples.get('cores')
        known = {f: sample for f, sample in samples.items() if sample}
        if len(known) == len(samples) and cores and cores.value > 0:
            numbers: dict[str, Any] = {
                field: sample.value for field, sample in known.items()
            }
            found[host] = HostSignal(host, at=cores.at, **numbers)
    return found


def guests(told: Told, complete: bool) -> tuple[dict[str, GuestSignal], Drops]:
    """Put together the guests.

    :param complete: only those that tell both used and waited
    """
    drops = Drops()
    found = {}
    for name, samples in told.items():
        known = {field: sample for field, sample in samples.items() if sample}
        # Two guests by one name, of which perhaps only one tells the rest.
        if len(known) < len(samples):
            continue
        if complete and not {'used', 'waited'} <= known.keys():
            drops.add(DropReason.INCOMPLETE, name)
            continue
        found[name] = GuestSignal(
            at=min(sample.at for sample in known.values()),
            **{field: sample.value for field, sample in known.items()},
        )
    return found, drops
