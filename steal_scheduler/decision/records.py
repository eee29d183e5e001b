"""Records: what Nova's migration records say, and of whom."""

import itertools
from collections.abc import Iterable, Sequence

from steal_scheduler.model.cloud import Fleet, Migration


def failed_in_a_row(records: Iterable[Migration]) -> Sequence[Migration]:
    """The last ones, newest first, if they failed.

    :param records: newest first; what goes on proves nothing
    """
    ended = (m for m in records if m.ended)
    return [*itertools.takewhile(lambda m: m.failed, ended)]


def tells_of_server(record: Migration, fleet: Fleet) -> bool:
    """Whether its end says anything of its server.

    Not where Nova found no target; nor where it failed and the source's
    nova-compute is down, which is seen by itself.
    """
    source = fleet.hosts.get(record.source)
    died = record.failed and source is not None and not source.up
    return record.ended and record.target is not None and not died


def tells_of_hosts(record: Migration, fleet: Fleet) -> bool:
    """Whether it says anything of its source and its target as well.

    Not where it was aborted: most likely it copied too slowly.
    """
    return tells_of_server(record, fleet) and not record.stopped
