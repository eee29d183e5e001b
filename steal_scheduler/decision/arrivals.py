"""Arrivals: servers that have just moved, and whose signals show but a part.

Until the window of the signals lies behind the arrival, a mean over it counts
seconds in which the server was not there.
"""

from collections.abc import Mapping

from steal_scheduler.model.cloud import Fleet, Migration, Server, ServerSignal

#: Of the window; what covers less says nothing.
_LEAST_SHARE = 0.25


def lately(fleet: Fleet, since: float) -> set[str]:
    """Ids of servers that move, or did since.

    :param since: epoch seconds, by Nova's clock
    """
    return {
        server_id
        for server_id, records in fleet.migrations.items()
        if records and (not records[0].ended or records[0].updated_at >= since)
    }


def brought(fleet: Fleet) -> Mapping[str, Migration]:
    """The migration that brought each server where it is, if one did.

    What was tried since and failed, or goes on, does not hide it.
    """
    completed = {
        server_id: next((r for r in records if r.completed), None)
        for server_id, records in fleet.migrations.items()
    }
    return {s: record for s, record in completed.items() if record}


def unseen_demand(
    server: Server, signal: ServerSignal, came: Migration, window: float
) -> float:
    """Cores the server asks for that its signal does not show yet.

    :param came: the migration that brought it here, however long ago
    :param window: seconds over which the signal is a mean
    """
    if window <= 0:
        return 0.0
    share = (signal.at - came.updated_at) / window
    if share >= 1:
        return 0.0
    whole = float(server.vcpus)
    if share >= _LEAST_SHARE:
        whole = min(whole, signal.demand / share)
    return max(0.0, whole - signal.demand)
