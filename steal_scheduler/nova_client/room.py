"""Reads the room for a decision: from Placement what hosts have left, from
Nova the server groups.

What cannot be read counts as not known, and that is said once: moves are
decided without it then, as of hosts that have room.
"""

import collections
import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from oslo_log import log

from steal_scheduler.edge import http
from steal_scheduler.exception import NovaFault
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.backoff import pause
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.hypervisor import Hypervisor
from steal_scheduler.model.room import HARD, Free, Group, HostRoom, Room
from steal_scheduler.nova_client.client import NovaClient

LOG = log.getLogger(__name__)

#: Seconds for all that is asked for one decision.
SECONDS = 30.0
#: Servers whose allocations are asked for in one decision; what is known of
#: one counts until it is resized or has moved.
ALLOCATIONS = 50
#: Seconds until what could not be read is asked for again, at first and at
#: most.
RETRY_FIRST, RETRY_MOST = 60.0, 3600.0
#: Beginning of the keys of an aggregate that is kept for projects, as Nova's
#: AggregateMultiTenancyIsolation reads them.
_KEPT_FOR = 'filter_tenant_id'

_T = TypeVar('_T')


class RoomReader:
    def __init__(
        self, nova: NovaClient, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._nova = nova
        self._monotonic = monotonic
        #: By server id: what it was when it was asked for, and what it had.
        self._allocated: dict[str, tuple[Server, Mapping[str, int]]] = {}
        #: What could not be read last time, by what it is.
        self._trouble: dict[str, str] = {}
        self._before = self._trouble
        #: How often in a row, and until when it is not asked for again.
        self._failures = collections.Counter[str]()
        self._until: dict[str, float] = {}

    def read(
        self,
        servers: Sequence[Server],
        hypervisors: Mapping[str, Hypervisor],
        aggregates: Iterable[Aggregate],
    ) -> Room:
        """Ask what is needed to place these servers.

        :param servers: the most urgent first
        :param hypervisors: by host
        """
        self._before, self._trouble = self._trouble, {}
        with http.within(SECONDS):
            free = self._ask('Placement', self._nova.placement.free)
            groups = self._ask('server groups', self._nova.server_groups)
            if free is not None:
                free = self._ours(free, hypervisors)
            if free is not None:
                self._ask_allocations(servers, hypervisors)
        self._say(self._before)
        return Room(
            hosts=_hosts(free, hypervisors, aggregates),
            allocated=self._known(servers),
            groups=_by_member(groups or ()),
            trouble='; '.join(self._trouble.values()),
        )

    def _ask(self, what: str, call: Callable[[], _T]) -> _T | None:
        """Make a call, unless it was made in vain just now.

        Who answers nothing takes all of the time, in which moves wait.
        """
        if self._monotonic() < self._until.get(what, 0.0):
            self._trouble[what] = self._before.get(what, '')
            return None
        try:
            found = call()
        except NovaFault as error:
            self._trouble[what] = str(error)
            seconds = pause(RETRY_FIRST, self._failures[what], RETRY_MOST)
            self._failures[what] += 1
            self._until[what] = self._monotonic() + seconds
            return None
        del self._failures[what]
        return found

    def _ours(
        self,
        free: Mapping[str, Free],
        hypervisors: Mapping[str, Hypervisor],
    ) -> Mapping[str, Free] | None:
        """Nothing, where it is the Placement of another cloud."""
        known = {one.uuid for one in hypervisors.values()}
        if not known:
            self._trouble['Placement'] = (
                'Nova does not tell which of the hosts in Placement are its '
                'own: has the user of [nova] the right '
                'os_compute_api:os-hypervisors:list-detail?'
            )
            return None
        if free and known.isdisjoint(free):
            self._trouble['Placement'] = (
                'Placement tells of no host of this Nova: is the one that '
                "Keystone's catalog names that of another region? Set "
                '[nova] region_name.'
            )
            return None
        return free

    def _ask_allocations(
        self,
        servers: Sequence[Server],
        hypervisors: Mapping[str, Hypervisor],
    ) -> None:
        new = [s for s in servers if not self._is_known(s)]
        for server in new[:ALLOCATIONS]:
            found = self._ask(
                'allocations',
                functools.partial(
                    self._nova.placement.allocated, server.server_id
                ),
            )
            if found is None:
                # The others would take as long, or be refused as well.
                return
            here = hypervisors.get(server.host or '')
            # What it has elsewhere, such as shared disk, it keeps.
            mine = found.get(here.uuid, {}) if here else {}
            self._allocated[server.server_id] = server, mine

    def _is_known(self, server: Server) -> bool:
        before, _ = self._allocated.get(server.server_id, (None, {}))
        return before is not None and _size(before) == _size(server)

    def _known(
        self, servers: Sequence[Server]
    ) -> Mapping[str, Mapping[str, int]]:
        """Those of these servers; others are forgotten."""
        self._allocated = {
            s.server_id: self._allocated[s.server_id]
            for s in servers
            if self._is_known(s)
        }
        return {
            server_id: amounts
            for server_id, (_, amounts) in self._allocated.items()
            if amounts
        }

    def _say(self, before: Mapping[str, str]) -> None:
        """Once of each that cannot be read, until it can be again."""
        for what in self._trouble.keys() - before.keys():
            LOG.warning(
                'Nova and Placement do not tell all of what hosts have room '
                'for, so servers may be drained for which Nova finds no host '
                '(%s): %s',
                what,
                self._trouble[what],
            )
        for what in before.keys() - self._trouble.keys():
            LOG.info('Room of hosts: %s can be read again.', what)


def _size(server: Server) -> tuple[object, ...]:
    return server.host, server.vcpus, server.ram_mb, server.disk_gb


def _hosts(
    free: Mapping[str, Free] | None,
    hypervisors: Mapping[str, Hypervisor],
    aggregates: Iterable[Aggregate],
) -> Mapping[str, HostRoom]:
    kept: dict[str, set[str]] = {}
    for aggregate in aggregates:
        projects = {
            project.strip()
            for key, value in aggregate.metadata.items()
            if key.startswith(_KEPT_FOR)
            for project in value.split(',')
        }
        for host in aggregate.hosts if projects else ():
            kept.setdefault(host, set()).update(projects)
    found = {}
    for host, one in hypervisors.items():
        left = free.get(one.uuid, Free({})) if free is not None else None
        found[host] = HostRoom(
            free=left if one.uuid else None,
            kind=one.kind,
            version=one.version,
            projects=frozenset(kept.get(host, ())),
        )
    return found


def _by_member(groups: Iterable[Group]) -> Mapping[str, Sequence[Group]]:
    found: dict[str, list[Group]] = {}
    for group in groups:
        for member in group.members if group.policy in HARD else ():
            found.setdefault(member, []).append(group)
    return found
