"""From usable samples to servers, hosts and guests: pure, no I/O."""

import collections
from collections.abc import Mapping

from steal_scheduler.model.cloud import GuestSignal, HostSignal, ServerSignal
from steal_scheduler.signals.lost import Losses, Lost
from steal_scheduler.signals.names import Names
from steal_scheduler.signals.sample import Sample
from steal_scheduler.signals.series import NOTHING, Picked

#: By the option that holds the query.
Answers = Mapping[str, Picked]


def servers(
    answers: Answers, names: Names
) -> tuple[dict[str, ServerSignal], Losses]:
    """Put together the servers of which used and waited are known."""
    used = answers.get('used_query', NOTHING).kept
    waited = answers.get('waited_query', NOTHING).kept
    lost: Losses = collections.Counter()
    lost[Lost.INCOMPLETE] += len(used.keys() ^ waited.keys())
    found = {}
    for server_id in used.keys() & waited.keys():
        mine = used[server_id], waited[server_id]
        hosts = _hosts(names, *mine)
        if Lost.FOREIGN in hosts:
            lost[Lost.FOREIGN] += 1
            continue
        if len(hosts) > 1:
            lost[Lost.TWO_HOSTS] += 1
            continue
        more: dict[str, float | None] = {}
        for option in ('throttled_query', 'bad_seconds_query'):
            sample = answers.get(option, NOTHING).kept.get(server_id)
            if sample and _hosts(names, *mine, sample) != hosts:
                lost[Lost.TWO_HOSTS] += 1
                sample = None
            more[option] = None if sample is None else sample.value
        bad = more['bad_seconds_query']
        found[server_id] = ServerSignal(
            server_id,
            host=str(hosts.pop()) if hosts else None,
            used=mine[0].value,
            waited=mine[1].value,
            at=min(sample.at for sample in mine),
            throttled=more['throttled_query'],
            # It may be a little more than 1, by rounding.
            bad_seconds=None if bad is None else min(1.0, bad),
        )
    return found, +lost


def _hosts(names: Names, *samples: Sample) -> set[str | Lost]:
    """The hosts that are named; no host label at all names none."""
    return {names.host(sample) for sample in samples} - {Lost.UNNAMED}


def hosts(answers: Answers) -> dict[str, HostSignal]:
    """Put together the hosts; one without cores is no host."""

    def told(option: str, host: str) -> float | None:
        sample = answers.get(option, NOTHING).kept.get(host)
        return None if sample is None else sample.value

    return {
        host: HostSignal(
            host,
            cores=cores.value,
            at=cores.at,
            used=told('host_used_query', host),
            runnable=told('runnable_query', host),
            clock_offset=told('clock_query', host),
        )
        for host, cores in answers['cores_query'].kept.items()
        if cores.value > 0
    }


def guests(
    answers: Answers, complete: bool
) -> tuple[dict[str, GuestSignal], Losses]:
    """Put together the guests.

    :param complete: only those that tell both used and waited
    """
    told = {
        field: answers.get(f'guest_{field}_query', NOTHING)
        for field in ('used', 'waited', 'load')
    }
    # Two guests by one name, of which perhaps only one tells the rest.
    ambiguous = frozenset().union(*(p.ambiguous for p in told.values()))
    lost: Losses = collections.Counter()
    found = {}
    for name in {n for p in told.values() for n in p.kept} - ambiguous:
        samples = {
            field: picked.kept[name]
            for field, picked in told.items()
            if name in picked.kept
        }
        if complete and not {'used', 'waited'} <= samples.keys():
            lost[Lost.INCOMPLETE] += 1
            continue
        found[name] = GuestSignal(
            at=min(sample.at for sample in samples.values()),
            **{field: sample.value for field, sample in samples.items()},
        )
    return found, +lost
