"""How hosts stand: the newest view, and what is worked out from it."""

import dataclasses

from steal_scheduler.decision import ranking
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.scheduler.order import Order

#: Orders kept for one view; each is about as large as the list of hosts.
MAX_ORDERS = 16
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

    def order(
        self, role: str | None, *, move: bool, server_id: str | None = None
    ) -> Order:
        """The order of hosts for a server of this role.

        :param server_id: whose own placement, by an earlier attempt that
            came to nothing, does not count
        """
        # Roles that nobody plays are one and the same: tenants may invent
        # as many as they like.
        key = (role if role in self.view.roles else None, move)
        order = self._orders.get(key)
        if order is None:
            if len(self._orders) >= MAX_ORDERS:
                self._orders.clear()
            order = Order(ranking.keys(self.view, key[0], move=move))
            self._orders[key] = order
        changed = self._changed(role, move, server_id) if order.keys else {}
        return Order({**order.keys, **changed}) if changed else order

    def place(self, server_id: str, placed: Placed) -> None:
        """Remember a choice, so that the next one is not the same.

        Without it all servers that are created between two views would go
        to the one host that was best in the first.
        """
        if server_id in self._placed or len(self._placed) < MAX_PLACED:
            self._placed[server_id] = placed

    def _changed(
        self, role: str | None, move: bool, server_id: str | None
    ) -> dict[str, ranking.Key]:
        """New keys of the hosts that servers were placed on."""
        cores: dict[str, float] = {}
        alike: dict[str, int] = {}
        for other, placed in list(self._placed.items()):
            if other != server_id and placed.host in self.view.hosts:
                name = placed.host
                cores[name] = cores.get(name, 0.0) + placed.cores
                alike[name] = alike.get(name, 0) + (placed.role == role)
        known = self.view.roles.get(role, {}) if role else {}
        return {
            name: ranking.key(
                self._filled(name, extra),
                known.get(name, 0) + alike[name] if role else 0,
                self.view.steal_band,
                move=move,
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
