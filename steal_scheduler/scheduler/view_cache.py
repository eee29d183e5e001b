"""The newest view, as one nova-scheduler worker uses it.

``ViewCache`` takes the views that come in, and says when they begin and cease
to come. ``RankedView`` is one of them and what is worked out from it, an
``Order`` of hosts for each kind of request.
"""

import collections
import dataclasses
import functools
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from steal_scheduler.decision import ranking
from steal_scheduler.edge.text import one_line
from steal_scheduler.messaging import view_format
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import CLOCK_SKEW
from steal_scheduler.scheduler.order import Order

LOG = logging.getLogger(__name__)

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


class RankedView:
    """One view, as this worker uses it until the next one comes.

    NOTE: requests run in threads. Everything here is one read or one write
    of a dict, so that no request ever waits for another.
    """

    def __init__(self, view: View, expires: float) -> None:
        """Take the view.

        :param expires: monotonic time from which on it is too old
        """
        self.view = view
        self.expires = expires
        # No lock: two requests may work out the same order at once.
        self._order = functools.lru_cache(MAX_ORDERS)(
            lambda role, move: Order(ranking.keys(view, role, move=move))
        )
        self._placed: dict[str, Placed] = {}

    def order(
        self, role: str | None, *, move: bool, server_id: str | None = None
    ) -> Order:
        """The order of hosts for a server of this role.

        :param role: as ``View.role_key`` has it
        :param server_id: whose own placement, by an earlier attempt that
            came to nothing, does not count
        """
        # Roles that nobody plays are one and the same: tenants may invent
        # as many as they like.
        order = self._order(role if role in self.view.roles else None, move)
        changed = self._changed(role, move, server_id) if order.keys else {}
        return Order({**order.keys, **changed}) if changed else order

    def place(self, server_id: str, placed: Placed) -> None:
        """Remember a choice, so that the next one is not the same.

        Without it all servers that are created between two views would go
        to the one host that was best in the first.
        """
        if server_id in self._placed or len(self._placed) < MAX_PLACED:
            self._placed[server_id] = placed

    def full(self, cores: float, server_id: str) -> frozenset[str]:
        """Hosts that cannot take it any more, with what was placed there."""
        return frozenset(
            name
            for name, extra in self._given(server_id).items()
            if not self.view.takes(name, cores + extra)
        )

    def _given(self, server_id: str | None) -> dict[str, float]:
        """Cores by host, of all that was placed there but this server."""
        cores: dict[str, float] = {}
        for other, placed in list(self._placed.items()):
            if other != server_id and placed.host in self.view.hosts:
                name = placed.host
                cores[name] = cores.get(name, 0.0) + placed.cores
        return cores

    def _changed(
        self, role: str | None, move: bool, server_id: str | None
    ) -> dict[str, ranking.Key]:
        """New keys of the hosts that servers were placed on."""
        alike = collections.Counter(
            placed.host
            for other, placed in list(self._placed.items())
            if other != server_id and placed.role == role
        )
        known = self.view.roles.get(role, {}) if role else {}
        return {
            name: ranking.key(
                self._filled(name, extra),
                known.get(name, 0) + alike[name] if role else 0,
                move=move,
            )
            for name, extra in self._given(server_id).items()
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


class ViewCache:
    """What one process knows from the migrator.

    One thread writes, requests read: one attribute, never a lock.
    """

    def __init__(
        self,
        max_age: float,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without a view.

        :param max_age: seconds after which a view does not count any more
        """
        self._max_age = max_age
        self._wall = wall
        self._monotonic = monotonic
        self._began = monotonic()
        self._newest: RankedView | None = None
        self._silent = False
        self._ignored = ''
        #: Availability zone by host, as the last view told it; None until
        #: one came. It does not expire: Nova lets no host that holds servers
        #: change its zone.
        self.zones: Mapping[str, str] | None = None

    def latest(self) -> RankedView | None:
        """The newest view, unless it is too old."""
        newest = self._newest
        if newest is None or newest.expires <= self._monotonic():
            return None
        return newest

    def accept(self, message: Any) -> None:
        """Take a view that came in, unless there is a better one.

        Nothing is raised, for the sender does not wait for an answer; what
        is wrong is logged, once of its kind until a good one comes.
        """
        try:
            view = view_format.decode(message)
        except view_format.ViewError as error:
            # It repeats what came, however much that was.
            said = one_line(error, 500)
            self._ignore(type(error.__cause__).__name__, said)
            return
        age = self._wall() - view.taken_at
        if not -CLOCK_SKEW <= age <= self._max_age:
            # NOTE: one from the future would be the newest until then, and
            # every good one overtaken: one forged cast for each max_age, and
            # the migrator would not be heard.
            found = (
                f'{age:.0f} s old, more than [steal_scheduler] view_max_age '
                f'= {self._max_age:g} s'
                if age > 0
                else f'{-age:.1f} s ahead of this clock, more than '
                f'{CLOCK_SKEW:g} s'
            )
            self._ignore(
                'age',
                f'on arrival it is {found}. Check the clocks of this host '
                "and of the migrator's host.",
            )
            return
        current = self.latest()
        if current and view.taken_at < current.view.taken_at:
            # Overtaken on its way, or from a migrator that lost the lock.
            # NOTE: one that has expired stands in nobody's way, so a clock
            # that was set back costs at most max_age without views.
            LOG.debug('View taken at %s is not the newest', view.taken_at)
            return
        expires = self._monotonic() + self._max_age - max(age, 0.0)
        newest = RankedView(view, expires)
        # Worked out here, off the way of requests.
        for move in (False, True):
            newest.order(None, move=move)
        zones = {n: host.zone for n, host in view.hosts.items() if host.zone}
        first = self._newest is None or self._silent
        self._newest, self.zones = newest, zones
        self._silent, self._ignored = False, ''
        if first:
            _log_first(view)

    def watch(self) -> float:
        """Say once that views have ceased to come.

        :returns: seconds after which to ask again
        """
        newest = self._newest
        expires = newest.expires if newest else self._began + self._max_age
        left = expires - self._monotonic()
        if left > 0:
            return left
        if not self._silent:
            self._silent = True
            LOG.warning(
                'Views are missing for %g s: StealFilter and StealWeigher '
                'have no effect until one arrives. Check that steal-migrator '
                "runs, and that it uses Nova's message broker.",
                self._max_age,
            )
        return self._max_age

    def _ignore(self, kind: str, reason: str) -> None:
        if kind != self._ignored:
            self._ignored = kind
            LOG.warning('View ignored: %s', reason)


def _log_first(view: View) -> None:
    tiers = collections.Counter(host.tier for host in view.hosts.values())
    LOG.info(
        'Views arrive: %d hosts (%d cold, %d unknown, %d hot), '
        '%d servers about to move',
        len(view.hosts),
        tiers[Tier.COLD],
        tiers[Tier.UNKNOWN],
        tiers[Tier.HOT],
        len(view.movers),
    )
