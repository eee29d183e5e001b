"""Usable signals: fresh ones, of servers where Nova says they are.

What guests tell of themselves is joined to the servers that they run in. A
guest's agent knows no hypervisor, and often not even its server's id: it is
known by its name or by an address. Neither is unique in a cloud, and a guest
that could be two servers is none.
"""

import dataclasses
from collections.abc import Callable, Container, Iterable, Mapping

from steal_scheduler.decision.rules import Rules
from steal_scheduler.decision.unreliable_hosts import (
    UnreliableHost,
    check_hosts,
    without_implausible,
)
from steal_scheduler.model.cloud import (
    Fleet,
    GuestKey,
    GuestSignal,
    Server,
    ServerSignal,
    Signals,
)

_KEYS: Mapping[GuestKey, Callable[[Server], Iterable[str]]] = {
    GuestKey.UUID: lambda server: (server.server_id,),
    GuestKey.NAME: lambda server: (server.name,),
    GuestKey.ADDRESS: lambda server: server.addresses,
}


@dataclasses.dataclass(frozen=True, slots=True)
class UsableSignals:
    """What of the signals can be acted on."""

    #: Fresh, and of hosts whose metrics are plausible.
    signals: Signals
    #: Hosts whose metrics are unreliable, by name.
    unreliable: Mapping[str, UnreliableHost]


def usable_signals(
    signals: Signals, fleet: Fleet, now: float, rules: Rules
) -> UsableSignals:
    """Part what can be acted on from what cannot."""
    fresh = fresh_signals(signals, fleet, now, rules.max_age)
    unreliable = check_hosts(signals, fresh, fleet, now, rules)
    return UsableSignals(without_implausible(fresh, unreliable), unreliable)


def fresh_signals(
    signals: Signals, fleet: Fleet, now: float, max_age: float
) -> Signals:
    """Leave out what is stale or was measured on another host.

    After a migration the counters of the old host linger; they say nothing
    of the server where it is now.

    :param max_age: seconds after which a sample says nothing; one from the
        future beyond it says nothing either (a clock is wrong)
    """
    servers = {}
    oldest, newest = now - max_age, now + max_age
    told = {
        key: guest
        for key, guest in signals.guests.items()
        if oldest <= guest.at <= newest
    }
    signals = dataclasses.replace(signals, guests=told)
    for server_id, signal in with_guests(signals, fleet).items():
        server = fleet.servers.get(server_id)
        if server is None or not oldest <= signal.at <= newest:
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
        if name in fleet.hosts and oldest <= host.at <= newest
    }
    return dataclasses.replace(signals, servers=servers, hosts=hosts)


def coverage(
    usable: Signals, fleet: Fleet, moving: Container[str] = ()
) -> float:
    """Percent of Nova's running servers that have a usable signal.

    A cloud without a running server is covered: there is nothing to see.

    :param moving: ids of servers that do not count, for one that has just
        arrived has no signal yet
    """
    running = seen = 0
    for server in fleet.servers.values():
        if server.server_id in moving:
            continue
        if server.status == 'ACTIVE' and server.host:
            running += 1
            seen += server.server_id in usable.servers
    return 100.0 * seen / running if running else 100.0


def with_guests(signals: Signals, fleet: Fleet) -> dict[str, ServerSignal]:
    """Signals of servers, with what their guests tell.

    A hypervisor's word on used and waited always counts for more: an agent
    belongs to the tenant.

    :returns: by server id; where no hypervisor measured, of those guests
        that tell of both used and waited
    """
    servers = dict(signals.servers)
    for server_id, guest in _matched(signals, fleet):
        measured = servers.get(server_id)
        if measured is not None:
            servers[server_id] = dataclasses.replace(
                measured,
                load=measured.load if guest.load is None else guest.load,
                guest_waited=guest.waited,
            )
        elif guest.used is not None and guest.waited is not None:
            servers[server_id] = ServerSignal(
                server_id,
                host=None,
                used=guest.used,
                waited=guest.waited,
                at=guest.at,
                load=guest.load,
                by_guest=True,
            )
    return servers


def _matched(
    signals: Signals, fleet: Fleet
) -> Iterable[tuple[str, GuestSignal]]:
    """Server ids and their guests; nothing where either side is ambiguous."""
    if not signals.guests:
        return
    keys_of = _KEYS[signals.guests_by]
    owners: dict[str, list[str]] = {}
    found: dict[str, list[GuestSignal]] = {}
    for server in fleet.servers.values():
        for key in keys_of(server):
            if key in signals.guests:
                owners.setdefault(key, []).append(server.server_id)
    for key, server_ids in owners.items():
        if len(server_ids) == 1:
            found.setdefault(server_ids[0], []).append(signals.guests[key])
    for server_id, guests in found.items():
        if len(guests) == 1:
            yield server_id, guests[0]
