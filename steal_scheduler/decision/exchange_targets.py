"""Targets of exchanges: hosts where one server gives way to another."""

import itertools
from collections.abc import Iterator

from steal_scheduler.decision.room import Ledger, takes_swaps
from steal_scheduler.decision.targets import Targets
from steal_scheduler.model.host_view import Tier
from steal_scheduler.model.move import Move


class ExchangeTargets(Targets):
    """The same hosts, with what is left of them once somebody has gone."""

    @property
    def ledger(self) -> Ledger:
        """What they have left, with all that is planned for them."""
        return self._ledger

    def givers(self, zone: str) -> list[str]:
        """Hosts that could take servers, if they had room; most cores first.

        Also those that are given one already.
        """
        found = (name for _, name in self.by_use.of_zone(zone))
        return sorted(found, key=lambda n: (-self.cores_left(n), n))

    def takers(self, zone: str) -> Iterator[str]:
        """Those that can be given one now."""
        bands = self._free.get(zone, {}).values()
        return (name for _, name in itertools.chain.from_iterable(bands))

    def receives(self, name: str) -> bool:
        """Whether it can be given one more now."""
        return not self._is_busy(name)

    def cores_left(self, name: str) -> float:
        """How many it can be given, and stay cold."""
        host = self._view.hosts[name]
        most = self._view.target_demand / 100 * host.cores
        return most - host.demand - host.credit - self._planned[name]

    def fits_after(self, leaving: Move, move: Move) -> bool:
        """Whether its host could take the other one, once the first has left.

        NOTE: while the first is on its way its host takes nobody, and its
        tier tells nothing but whether it is hot.
        """
        name = leaving.source
        cores = move.demand.expected - leaving.demand.expected
        return (
            self._view.hosts[name].tier is not Tier.HOT
            and self._has_cores(name, move, cores)
            and self._bursts.cures(move.source, name)
            and self._ledger.fits_after(leaving.server, move.server, name)
        )

    def keeps_after(self, leaving: Move, to: str, move: Move) -> bool:
        """Whether room for a host's failure is kept once both have gone."""
        return self._ledger.keeps_after(
            (leaving.server, to), move.server, leaving.source
        )

    def swaps(self, leaving: Move, name: str) -> bool:
        """Whether it can go where the other one comes from, hot as that is."""
        return (
            takes_swaps(name, self._snapshot)
            and self.receives(name)
            and self.open_to(leaving, name)
        )

    def credit(self, move: Move, name: str) -> None:
        """It is planned for this host, though there is no room yet."""
        self._credit(move, name)
