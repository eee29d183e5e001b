"""Which of Nova's hosts the source means by what it calls them.

A label of Prometheus says where an exporter was reached: an IP address where
kolla-ansible set it up, a fully qualified name where Nova's is short, the unit
of a charm. So it is looked up among all that Nova calls its hosts, their
hypervisors and addresses, and so is what the kernel there calls itself, where
an exporter tells. For example Nova's host cmp-1 has the address 10.5.0.21::

    cmp-1, cmp-1.example.org, 10.5.0.21, CMP-1   cmp-1
    juju-7-nova/0, on which the kernel is cmp-1   cmp-1
    10.5.0.22, on which the kernel is cmp-1,      none: it may be both
    while that is the address of cmp-2
    10.5.0.10                                     none: no host of Nova
"""

import collections
import dataclasses
import ipaddress
from collections.abc import Iterable, Mapping, Set

from steal_scheduler.edge.text import several
from steal_scheduler.model.cloud import Fleet, HostSignal, Signals
from steal_scheduler.model.readings import agree


class _Names:
    """All that Nova calls its hosts."""

    def __init__(self, fleet: Fleet) -> None:
        self._hosts = fleet.hosts
        self._whole = collections.defaultdict[str, set[str]](set)
        #: By the first part, where there is more; and where there is not.
        self._first = collections.defaultdict[str, set[str]](set)
        self._bare = collections.defaultdict[str, set[str]](set)
        for host in fleet.hosts.values():
            for name in (host.name, *host.aliases):
                whole, first = _parts(name)
                self._whole[whole].add(host.name)
                if first:
                    shorter = self._bare if first == whole else self._first
                    shorter[first].add(host.name)

    def of(self, said: Iterable[str]) -> Set[str]:
        """The hosts that these names may all be meant for."""
        found: set[str] = set()
        for name in said:
            if name in self._hosts:
                found.add(name)
                continue
            whole, first = _parts(name)
            # Of two that are both fully qualified the whole has to match.
            shorter = self._first if first == whole else self._bare
            found |= self._whole.get(whole, set()) | (
                shorter.get(first, set()) if first else set()
            )
        return found


def _parts(name: str) -> tuple[str, str]:
    """A name as it is compared, and up to its first point; '' of an address.

    ``CMP-1.example`` is ``('cmp-1.example', 'cmp-1')``.
    """
    try:
        return str(ipaddress.ip_address(name.strip('[]'))), ''
    except ValueError:
        whole = name.casefold()
        return whole, whole.partition('.')[0]


def with_novas_names(signals: Signals, fleet: Fleet) -> Signals:
    """The same, with hosts called as Nova does.

    What may be several of Nova's hosts is left out, and so is a host that two
    labels mean and tell different things of.
    """
    told = {s.host for s in signals.servers.values() if s.host}
    labels = told | signals.hosts.keys() | signals.ambiguous_hosts.keys()
    if labels <= fleet.hosts.keys() and not signals.ambiguous_hosts:
        return signals
    # Whom Nova calls so, that is; what else they may be is not asked.
    meant: dict[str, Set[str]] = {n: {n} for n in labels & fleet.hosts.keys()}
    if others := labels - fleet.hosts.keys():
        names = _Names(fleet)
        for label in others:
            kernels = signals.nodenames.get(label, frozenset())
            meant[label] = names.of((label, *sorted(kernels)))
    # Nova's name of each that is clear; what is none of its hosts stays so.
    one = {
        label: min(found, default=label)
        for label, found in meant.items()
        if len(found) <= 1
    }
    hosts, ambiguous = _hosts(signals, one)
    for label in sorted(labels - one.keys()):
        for host in meant[label]:
            if host not in hosts:
                ambiguous.setdefault(
                    host,
                    f'label {label} may mean any of '
                    f'{several(sorted(meant[label]))}, by their names and '
                    'addresses in Nova and by what the kernel there calls '
                    'itself',
                )
    servers = signals.servers
    other = {label for label, name in one.items() if label != name}
    if other:
        servers = {
            server_id: dataclasses.replace(signal, host=one[signal.host])
            if signal.host in other
            else signal
            for server_id, signal in servers.items()
        }
    return dataclasses.replace(
        signals,
        servers=servers,
        hosts=hosts,
        ambiguous_hosts=ambiguous,
        strangers=tuple(sorted(n for n, found in meant.items() if not found)),
    )


def _hosts(
    signals: Signals, one: Mapping[str, str]
) -> tuple[dict[str, HostSignal], dict[str, str]]:
    """What is told of each host, and why nothing is where that is not sure."""
    ambiguous = {
        one.get(label, label): why
        for label, why in signals.ambiguous_hosts.items()
    }
    labels = collections.defaultdict[str, list[str]](list)
    # That which is the very name comes first.
    clear = signals.hosts.keys() & one.keys()
    for label in sorted(clear, key=lambda label: (one[label] != label, label)):
        labels[one[label]].append(label)
    hosts = {}
    for name, found in labels.items():
        first, *rest = (signals.hosts[label] for label in found)
        if not all(_agree(first, other) for other in rest):
            ambiguous.setdefault(
                name,
                f'{several(found)} all mean it, and tell different things: '
                'let one exporter of each kind tell of it, or set '
                '[prometheus] selector',
            )
        if name not in ambiguous:
            hosts[name] = (
                first
                if first.host == name
                else dataclasses.replace(first, host=name)
            )
    return hosts, ambiguous


def _agree(one: HostSignal, other: HostSignal) -> bool:
    """Whether both can be readings of one host."""
    pairs = ((one.used, other.used), (one.runnable, other.runnable))
    return one.cores == other.cores and all(
        agree((a, b), constant=False)
        for a, b in pairs
        if a is not None and b is not None
    )


def look_at(signals: Signals, fleet: Fleet) -> str:
    """Where to look when too few servers have a signal.

    :param signals: with Nova's names
    """
    strangers = signals.strangers
    known = {*signals.hosts, *(s.host for s in signals.servers.values())}
    if not strangers:
        return 'look at the exporters'
    if not fleet.hosts or known & fleet.hosts.keys():
        return (
            f'look at the exporters, and at labels {several(strangers)}, '
            "which are none of Nova's hosts"
        )
    novas = [
        f'{host.name} ({", ".join(sorted(host.aliases))})'
        if host.aliases
        else host.name
        for host in fleet.hosts.values()
    ]
    untold = fleet.no_aliases
    return (
        f'{len(strangers)} hosts have signals, none is a Nova host: labels '
        f"{several(strangers)}; Nova's hosts {several(novas)}"
        + (f'. Nova does not tell their addresses: {untold}' if untold else '')
    )
