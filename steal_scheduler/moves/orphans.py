"""Finds servers that somebody took out for us though no tag says so.

A tenant removed the tag right before a crash; an orchestrator did not answer
when the server was put back; another migrator lost the lock in the middle of
a drain, and went on when this one had put the server back already. So each
orchestrator is asked when this migrator begins, after such an outage, and
from time to time; who does not answer holds up nobody.
"""

from oslo_log import log

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.moves.backoff import Patience
from steal_scheduler.orchestrators.dispatcher import Dispatcher

LOG = log.getLogger(__name__)


#: Seconds after which each is asked again.
EVERY = 600.0


class Sweep:
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._patience = Patience()
        #: When all were last found worth asking; epoch seconds.
        self._begun = 0.0

    def look(self, now: float) -> frozenset[str]:
        """Ids of servers that are out by the word of who is asked now."""
        if not self._begun <= now < self._begun + EVERY:
            self._begun = now
            self._dispatcher.doubt()
        found: frozenset[str] = frozenset()
        unsure = self._dispatcher.unsure
        for name in sorted(unsure):
            if not self._patience.due(name, now):
                continue
            try:
                found |= self._dispatcher.held_by(name)
            except OrchestratorError as error:
                if self._patience.failed(name, str(error), now):
                    LOG.warning(
                        'Whom %s has out is not known yet: %s', name, error
                    )
                # It may have taken its time: the others in the next tick.
                break
            self._patience.forget(name)
            unsure.discard(name)
        return found
