"""The block of servers that are to stay where they are."""

from collections.abc import Mapping, Sequence
from typing import Any

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.until import iso


def skipped(snapshot: Snapshot) -> Sequence[Mapping[str, Any]]:
    """Servers that stay where they are, since somebody asked for it."""
    servers = snapshot.fleet.servers
    return [
        {
            'server_id': skip.server_id,
            'server_name': servers[skip.server_id].name
            if skip.server_id in servers
            else skip.server_id,
            'until': iso(skip.until) if skip.has_end else None,
            'detail': skip.told,
        }
        for skip in snapshot.fleet.skips.values()
        if skip.in_force(snapshot.now)
    ]
