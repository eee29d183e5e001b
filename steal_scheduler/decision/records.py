"""Records: what Nova's migration records say, and of whom."""

from collections.abc import Iterable, Mapping, Sequence, Set

from steal_scheduler.decision import census
from steal_scheduler.model.cloud import Fleet, Migration

#: What fewer projects bring about may be one tenant's doing: he has one each
#: for development, tests and production, perhaps, and Nova does not tell whose
#: they are.
PROJECTS = 4


def failed_in_a_row(records: Iterable[Migration]) -> Sequence[Migration]:
    """The last ones, newest first, if they failed.

    :param records: newest first; what goes on proves nothing
    """
    found = []
    for record in records:
        if record.failed:
            found.append(record)
        elif record.ended:
            break
    return found


def is_anybodys(projects: Set[str], all_: Set[str]) -> bool:
    """Whether what concerns these projects is no single tenant's doing.

    Or there is nobody else.

    :param all_: that it could concern
    """
    return len(projects) >= PROJECTS or all_ <= projects


def projects_of(records: Iterable[Migration], fleet: Fleet) -> set[str]:
    """Whose servers they are of; nothing of those that are deleted."""
    found = (fleet.servers.get(record.server_id) for record in records)
    return {server.project_id for server in found if server is not None}


def to_blame(
    failed: Mapping[str, Sequence[Migration]], fleet: Fleet
) -> set[str]:
    """Targets that are to blame for what failed to reach them.

    A tenant can let his own migrations fail. So of hosts that only servers of
    few projects failed to reach, one is to blame for each project: that with
    the most failures. For the rest of them it is the projects.

    :param failed: by target, in a row
    """
    found: set[str] = set()
    if not failed:
        return found
    running = census.of(fleet).projects
    few: set[str] = set()
    for host in sorted(failed, key=lambda h: (-len(failed[h]), h)):
        projects = projects_of(failed[host], fleet)
        if is_anybodys(projects, running):
            found.add(host)
        elif not projects & few:
            found.add(host)
            few |= projects
    return found


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
