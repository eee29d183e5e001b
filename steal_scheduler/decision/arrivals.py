"""Arrivals: servers that have just moved, and whose signals show but a part.

Until the window of the signals lies behind the arrival, a mean over it counts
seconds in which the server was not there.
"""

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


def brought(fleet: Fleet, server_id: str) -> Migration | None:
    """The migration that brought a server where it is, if one did.

    What was tried since and failed, or goes on, does not hide it.
    """
    for record in fleet.migrations.get(server_id, ()):
        if record.completed:
            return record
    return None


def unseen_demand(
    server: Server, signal: ServerSignal, came: Migration, window: float
) -> float:
    """Cores the server asks for that its signal does not show yet.

    For example one of 4 vCPUs arrived 30 s before a sample that is the mean
    of 60 s and shows 1 core: it asks for 2, so 1 is unseen. Had it arrived
    10 s before, all its 4 vCPUs would be assumed, and 3 be unseen.

    :param came: the migration that brought it here, however long ago
    :param window: seconds over which the signal is a mean
    """
    if window <= 0:
        return 0.0
    share = (signal.at - came.updated_at) / window
    if share >= 1:
        return 0.0
    whole = float(server.shared_vcpus)
    if share >= _LEAST_SHARE:
        whole = min(whole, signal.asked / share)
    return max(0.0, whole - signal.asked)
