"""Usable signals: fresh ones, of servers where Nova says they are.

What guests tell of themselves is joined to the servers that they run in. A
guest's agent knows no hypervisor, and often not even its server's id: it is
known by its name or by an address. Neither is unique in a cloud, and a guest
that could be two servers is none.

No data is not idleness, and neither are numbers that contradict each other:
a host with implausible metrics would draw servers as a sinkhole draws water.
Such a host is unknown, with a reason. It excludes itself, not the others.
"""

import collections
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from steal_scheduler.decision import arrivals, bounds, census, host_checks
from steal_scheduler.decision.host_checks import Case, UnreliableHost
from steal_scheduler.decision.host_names import with_novas_names
from steal_scheduler.decision.records import (
    failed_in_a_row,
    tells_of_hosts,
    to_blame,
)
from steal_scheduler.decision.shared_cpus import only_shared
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model import cloud
from steal_scheduler.model.guest import GuestKey, GuestSignal

_KEYS: Mapping[GuestKey, Callable[[cloud.Server], Iterable[str]]] = {
    GuestKey.UUID: lambda server: (server.server_id,),
    GuestKey.NAME: lambda server: (server.name,),
    GuestKey.ADDRESS: lambda server: server.addresses,
}


def usable_signals(snapshot: Snapshot) -> Snapshot:
    """Leave out what cannot be acted on, and say which hosts are unreliable.

    :param snapshot: with the signals as the source gave them
    """
    signals = with_novas_names(snapshot.signals, snapshot.fleet)
    snapshot = dataclasses.replace(snapshot, signals=signals)
    fresh, left_out = bounds.plausible(fresh_signals(snapshot), snapshot.fleet)
    fresh = only_shared(fresh, snapshot.fleet)
    unreliable = _check_hosts(snapshot, fresh)
    # Their numbers are wrong, and tell nothing of their servers either.
    wrong = {h for h, found in unreliable.items() if found.reason.implausible}
    usable = fresh
    if wrong:
        usable = dataclasses.replace(
            fresh,
            servers={
                s: x for s, x in fresh.servers.items() if x.host not in wrong
            },
            hosts={n: h for n, h in fresh.hosts.items() if n not in wrong},
        )
    return dataclasses.replace(
        snapshot, signals=usable, unreliable=unreliable, left_out=left_out
    )


def fresh_signals(snapshot: Snapshot) -> cloud.Signals:
    """Leave out what is stale or was measured on another host.

    After a migration the counters of the old host linger; they say nothing
    of the server where it is now. A sample that is older than ``max_age``
    says nothing, and one from the future beyond it neither (a clock is
    wrong): with 120 s, those of the last and of the next two minutes count.
    """
    signals, fleet = snapshot.signals, snapshot.fleet

    now, max_age = snapshot.now, snapshot.rules.max_age

    def fresh(at: float) -> bool:
        return abs(now - at) <= max_age

    guests = {k: g for k, g in signals.guests.items() if fresh(g.at)}
    signals = dataclasses.replace(signals, guests=guests)
    servers, known = {}, fleet.servers
    for server_id, signal in with_guests(signals, fleet).items():
        server = known.get(server_id)
        # NOTE: as in fresh(); of 100,000 servers each call counts.
        if server is None or not -max_age <= now - signal.at <= max_age:
            continue
        if not server.host:
            # It was shelved a moment ago, say, and its guest had told before.
            continue
        if signal.host == server.host:
            servers[server_id] = signal
        elif signal.host is None:
            servers[server_id] = dataclasses.replace(
                signal, host=server.host, by_guest=True
            )
    hosts = {
        name: host
        for name, host in signals.hosts.items()
        if name in fleet.hosts and fresh(host.at)
    }
    return dataclasses.replace(signals, servers=servers, hosts=hosts)


