"""Room for a host's failure: the servers of the largest host of a zone keep
places on its other hosts, where they have some.

A live migration changes nothing of what a zone has left in all, but where that
is. For example three servers of 16 GiB are on the largest host, and three
others have 16 GiB left each. If a server of 8 GiB moves among these, they have
24, 16 and 8 left: as much, and one of the three finds no place any more.

Amounts and traits count, as Placement has them; neither server groups nor
hosts that are kept for projects do.
"""

from collections.abc import Set

from steal_scheduler.decision.failure_zone import FailureZone, Needs
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Server


class FailureRoom:
    """Whether moves leave the servers of the largest hosts their places."""

    def __init__(self, snapshot: Snapshot, needs: Needs) -> None:
        """:param needs: by resource class, what a server needs"""
        self._snapshot = snapshot
        self._needs = needs
        self._zones: dict[str, FailureZone] = {}

    def is_kept(self, server: Server, host: str) -> bool:
        """Whether no more of them have no place once it is on that host."""
        zone = self._zone_of(host)
        return zone is None or zone.is_kept(server, host)

    def spoiled_by(self, server: Server) -> Set[str]:
        """Hosts of its zone that have room for it, where it is not so."""
        zone = self._zone_of(server.host or '')
        return zone.spoiled_by(server) if zone is not None else frozenset()

    def is_kept_after(
        self, first: tuple[Server, str], server: Server, host: str
    ) -> bool:
        """The same, once another one has gone to a host."""
        zone = self._zone_of(host)
        return zone is None or zone.is_kept_after(first, server, host)

    def add(self, server: Server, host: str) -> None:
        """It is planned for that host."""
        zone = self._zone_of(host)
        if zone is not None:
            zone.add(server, host)

    def _zone_of(self, host: str) -> FailureZone | None:
        known = self._snapshot.fleet.hosts.get(host)
        if known is None:
            return None
        found = self._zones.get(known.zone)
        if found is None:
            found = FailureZone(known.zone, self._snapshot, self._needs)
            self._zones[known.zone] = found
        return found
