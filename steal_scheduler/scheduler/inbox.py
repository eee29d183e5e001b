"""Holds the newest view, and says when views begin and cease to come."""

import collections
import logging
import time
from collections.abc import Callable
from typing import Any

from steal_scheduler.messaging import view_format
from steal_scheduler.model.host_view import Tier
from steal_scheduler.scheduler.standing import Standing

LOG = logging.getLogger(__name__)


class Inbox:
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

        :param max_age: seconds after which a view is not believed
        """
        self._max_age = max_age
        self._wall = wall
        self._monotonic = monotonic
        self._began = monotonic()
        self._standing: Standing | None = None
        self._silent = False
        self._ignored = ''

    def latest(self) -> Standing | None:
        """The newest view, if it can still be believed."""
        standing = self._standing
        if standing is None or standing.expires <= self._monotonic():
            return None
        return standing

    def accept(self, message: Any) -> None:
        """Take a view that came in, unless there is a better one.

        Nothing is raised, for the sender does not wait for an answer; what
        is wrong is logged, once of its kind until a good one comes.
        """
        try:
            view = view_format.from_wire(message)
        except view_format.ViewError as error:
            self._ignore(type(error.__cause__).__name__, str(error))
            return
        age = self._wall() - view.taken_at
        if abs(age) > self._max_age:
            # From a future that far it says as little as from that past.
            self._ignore(
                'age',
                f'Its age is {age:.0f} s on its arrival, believed are '
                f'{self._max_age:g} s. Is the clock of this host or of the '
                "migrator's wrong?",
            )
            return
        current = self.latest()
        if current and view.taken_at < current.view.taken_at:
            # Overtaken on its way, or from a migrator that lost the lock.
            # NOTE: one that has expired stands in nobody's way, so a clock
            # that was put back costs at most max_age without views.
            LOG.debug('View taken at %s is not the newest', view.taken_at)
            return
        expires = self._monotonic() + self._max_age - max(age, 0.0)
        standing = Standing(view, expires)
        # Worked out here, off the way of requests.
        for move in (False, True):
            standing.order(None, move=move)
        news = self._standing is None or self._silent
        self._standing, self._silent, self._ignored = standing, False, ''
        if news:
            tiers = collections.Counter(h.tier for h in view.hosts.values())
            LOG.info(
                'Views arrive: %d hosts (%d cold, %d unknown, %d hot), '
                '%d servers about to move',
                len(view.hosts),
                tiers[Tier.COLD],
                tiers[Tier.UNKNOWN],
                tiers[Tier.HOT],
                len(view.movers),
            )

    def watch(self) -> float:
        """Say once that views have ceased to come.

        :returns: seconds after which to ask again
        """
        standing = self._standing
        expires = standing.expires if standing else self._began + self._max_age
        left = expires - self._monotonic()
        if left > 0:
            return left
        if not self._silent:
            self._silent = True
            LOG.warning(
                'No view for %g s: scheduling as stock Nova until one '
                'arrives. Does steal-migrator run, with the message broker '
                'that Nova has?',
                self._max_age,
            )
        return self._max_age

    def _ignore(self, kind: str, why: str) -> None:
        if kind != self._ignored:
            self._ignored = kind
            LOG.warning('View ignored. %s', why)
