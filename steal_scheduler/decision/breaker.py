"""The breaker: what keeps failing is left alone for a while, and only that."""

import collections
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from steal_scheduler.decision import census
from steal_scheduler.decision.records import (
    failed_in_a_row,
    is_anybodys,
    projects_of,
    tells_of_hosts,
    tells_of_server,
    to_blame,
)
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Migration, Server
from steal_scheduler.model.refusal import Nos, Reason

#: Failures in a row, newest first.
Streak = Sequence[Migration]
_Key = Callable[[Migration], str]


@dataclasses.dataclass(frozen=True, slots=True)
class Breaker:
    """What has failed too often since it last succeeded.

    For ``pause`` seconds nothing of it is tried; then one migration at a
    time, until one succeeds.
    """

    pause: float
    #: By host, and by project.
    sources: Mapping[str, Streak]
    #: Of those hosts, that from which only servers of few projects failed to
    #: get away, and these projects: others may have no such trouble.
    alone: Mapping[str, Set[str]]
    projects: Mapping[str, Streak]
    #: Empty where a host or a project is to blame, or nobody.
    cloud: Streak

    def holds(self, now: float) -> Nos:
        """Why nothing at all may start now."""
        if left := self._left(self.cloud, now):
            yield (
                Reason.BREAKER,
                f'the last {len(self.cloud)} migrations failed, from several '
                f'hosts to several others; one is tried in {left:.0f} s. See '
                '"openstack server migration list" and the log of '
                'nova-compute',
            )

    def nos(self, server: Server, now: float) -> Nos:
        """Why this server may not leave its host now."""
        host, project = server.host or '', server.project_id
        failed = self.of_source(server)
        if left := self._left(failed, now):
            yield (
                Reason.BREAKER_SOURCE,
                f'the last {len(failed)} migrations from its host {host} '
                f'failed; one is tried in {left:.0f} s. See the log of '
                'nova-compute there',
            )
        failed = self.projects.get(project, ())
        if left := self._left(failed, now):
            yield (
                Reason.BREAKER_PROJECT,
                f'the last {len(failed)} migrations of servers of its '
                f'project {project} failed or were aborted; one is tried in '
                f'{left:.0f} s',
            )

    def of_source(self, server: Server) -> Streak:
        """What failed from its host, if that is to blame for its like."""
        host = server.host or ''
        if server.project_id not in self.alone.get(host, {server.project_id}):
            return ()
        return self.sources.get(host, ())

    def _left(self, failed: Streak, now: float) -> float:
        """Seconds of the pause that are left."""
        if not failed:
            return 0.0
        return max(failed[0].updated_at + self.pause - now, 0.0)


def breaker(snapshot: Snapshot) -> Breaker:
    """Say whom the last failures of our migrations are blamed on.

    A host before a project, and both before the cloud; what one is blamed for
    counts nowhere else. For example with ``breaker_failures`` = 3:

    ===================================  =====================================
    The last ones, which failed          What is left alone
    ===================================  =====================================
    a to b, a to c, a to d               servers of a
    the same, all of project p           servers of p on a
    a to d, b to d, c to d               d as a target, see ``failed_arrivals``
    a to b, b to c, c to d of project p  servers of p
    the same, aborted                    servers of p
    four like these, of four projects    all
    ===================================  =====================================

    A failure of each of a few projects is nobody's: it may be one tenant who
    has them all.
    """
    rules, fleet = snapshot.rules.limits, snapshot.fleet

    def project(record: Migration) -> str:
        server = fleet.servers.get(record.server_id)
        return server.project_id if server else ''

    def blamed(records: Iterable[Migration], of: _Key) -> dict[str, Streak]:
        by_key = collections.defaultdict[str, list[Migration]](list)
        for record in records:
            by_key[of(record)].append(record)
        found = {key: failed_in_a_row(r) for key, r in by_key.items() if key}
        least = rules.breaker_failures
        return {key: f for key, f in found.items() if len(f) >= least}

    ours = sorted(fleet.ours, key=lambda m: -m.updated_at)
    told = [m for m in ours if tells_of_server(m, fleet)]
    of_hosts = [m for m in told if tells_of_hosts(m, fleet)]
    sources, targets = blamed(of_hosts, _source), blamed(of_hosts, _target)
    targets = {host: targets[host] for host in to_blame(targets, fleet)}
    told = _without(told, sources, targets)
    projects = blamed(told, project)
    told = _without(told, projects)
    cloud = failed_in_a_row(m for m in told if tells_of_hosts(m, fleet))
    keys = (_source, _target, project)
    spread = all(len({of(m) for m in cloud}) > 1 for of in keys)
    if (
        not spread
        or len(cloud) < rules.breaker_failures
        or not is_anybodys(
            projects_of(cloud, fleet), census.of(fleet).projects
        )
    ):
        cloud = ()
    # Of all servers, and mostly nobody is to blame.
    running = census.of(fleet).projects if sources else set[str]()
    alone = {
        host: found
        for host, failed in sources.items()
        if not is_anybodys(found := projects_of(failed, fleet), running)
    }
    return Breaker(rules.breaker_pause, sources, alone, projects, cloud)


def _without(
    records: Iterable[Migration], *blamed: Mapping[str, Streak]
) -> list[Migration]:
    """Those for which nobody is blamed yet."""
    taken = {m for found in blamed for f in found.values() for m in f}
    return [m for m in records if m not in taken]


def _source(record: Migration) -> str:
    return record.source


def _target(record: Migration) -> str:
    return record.target or ''
