"""Where a server may be out of service, and so has to be put back."""

from collections.abc import Sequence

from steal_scheduler.model.assignment import Route


class Ways:
    """Of one server; it shrinks as it is put back.

    Remembered, not read: routes may change while it is out, and so may the
    name that its metadata give it.
    """

    def __init__(
        self, routes: Sequence[Route] = (), others: Sequence[Route] = ()
    ) -> None:
        """Take what another process may have done.

        :param routes: in the order of the drain
        :param others: which may have been routes then
        """
        self._routes = list(routes)
        self._others = list(others)

    def go(self, route: Route) -> None:
        """It is about to be drained there."""
        if route not in self._routes:
            self._routes.append(route)

    def back(self) -> list[Route]:
        """Where it was drained, in reverse."""
        return self._routes[::-1]

    def others(self) -> list[Route]:
        """Where another process may have drained it, in any order."""
        return list(self._others)

    def done(self, route: Route) -> None:
        """It is back there."""
        for routes in (self._routes, self._others):
            if route in routes:
                routes.remove(route)
