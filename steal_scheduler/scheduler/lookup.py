"""Questions to Nova's database about the server of a request.

Each answers None, or nothing, for what cannot be found out.
"""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from nova import availability_zones, context, exception, objects

from steal_scheduler.scheduler import guard

#: Seconds for which the zone of a host is remembered, and hosts at most.
ZONE_SECONDS = 60.0
MAX_ZONES = 1000

_zones: dict[str, tuple[str, float]] = {}


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """A server, as the database has it."""

    #: None for a server that is on no host: new, or shelved and offloaded.
    host: str | None = None
    name: str | None = None
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)


NOTHING = Found()


def _nothing(*args: Any) -> Found:
    return NOTHING


@guard.fail_open('Looking up a server', _nothing)
def existing_server(server_id: str, cell: Any) -> Found:
    """A server that was created some time ago.

    :param cell: Nova's mapping of the cell it is in; None costs a query more
    """
    admin = context.get_admin_context()
    try:
        if cell is None:
            cell = objects.InstanceMapping.get_by_instance_uuid(
                admin, server_id
            ).cell_mapping
        with context.target_cell(admin, cell) as cell_context:
            server = objects.Instance.get_by_uuid(
                cell_context, server_id, expected_attrs=['metadata']
            )
    except exception.NotFound:
        # Deleted while it was being scheduled.
        return NOTHING
    return Found(server.host, server.display_name, dict(server.metadata))


@guard.fail_open('Looking up a new server', _nothing)
def new_server(server_id: str) -> Found:
    """A server that is being created; it is in no cell yet."""
    try:
        server = objects.BuildRequest.get_by_instance_uuid(
            context.get_admin_context(), server_id
        ).instance
    except exception.NotFound:
        return NOTHING
    return Found(None, server.display_name, dict(server.metadata or {}))


def _no_zone(host: str) -> str | None:
    return None


@guard.fail_open('Looking up an availability zone', _no_zone)
def host_zone(host: str) -> str | None:
    """The availability zone of a host; one query a minute.

    NOTE: Nova's own cache keeps zones for an hour: too long for a host that
    has just been put into another zone.
    """
    now = time.monotonic()
    zone, until = _zones.get(host, ('', 0.0))
    if now < until:
        return zone
    zone = str(
        availability_zones.get_host_availability_zone(
            context.get_admin_context(), host
        )
    )
    if len(_zones) >= MAX_ZONES:
        _zones.clear()
    _zones[host] = (zone, now + ZONE_SECONDS)
    return zone
