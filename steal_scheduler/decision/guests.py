"""What guests tell of themselves, joined to the servers they run in.

A guest's agent knows no hypervisor, and often not even its server's id: it
is known by its name or by an address. Neither is unique in a cloud, and a
guest that could be two servers is none.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping

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


def join(signals: Signals, fleet: Fleet) -> dict[str, ServerSignal]:
    """Signals of servers, with what their guests tell.

    A hypervisor's word on used and waited always counts for more: an agent
    belongs to the tenant.

    :returns: by server id; where no hypervisor measured, of those guests
        that tell of both used and waited
    """
    servers = dict(signals.servers)
    for server_id, guest in _matched(signals, fleet):
        known = servers.get(server_id)
        if known is not None:
            servers[server_id] = dataclasses.replace(
                known,
                load=known.load if guest.load is None else guest.load,
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
    """Server ids and their guests; nothing where either side is doubtful."""
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
