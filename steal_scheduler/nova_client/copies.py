"""How far the live migrations under way are: one call of Nova for each."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable

from steal_scheduler.exception import NovaFault
from steal_scheduler.model.cloud import Fleet
from steal_scheduler.model.progress import Copied


def with_copies(
    fleet: Fleet,
    in_flight: Iterable[str],
    ask: Callable[[str], Copied | None],
) -> Fleet:
    """The same, and how far they are; what is not told is not waited for.

    :param ask: tells of a server, see ``NovaClient.copied``
    """
    copies = {}
    for server_id in in_flight:
        records = fleet.migrations.get(server_id, ())
        if any(record.running for record in records):
            with contextlib.suppress(NovaFault):
                found = ask(server_id)
                if found is not None:
                    copies[server_id] = found
    return dataclasses.replace(fleet, copies=copies)
