"""Whom the orchestrators hold out of service, as they say themselves."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

from oslo_log import log

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.backoff import Backoff
from steal_scheduler.orchestrators.base import Mark
from steal_scheduler.orchestrators.calls import Calls

LOG = log.getLogger(__name__)

#: Seconds after which each is asked again whom it holds out of service.
LIST_EVERY = 600.0

#: Asks one of them, by its name, in the thread of the caller.
Ask = Callable[[str, Mapping[str, Server]], Sequence[Mark]]


class Listing:
    """Asks each for its marks when that is due.

    A tenant removed the tag right before a crash; an orchestrator did not
    answer when the server was reattached; another migrator lost the lock in
    the middle of a drain, and went on when this one had reattached the server
    already. So each is asked when this migrator begins, after such an outage,
    and from time to time; one that does not answer holds up no other.
    """

    def __init__(self, names: Iterable[str], calls: Calls, ask: Ask) -> None:
        self._names = frozenset(names)
        self._calls = calls
        self._ask = ask
        self._backoff = Backoff()
        #: Those that have to be asked: each may hold a server that no tag
        #: tells of.
        self._due = set(self._names)
        self._asked_at = 0.0
        #: By name, who came back while its list was being made.
        self._returned: dict[str, set[str]] = {}

    def again(self, name: str) -> None:
        """Whether this one holds a server, its list will tell."""
        self._due.add(name)

    def returned(self, server_id: str) -> None:
        """It is back: what lists under way say of it is of before."""
        for name in filter(self._calls.under_way, self._names):
            self._returned.setdefault(name, set()).add(server_id)

    def forget(self) -> None:
        """Another process may have drained or reattached servers."""
        self._backoff = Backoff()
        self._returned = {}
        self._due |= self._names

    def read(
        self, now: float, servers: Mapping[str, Server]
    ) -> Mapping[str, Sequence[Mark]]:
        """The marks of those that were due and have answered, by name.

        :param servers: that Nova knows, by id
        """
        if not self._asked_at <= now < self._asked_at + LIST_EVERY:
            self._asked_at = now
            self._due |= self._names
        found: dict[str, Sequence[Mark]] = {}
        for name in sorted(self._due):
            if self._backoff.waiting(name, now) is not None:
                continue
            try:
                ask = functools.partial(self._ask, name, servers)
                marks = self._calls.told(name, ('marks', name), ask)
                if marks is not None:
                    back = self._returned.pop(name, set())
                    found[name] = [m for m in marks if m.server_id not in back]
                    self._backoff.forget(name)
                    self._due.discard(name)
            except OrchestratorError as error:
                self._returned.pop(name, None)
                if self._backoff.failed(name, str(error), now):
                    LOG.warning(
                        'Orchestrator %s did not list its drained servers: %s',
                        name,
                        error,
                    )
        return found
