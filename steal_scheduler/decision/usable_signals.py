"""Which signals count: fresh ones, of servers where Nova says they are."""

import dataclasses
from collections.abc import Container, Mapping

from steal_scheduler.decision import guests, host_trust
from steal_scheduler.decision.host_checks import TrustRules
from steal_scheduler.decision.host_trust import Distrust
from steal_scheduler.model.cloud import Fleet, Signals


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    #: Fresh, and of hosts that do not lie.
    usable: Signals
    #: Hosts that are not believed, by name.
    distrust: Mapping[str, Distrust]


def gather(
    signals: Signals, fleet: Fleet, now: float, rules: TrustRules
) -> Evidence:
    """Part what can be acted on from what cannot."""
    fresh = usable(signals, fleet, now, rules.max_age)
    distrust = host_trust.judge(signals, fresh, fleet, now, rules)
    return Evidence(host_trust.believe(fresh, distrust), distrust)


def usable(
    signals: Signals, fleet: Fleet, now: float, max_age: float
) -> Signals:
    """Leave out what is stale or was measured on another host.

    After a migration the counters of the old host linger; they say nothing
    of the server where it is now.

    :param max_age: seconds after which a sample says nothing; one from the
        future beyond it says nothing either (a clock is wrong)
    """
    servers = {}
    known = fleet.servers
    oldest, newest = now - max_age, now + max_age
    told = {
        key: guest
        for key, guest in signals.guests.items()
        if oldest <= guest.at <= newest
    }
    signals = dataclasses.replace(signals, guests=told)
    for server_id, signal in guests.join(signals, fleet).items():
        server = known.get(server_id)
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
    usable_signals: Signals, fleet: Fleet, moving: Container[str] = ()
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
            seen += server.server_id in usable_signals.servers
    return 100.0 * seen / running if running else 100.0
