"""The census: who is where in a fleet, counted once for all who ask.

A fleet is what Nova told at one moment, and several rules of one tick ask the
same of it. Nothing of that holds for the next fleet; and what hangs on the
time, on signals or on moves is asked anew each time.
"""

import collections
import functools
from collections.abc import Callable, Mapping, Sequence
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


@once
def by_host(fleet: Fleet) -> Mapping[str | None, Sequence[Server]]:
    """The servers of each host, in the order of the fleet."""
    found = collections.defaultdict[str | None, list[Server]](list)
    for server in fleet.servers.values():
        found[server.host].append(server)
    return dict(found)


@once
def by_role(fleet: Fleet) -> Mapping[tuple[str, str], Sequence[Server]]:
    """The servers of each role and project; not those without a role."""
    found = collections.defaultdict[tuple[str, str], list[Server]](list)
    for server in fleet.servers.values():
        if server.role:
            found[server.role, server.project_id].append(server)
    return dict(found)
