"""No host: where Nova found none for some servers, others need not be drained.

Nova tells that it found none, not why: no room, another cell, a trait. A zone
may span cells, and no live migration crosses them; so what counts is whence
the servers were to go.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from steal_scheduler.decision.eligibility import HISTORY
from steal_scheduler.decision.records import PROJECTS
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.backoff import pause, seconds_left
from steal_scheduler.model.cloud import Migration, Server
from steal_scheduler.model.refusal import Nos, Reason

#: Servers for which Nova has to find none: one alone may be special, by its
#: server group or its image.
SERVERS = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Tries:
    """How migrations from each host ended, newest first."""

    pause: float
    by_source: Mapping[str, Sequence[tuple[Migration, Server]]]

    def nos(self, server: Server, now: float) -> Nos:
        """Why no host would be found for it either.

        For example Nova found none for two servers of 8 GiB on host a. One of
        16 GiB there is left alone for an hour, ``cooldown``, and after each
        further try of its own project in vain for twice as long; one of 4 GiB
        is tried. Of other projects see ``is_proof``.
        """
        in_vain = self._in_vain(server)
        if not in_vain:
            return
        own = [
            other.server_id
            for _, other in in_vain
            if other.project_id == server.project_id
        ]
        others = len(in_vain) - len(own)
        if not is_proof(len({*own}), others):
            return
        last, other = in_vain[0]
        times = len(own) + bool(others)
        seconds = pause(self.pause, max(times - SERVERS, 0), HISTORY)
        if left := seconds_left(last.updated_at, seconds, now):
            yield (
                Reason.NO_HOST,
                f'Nova found no host {len(in_vain)} times for servers of '
                f'{server.host} that need no more than it, such as '
                f'{other.label}: it may be tried again in {left:.0f} s. Is '
                'there memory on other hosts of its zone and cell? The log of '
                'nova-scheduler says what was missing',
            )

    def _in_vain(self, server: Server) -> list[tuple[Migration, Server]]:
        """Those for servers that need no more, since one was found."""
        found = []
        others = set()
        for record, other in self.by_source.get(server.host or '', ()):
            if record.target is None:
                if not needs_no_more(other, server):
                    continue
                project = other.project_id
                if project == server.project_id or project not in others:
                    found.append((record, other))
                    others.add(project)
            elif needs_no_more(server, other):
                break
        return found


def tries(snapshot: Snapshot) -> Tries:
    fleet = snapshot.fleet
    by_source = collections.defaultdict[str, list[tuple[Migration, Server]]](
        list
    )
    for server_id, records in fleet.migrations.items():
        server = fleet.servers.get(server_id)
        for record in records:
            if server is None or not record.ended:
                continue
            if record.target is not None or not record.stopped:
                by_source[record.source].append((record, server))
    for found in by_source.values():
        found.sort(key=lambda pair: -pair[0].updated_at)
    return Tries(snapshot.rules.limits.cooldown, by_source)


def is_proof(own: int, others: int) -> bool:
    """Whether what had to stay proves something of a further server.

    What fits nowhere may be of a tenant's making, in each of his projects.

    :param own: servers of its own project
    :param others: other projects
    """
    return own + others >= SERVERS if own else others >= PROJECTS


def needs_no_more(one: Server, other: Server) -> bool:
    """Whether one fits wherever the other one does, for all we know."""
    return one.ram_mb <= other.ram_mb and one.vcpus <= other.vcpus
