"""How hosts stand: the newest view, and what is worked out from it."""

import dataclasses

from steal_scheduler import ranking
from steal_scheduler.scheduler.order import Order
from steal_scheduler.view import HostView, Tier, View

#: Orders kept for one view; each is about as large as the list of hosts.
MAX_ORDERS = 32
#: Placements remembered for one view.
MAX_PLACED = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """Where a server most likely went, of which the view knows nothing."""

    host: str
    role: str | None
    cores: float


class Standing:
    """One view, as this worker uses it until the next one comes.

    NOTE: requests run in threads. Everything here is one read or one write
    of a dict, so that no request ever waits for another.
    """

    def __init__(self, view: View, expires: float) -> None:
        """Take the view.

        :param expires: monotonic time from which on it is not believed
        """
        self.view = view
        self.expires = expires
        self._orders: dict[tuple[str | None, bool], Order] = {}
        self._placed: dict[str, Placed] = {}

    def order(self, role: str | None, *, move: bool) -> Order:
        """The order of hosts for servers of this role."""
        # Roles nobody has are one and the same: tenants can invent as many
        # as they like and cost us nothing.
        key = (role if role in self.view.roles else None, move)
        order = self._orders.get(key)
        if order is None:
            if len(self._orders) >= MAX_ORDERS:
                self._orders.clear()
            order = self._orders[key] = Order(self.view, key[0], move=move)
        return order

    def place(self, server_id: str, placed: Placed) -> None:
        """Remember a choice, so that the next one is not the same.

        Without it all servers that are created between two views would go
        to the one host that was best in the first.
        """
        if server_id in self._placed or len(self._placed) < MAX_PLACED:
            self._placed[server_id] = placed

    def corrections(
        self, role: str | None, *, move: bool, server_id: str
    ) -> dict[str, float]:
        """New weights of the hosts that servers were placed on.

        :param server_id: whose own placement, by an earlier attempt that
            came to nothing, does not count
        """
        cores: dict[str, float] = {}
        alike: dict[str, int] = {}
        for other, placed in list(self._placed.items()):
            if other != server_id and placed.host in self.view.hosts:
                name = placed.host
                cores[name] = cores.get(name, 0.0) + placed.cores
                alike[name] = alike.get(name, 0) + (placed.role == role)
        if not cores:
            return {}
        order = self.order(role, move=move)
        known = self.view.roles.get(role, {}) if role else {}
        return {
            name: order.weight(
                ranking.key(
                    self._filled(name, extra),
                    known.get(name, 0) + alike[name] if role else 0,
                    self.view.steal_band,
                    move=move,
                )
            )
            for name, extra in cores.items()
        }

    def _filled(self, name: str, cores: float) -> HostView:
        """The host, as if what was placed there ran at full load."""
        host = self.view.hosts[name]
        full = host.tier is Tier.COLD and not self.view.has_room(host, cores)
        return dataclasses.replace(
            host,
            credit=host.credit + cores,
            tier=Tier.HOT if full else host.tier,
        )