def with_guests(
    signals: cloud.Signals, fleet: cloud.Fleet
) -> Mapping[str, cloud.ServerSignal]:
    """Signals of servers, with what their guests tell.

    A hypervisor's word on used and waited always counts for more: an agent
    belongs to the tenant.

    :returns: by server id; where no hypervisor measured, of those guests
        that tell of both used and waited
    """
    if not signals.guests:
        return signals.servers
    servers = dict(signals.servers)
    for server_id, guest in _matched(signals, fleet).items():
        measured = servers.get(server_id)
        if measured is not None:
            servers[server_id] = dataclasses.replace(
                measured,
                load=measured.load if guest.load is None else guest.load,
                # Of a part of its vCPUs it says nothing of them all.
                guest_waited=guest.waited
                if bounds.whole(guest.vcpus, fleet.servers[server_id])
                else None,
            )
        elif guest.used is not None and guest.waited is not None:
            servers[server_id] = cloud.ServerSignal(
                server_id,
                host=None,
                used=guest.used,
                waited=guest.waited,
                at=guest.at,
                load=guest.load,
                by_guest=True,
                vcpus=guest.vcpus,
            )
    return servers


def _matched(
    signals: cloud.Signals, fleet: cloud.Fleet
) -> dict[str, GuestSignal]:
    """By server id; nothing where either side is ambiguous.

    For example two servers that are both called web-1 get no guest, and
    neither does one with two addresses of which two agents tell.
    """
    guests, keys_of = signals.guests, _KEYS[signals.guests_by]
    claims = [
        (server.server_id, key)
        for server in fleet.servers.values()
        for key in keys_of(server)
        if key in guests
    ]
    owners = collections.Counter(key for _, key in claims)
    owned = [(s, key) for s, key in claims if owners[key] == 1]
    found = collections.Counter(s for s, _ in owned)
    return {s: guests[key] for s, key in owned if found[s] == 1}


def _check_hosts(
    snapshot: Snapshot, fresh: cloud.Signals
) -> dict[str, UnreliableHost]:
    """Say which hosts have unreliable metrics, and why.

    :returns: by host; the metrics of every other host are reliable
    """
    found = {}
    disabled = {*host_checks.OPTIONAL} & snapshot.rules.disabled_checks
    checks = [
        (reason, check)
        for reason, check in host_checks.CHECKS.items()
        if reason not in disabled
    ]
    for name, case in _cases(snapshot, fresh).items():
        for reason, check in checks:
            if detail := check(case):
                found[name] = UnreliableHost(name, reason, detail)
                break
    return found


def _cases(snapshot: Snapshot, fresh: cloud.Signals) -> dict[str, Case]:
    now, rules, fleet = snapshot.now, snapshot.rules, snapshot.fleet
    # One that has just come is unseen, or only a part of it is seen.
    moving = arrivals.lately(fleet, now - max(rules.max_age, fresh.window))
    signals, there = fresh.servers, census.of(fleet).running
    names = [
        name
        for name, host in fleet.hosts.items()
        if host.measurable or name in snapshot.signals.hosts
    ]
    came = _arrivals(names, snapshot)
    cases = {}
    for name in names:
        servers = there.get(name, ())
        if moving:
            servers = [s for s in servers if s.server_id not in moving]
        found = [x for s in servers if (x := signals.get(s.server_id))]
        measured = servers
        if len(found) < len(servers):
            measured = [s for s in servers if s.server_id in signals]
        told = snapshot.signals.hosts.get(name, host_checks.NO_SIGNAL)
        cores = fresh.hosts[name].cores if name in fresh.hosts else 0.0
        cases[name] = Case(
            now,
            rules,
            told,
            cores,
            snapshot.signals.ambiguous_hosts.get(name, ''),
            snapshot.signals.strangers,
            servers,
            measured,
            found,
            came.get(name, ()),
        )
    return cases


def _arrivals(
    names: Iterable[str], snapshot: Snapshot
) -> Mapping[str, Sequence[cloud.Migration]]:
    """Migrations to each host; see ``Case.came``."""
    fleet, least = snapshot.fleet, snapshot.rules.limits.breaker_failures
    came = collections.defaultdict[str, list[cloud.Migration]](list)
    for records in fleet.migrations.values():
        for record in records:
            if record.target and tells_of_hosts(record, fleet):
                came[record.target].append(record)
    failed = {}
    for name in came.keys() & set(names):
        came[name].sort(key=lambda record: -record.updated_at)
        streak = failed_in_a_row(came[name])
        if len(streak) >= least:
            failed[name] = streak
    for name in failed.keys() - to_blame(failed, fleet):
        del came[name]
    return came
