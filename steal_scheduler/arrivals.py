"""Servers that have just moved: what signals tell of them is not whole yet.

Until the window of the signals lies behind the arrival, a mean over it counts
seconds in which the server was not there.
"""

from collections.abc import Mapping

from steal_scheduler.model import Fleet, Migration, Server, ServerSignal

#: Of the window; what covers less says nothing.
_LEAST_SHARE = 0.25


def lately(fleet: Fleet, since: float) -> Mapping[str, Migration]:
    """The newest migration of every server that moves, or did since.

    :param since: epoch seconds, by Nova's clock
    """
    newest = {
        server_id: records[0]
        for server_id, records in fleet.migrations.items()
        if records
    }
    return {
        server_id: migration
        for server_id, migration in newest.items()
        if not migration.ended or migration.updated_at >= since
    }


def unseen_demand(
    server: Server,
    signal: ServerSignal,
    migration: Migration | None,
    window: float,
) -> float:
    """Cores the server asks for that its signal does not show yet.

    :param migration: that brought it here; None if none did lately
    :param window: seconds over which the signal is a mean
    """
    if migration is None or not migration.completed or window <= 0:
        return 0.0
    share = (signal.at - migration.updated_at) / window
    if share >= 1:
        return 0.0
    whole = float(server.vcpus)
    if share >= _LEAST_SHARE:
        whole = min(whole, signal.demand / share)
    return max(0.0, whole - signal.demand)
