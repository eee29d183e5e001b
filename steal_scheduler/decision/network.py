"""The network of hosts: where it is busy, no memory is copied on top.

Where the source of the signals does not tell of a host's, nothing is known
against it.
"""

from collections.abc import Set

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import Nos, Reason


def busy(snapshot: Snapshot) -> Set[str]:
    """Hosts that are given none of our moves, for their network's sake."""
    threshold = snapshot.rules.hosts.network_threshold
    return {
        name
        for name, signal in snapshot.signals.hosts.items()
        if signal.network is not None and signal.network * 100 >= threshold
    }


def of_server(server: Server, snapshot: Snapshot) -> Nos:
    """Why it may not leave its host now."""
    host = server.host or ''
    if host in busy(snapshot):
        yield Reason.NETWORK, _told([host], snapshot)


def of_targets(move: Move, snapshot: Snapshot) -> Nos:
    """Why it waits, where all hosts with cores for it have a busy network."""
    view = snapshot.view
    able = [
        name
        for name in sorted(busy(snapshot) & view.hosts.keys())
        if name not in (move.source, *snapshot.unreliable)
        and view.hosts[name].zone == move.server.zone
        and snapshot.fleet.hosts[name].open
        and not view.avoids(name)
        and view.has_room(view.hosts[name], move.demand)
    ]
    if able:
        yield Reason.NETWORK, _told(able, snapshot)


def _told(names: list[str], snapshot: Snapshot) -> str:
    hosts, most = snapshot.signals.hosts, 3
    shares = ', '.join(
        f'{hosts[name].network or 0.0:.0%} on {name}' for name in names[:most]
    )
    more = ', ...' if len(names) > most else ''
    return (
        f'the network is busy ({shares}{more}), and [hosts] network_threshold '
        f'is {snapshot.rules.hosts.network_threshold:g}%: its turn comes'
    )
