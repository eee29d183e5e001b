"""Orphans: servers that are still drained though no tag says so.

A tenant removed the tag right before a crash; an orchestrator did not answer
when the server was reattached; another migrator lost the lock in the middle
of a drain, and went on when this one had reattached the server already. So
each orchestrator is asked when this migrator begins, after such an outage,
and from time to time; one that does not answer holds up no other.
"""

from oslo_log import log

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.moves.effects import Backoff
from steal_scheduler.orchestrators.dispatcher import Dispatcher

LOG = log.getLogger(__name__)

#: Seconds after which each is asked again.
EVERY = 600.0


class Orphans:
    """Asks the orchestrators for them, each when it is due."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._backoff = Backoff()
        #: When all were last found worth asking; epoch seconds.
        self._begun = 0.0

    def find(self, now: float) -> frozenset[str]:
        """Ids of servers that are drained, as those say who are asked now."""
        if not self._begun <= now < self._begun + EVERY:
            self._begun = now
            self._dispatcher.list_all_again()
        found: frozenset[str] = frozenset()
        unlisted = self._dispatcher.unlisted
        for name in sorted(unlisted):
            if not self._backoff.due(name, now):
                continue
            try:
                found |= self._dispatcher.held_by(name)
            except OrchestratorError as error:
                if self._backoff.failed(name, str(error), now):
                    LOG.warning(
                        'Orchestrator %s did not list its drained servers: %s',
                        name,
                        error,
                    )
                # It may have taken its time: the others in the next tick.
                break
            self._backoff.forget(name)
            unlisted.discard(name)
        return found
