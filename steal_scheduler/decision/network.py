"""The network of hosts: where it is busy, no memory is copied on top.

Where the source of the signals does not tell of a host's, nothing is known
against it.
"""

from collections.abc import Sequence, Set

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import Nos, Reason


def busy(snapshot: Snapshot) -> Set[str]:
    """Hosts that are given none of our moves, for their network's sake."""
    return {n for n in snapshot.signals.hosts if _is_busy(n, snapshot)}


def of_server(server: Server, snapshot: Snapshot) -> Nos:
    """Why it may not leave its host now."""
    host = server.host or ''
    if _is_busy(host, snapshot):
        yield Reason.NETWORK, _told([host], snapshot)


def of_targets(names: Sequence[str], move: Move, snapshot: Snapshot) -> Nos:
    """Why it waits, where all hosts with cores for it have a busy network.

    :param names: of the open hosts of its zone, its own left out
    """
    view = snapshot.view
    able = [
        name
        for name in names
        if _is_busy(name, snapshot)
        and name not in snapshot.unreliable
        and not view.avoids(name)
        and view.has_room(view.hosts[name], move.demand.expected)
    ]
    if able:
        yield Reason.NETWORK, _told(able, snapshot)


def _is_busy(name: str, snapshot: Snapshot) -> bool:
    signal = snapshot.signals.hosts.get(name)
    return (
        signal is not None
        and signal.network is not None
        and signal.network * 100 >= snapshot.rules.hosts.network_threshold
    )


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
