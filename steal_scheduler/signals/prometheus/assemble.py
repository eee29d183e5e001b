"""From usable samples to servers, hosts and guests: no I/O."""

import collections
from collections.abc import Mapping

from steal_scheduler.model.cloud import GuestSignal, HostSignal, ServerSignal
from steal_scheduler.signals.prometheus.parse import (
    NOTHING,
    DropReason,
    Drops,
    Filtered,
    Names,
)

#: By the name of the metric.
Answers = Mapping[str, Filtered]


def servers(
    answers: Answers, names: Names
) -> tuple[dict[str, ServerSignal], Drops]:
    """Put together the servers of which used and waited are known."""
    used = answers.get('servers.used', NOTHING).kept
    waited = answers.get('servers.waited', NOTHING).kept
    drops: Drops = collections.Counter()
    drops[DropReason.INCOMPLETE] += len(used.keys() ^ waited.keys())
    found = {}
    for server_id in used.keys() & waited.keys():
        mine = used[server_id], waited[server_id]
        hosts = {names.host(s) for s in mine} - {DropReason.UNNAMED}
        if DropReason.FOREIGN in hosts:
            drops[DropReason.FOREIGN] += 1
            continue
        if len(hosts) > 1:
            drops[DropReason.TWO_HOSTS] += 1
            continue
        more: dict[str, float | None] = {}
        for field in ('throttled', 'bad_seconds'):
            sample = answers.get(f'servers.{field}', NOTHING).kept.get(
                server_id
            )
            # What another host measured is not of this one.
            if sample and not hosts >= (
                {names.host(sample)} - {DropReason.UNNAMED}
            ):
                drops[DropReason.TWO_HOSTS] += 1
                sample = None
            more[field] = None if sample is None else sample.value
        bad = more['bad_seconds']
        found[server_id] = ServerSignal(
            server_id,
            host=str(hosts.pop()) if hosts else None,
            used=mine[0].value,
            waited=mine[1].value,
            at=min(sample.at for sample in mine),
            throttled=more['throttled'],
            # It may be a little more than 1, by rounding.
            bad_seconds=None if bad is None else min(1.0, bad),
        )
    return found, +drops


def hosts(answers: Answers) -> dict[str, HostSignal]:
    """Put together the hosts; one without cores is no host."""

    def told(field: str, host: str) -> float | None:
        sample = answers.get(f'hosts.{field}', NOTHING).kept.get(host)
        return None if sample is None else sample.value

    return {
        host: HostSignal(
            host,
            cores=cores.value,
            at=cores.at,
            used=told('used', host),
            runnable=told('runnable', host),
            clock_offset=told('clock_offset', host),
        )
        for host, cores in answers['hosts.cores'].kept.items()
        if cores.value > 0
    }


def guests(
    answers: Answers, complete: bool
) -> tuple[dict[str, GuestSignal], Drops]:
    """Put together the guests.

    :param complete: only those that tell both used and waited
    """
    told = {
        field: answers.get(f'guests.{field}', NOTHING)
        for field in ('used', 'waited', 'load')
    }
    # Two guests by one name, of which perhaps only one tells the rest.
    ambiguous = frozenset().union(*(f.ambiguous for f in told.values()))
    drops: Drops = collections.Counter()
    found = {}
    for name in {n for f in told.values() for n in f.kept} - ambiguous:
        samples = {
            field: filtered.kept[name]
            for field, filtered in told.items()
            if name in filtered.kept
        }
        if complete and not {'used', 'waited'} <= samples.keys():
            drops[DropReason.INCOMPLETE] += 1
            continue
        found[name] = GuestSignal(
            at=min(sample.at for sample in samples.values()),
            **{field: sample.value for field, sample in samples.items()},
        )
    return found, +drops
