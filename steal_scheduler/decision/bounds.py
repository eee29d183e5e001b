"""Bounds: what was measured of a server, against what Nova knows of it.

A vCPU runs, waits, or does nothing, and so its two shares are 1 at most. What
is more is a counter that fell: a known fault of guests' kernels at a live
migration, just when we look whether it has helped. And what is known of some
vCPUs only is no word on the server: 11 % of steal may be 33 %, and nobody
knows whether those that are not measured wait as much as the others.
"""

import dataclasses

from steal_scheduler.model.cloud import Fleet, Server, ServerSignal, Signals
from steal_scheduler.model.refusal import Nos, Reason, Refusal, first
from steal_scheduler.model.threads import NO_THREADS, Spent

#: Of a server's vCPUs; scrapes are not exactly as far apart as they say.
MOST = 1.1


def within(cores: float, server: Server) -> bool:
    """Whether so many cores can be its vCPUs'.

    One of which Nova tells no vCPUs is in a cell that is down.
    """
    return not server.vcpus or cores <= MOST * server.vcpus


def whole(vcpus: float | None, server: Server) -> bool:
    """Whether what is the sum of so many vCPUs is of all of them."""
    return vcpus is None or vcpus >= server.vcpus


def plausible(
    signals: Signals, fleet: Fleet
) -> tuple[Signals, dict[str, Refusal]]:
    """Leave out what cannot be of a server, or is but a part of it.

    :param signals: of servers that Nova knows
    :returns: the rest, and what is wrong with the others, by server id
    """
    servers, left_out = {**signals.servers}, {}
    for server_id, signal in _doubtful(signals, fleet):
        server = fleet.servers[server_id]
        no = first(_nos(signal, server), server_id)
        if no is None:
            servers[server_id] = _within(signal, server)
        else:
            left_out[server_id] = no
            del servers[server_id]
    return dataclasses.replace(signals, servers=servers), left_out


def _doubtful(
    signals: Signals, fleet: Fleet
) -> list[tuple[str, ServerSignal]]:
    """Those of which there may be something to say; of nearly all, not."""
    known = fleet.servers
    return [
        (server_id, signal)
        for server_id, signal in signals.servers.items()
        # As in within() and whole(): of 100,000 servers each call counts.
        if not signal.used + signal.waited
        <= MOST * (vcpus := known[server_id].vcpus)
        or (signal.vcpus is not None and signal.vcpus < vcpus)
        or signal.guest_waited is not None
        or (
            signal.threads is not NO_THREADS
            and signal.threads.worst.asked > MOST
        )
    ]


def _within(signal: ServerSignal, server: Server) -> ServerSignal:
    """The same, without what cannot be of its guest or its worst vCPU."""
    guest = signal.guest_waited
    if guest is not None and not within(guest, server):
        # The hypervisor's own count stands.
        signal = dataclasses.replace(signal, guest_waited=None)
    if signal.threads.worst.asked > MOST:
        # It is one vCPU.
        of_threads = dataclasses.replace(signal.threads, worst=Spent())
        signal = dataclasses.replace(signal, threads=of_threads)
    return signal


def _nos(signal: ServerSignal, server: Server) -> Nos:
    if not within(signal.used + signal.waited, server):
        yield (
            Reason.IMPLAUSIBLE,
            f'its signal is left out: {signal.used:.1f} cores used and '
            f'{signal.waited:.1f} waited for cannot be those of '
            f'{server.vcpus} vCPUs',
        )
    if not whole(signal.vcpus, server):
        cure = 'look at its exporter'
        if signal.by_guest:
            cure += ', in which no counter of steal may fall'
        yield (
            Reason.PARTIAL,
            f'its signal is left out: {signal.vcpus:g} of its {server.vcpus} '
            'vCPUs are measured, and the others may wait more or less: '
            f'{cure}',
        )
