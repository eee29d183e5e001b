"""Others: live migrations that somebody else starts at a rate.

A balancer such as Watcher, or the script with which an operator empties a
host: two who move servers at once undo each other's work.
"""

import collections
import dataclasses
from collections.abc import Mapping

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.refusal import Nos, Reason

#: So many within so many seconds are a program's; a person who moves a server
#: or two by hand holds nobody up.
RATE = 3
PERIOD = 600.0
#: Share of the hosts from which on nothing of ours starts anywhere.
MANY = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Others:
    """What others began within ``PERIOD``."""

    migrations: int
    #: How many of them leave or reach each host.
    by_host: Mapping[str, int]
    #: How many hosts there are.
    hosts: int

    @property
    def busy(self) -> frozenset[str]:
        """Hosts that are left to them."""
        return frozenset(h for h, n in self.by_host.items() if n >= RATE)

    def holds(self) -> Nos:
        """Why nothing at all may start now."""
        touched = len(self.by_host)
        if self.migrations >= RATE and touched >= MANY * self.hosts:
            yield (
                Reason.FOREIGN_MIGRATIONS,
                f'others began {self.migrations} live migrations within '
                f'{PERIOD:g} s, from or to {touched} of {self.hosts} hosts: '
                'it goes on when they have ended their work',
            )

    def nos(self, server: Server) -> Nos:
        """Why this server may not leave its host now."""
        begun = self.by_host.get(server.host or '', 0)
        if begun >= RATE:
            yield (
                Reason.FOREIGN_MIGRATIONS,
                f'others began {begun} live migrations '
                f'from or to its host {server.host} within {PERIOD:g} s: it '
                'stays until they have ended their work',
            )


def others(snapshot: Snapshot) -> Others:
    """Count what others began.

    For example within ten minutes an operator's script has four servers leave
    host a, two of them for b, and one each for c and d: a is left alone, and
    so is everything in a cloud of eight hosts or less.
    """
    fleet, since = snapshot.fleet, snapshot.now - PERIOD
    # Of a week there may be thousands.
    ours = {record for record in fleet.ours if record.created_at >= since}
    begun = [
        record
        for records in fleet.migrations.values()
        for record in records
        if record.created_at >= since and record not in ours
    ]
    by_host = collections.Counter(
        host
        for record in begun
        for host in (record.source, record.target)
        if host is not None
    )
    return Others(len(begun), by_host, len(fleet.hosts))
