"""All servers of Nova, page by page, in a round that begins again and again.

In pages the servers of a cell that is down are missing, and a page after one
of them is an error until it is back. So the round begins again, without them.
For example of the cells 1 and 2 the second goes down when the round is at a
server of it: the next page is the first one, and all of it is of cell 1.
"""

from collections.abc import Callable
from typing import Any

from steal_scheduler.exception import NovaFault, NovaSilent
from steal_scheduler.model.cloud import Server


def all_rows(ask: Callable[..., list[Any]], key: str) -> list[Any]:
    """Page by page, until none is left.

    NOTE: a short page proves nothing: Nova's own limit, ``max_limit``, may be
    less than ours. With 1,000 each, 1,500 are two pages and an empty one.

    :param ask: for the page behind a marker
    :param key: where a row has the marker of those behind it
    """
    found: list[Any] = []
    seen: set[str] = set()
    marker: str | None = None
    while page := ask(marker=marker):
        names = [row.to_dict().get(key) for row in page]
        # After one without a name none can be asked for.
        known = [name for name in names if _is_id(name)]
        if not known:
            return found + page
        marker = known[-1]
        if marker in seen:
            # One that ends as a page before it would come for ever.
            return found
        seen.add(marker)
        found += page
    return found


def _is_id(name: Any) -> bool:
    """Whether it can stand in a URL; all ids of Nova's can."""
    return isinstance(name, str) and name.isascii() and name != ''


class Pages:
    def __init__(self, page: Callable[[str | None], list[Server]]) -> None:
        """:param page: asks Nova for what comes after a server"""
        self._page = page
        #: How often the round has begun again.
        self.restarts = 0
        self._begin()

    def _begin(self) -> None:
        #: The last server read; None at the beginning of a round.
        self._marker: str | None = None
        #: Ids of all servers that were met since then, here or elsewhere.
        self.met: set[str] = set()

    def read(self) -> list[Server]:
        """The next page; none where there is no other.

        :raises NovaFault: Nova does not tell
        """
        try:
            page = self._page(self._marker)
        except NovaFault as error:
            if self._marker is None:
                raise
            self._begin()
            self.restarts += 1
            if isinstance(error, NovaSilent):
                raise
            page = self._page(None)
        # One that ends as the page before it would come for ever.
        if not page or page[-1].server_id == self._marker:
            return []
        self._marker = page[-1].server_id
        return page

    def end(self) -> set[str]:
        """End the round; whom it has met."""
        met = self.met
        self.restarts = 0
        self._begin()
        return met
