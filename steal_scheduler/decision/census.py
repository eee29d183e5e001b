"""The census: who is where in a fleet, counted once for all who ask.

A fleet is what Nova told at one moment, and several rules of one tick ask the
same of it. Nothing of that holds for the next fleet; and what hangs on the
time, on signals or on moves is asked anew each time.
"""

import collections
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Concatenate, ParamSpec, TypeVar

from steal_scheduler.model.cloud import Fleet, Server

_T = TypeVar('_T')
_P = ParamSpec('_P')


def once(
    count: Callable[Concatenate[Fleet, _P], _T],
) -> Callable[Concatenate[Fleet, _P], _T]:
    """Let it be counted once for each fleet, and each of its arguments.

    :param count: what it returns must not be changed; its other arguments
        can be keys
    """

    @functools.wraps(count)
    def counted(fleet: Fleet, /, *args: _P.args, **named: _P.kwargs) -> _T:
        key = count, args, *named.items()
        if key not in fleet.counted:
            fleet.counted[key] = count(fleet, *args, **named)
        found: _T = fleet.counted[key]
        return found

    return counted


@dataclasses.dataclass(frozen=True, slots=True)
class Census:
    """Servers, all in the order of the fleet."""

    by_host: Mapping[str | None, Sequence[Server]]
    #: By project, and then by role; not those without a role.
    by_role: Mapping[str, Mapping[str, Sequence[Server]]]
    #: By host, those that run and may wait there: that are not pinned.
    running: Mapping[str | None, Sequence[Server]]
    #: By zone, those of them of which ``eligibility.unfit`` says nothing
    #: while their host is up.
    fit: Mapping[str, Sequence[Server]]
    #: Projects that have servers which run.
    projects: Set[str]
    #: Those of which some vCPUs are pinned, or all.
    dedicated: Sequence[Server]


@once
def of(fleet: Fleet) -> Census:
    """Count all at once: of 100,000 servers each look at one takes time."""
    by_host = collections.defaultdict[str | None, list[Server]](list)
    by_role = collections.defaultdict[str, dict[str, list[Server]]](
        lambda: collections.defaultdict(list)
    )
    running = collections.defaultdict[str | None, list[Server]](list)
    fit = collections.defaultdict[str, list[Server]](list)
    projects = set[str]()
    dedicated: list[Server] = []
    for server in fleet.servers.values():
        by_host[server.host].append(server)
        if server.role:
            by_role[server.project_id][server.role].append(server)
        if server.dedicated:
            dedicated.append(server)
        if server.status != 'ACTIVE':
            continue
        projects.add(server.project_id)
        if server.dedicated and server.pinned:
            continue
        running[server.host].append(server)
        if not (server.task_state or server.locked or server.opted_out):
            fit[server.zone or ''].append(server)
    return Census(
        dict(by_host),
        dict(by_role),
        dict(running),
        dict(fit),
        projects,
        dedicated,
    )
