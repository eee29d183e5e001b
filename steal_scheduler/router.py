"""All orchestrators as one: each server goes to those it belongs to."""

from collections.abc import Callable, Mapping, Sequence

from oslo_log import log

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model import Server
from steal_scheduler.orchestrators.base import (
    DONE,
    Answer,
    Orchestrator,
    State,
)
from steal_scheduler.routing import Misrouted, Route, Rule, routes

LOG = log.getLogger(__name__)


class Router:
    """Drains a server everywhere in order, and reattaches it in reverse."""

    def __init__(
        self,
        orchestrators: Mapping[str, Orchestrator],
        rules: Sequence[Rule],
    ) -> None:
        """:param orchestrators: by name, each with a rule"""
        self._orchestrators = orchestrators
        #: Who belongs to which.
        self.rules = tuple(rules)

    def drain(self, server: Server) -> Answer:
        """Take it out of one after the other; DONE when it is out of all.

        :raises OrchestratorError: one does not answer
        """
        try:
            wanted = routes(server, self.rules)
        except Misrouted as error:
            return Answer(State.REFUSED, str(error))
        for route in wanted:
            verb = self._orchestrators[route.orchestrator].drain
            answer = _ask(verb, server, route)
            if answer.state is not State.DONE:
                return answer
        return DONE

    def reattach(self, server: Server) -> Answer:
        """Put it back wherever it is out by our doing.

        Routes may have changed since it was drained, so everybody is asked.
        Whom its routes do not name now, and who does not answer, holds nobody
        up: what it may still hold is found by ``detached`` at the next start.

        :raises OrchestratorError: one that its routes name does not answer
        """
        try:
            now = routes(server, self.rules)
        except Misrouted as error:
            LOG.warning('%s', error, instance_uuid=server.server_id)
            now = ()
        refused = self._reattach_others(server, now)
        trouble: OrchestratorError | None = None
        for route in reversed(now):
            verb = self._orchestrators[route.orchestrator].reattach
            try:
                answer = _ask(verb, server, route)
            except OrchestratorError as error:
                # The others have no part in its outage.
                trouble = trouble or error
                continue
            if answer.state is State.WAITING:
                # What was drained before it comes back after it.
                return answer
            if answer.state is State.REFUSED:
                refused = answer
        if trouble is not None:
            raise trouble
        return refused

    def detached(self) -> frozenset[str]:
        """Ids of servers that any of them took out and did not put back.

        :raises OrchestratorError: one does not answer
        """
        found: frozenset[str] = frozenset()
        for orchestrator in self._orchestrators.values():
            found |= orchestrator.detached()
        return found

    def _reattach_others(self, server: Server, now: Sequence[Route]) -> Answer:
        """Ask those that its routes do not name.

        NOTE: an orchestrator leaves alone whom it did not take out, so asking
        one too many does no harm.
        """
        named = {route.orchestrator for route in now}
        worst = DONE
        for rule in self.rules:
            if rule.orchestrator in named:
                continue
            route = Route(rule.orchestrator, rule.name_of(server))
            verb = self._orchestrators[rule.orchestrator].reattach
            try:
                answer = _ask(verb, server, route)
            except OrchestratorError as error:
                LOG.info(
                    '%s does not answer, and is not its orchestrator now: %s',
                    rule.orchestrator,
                    error,
                    instance_uuid=server.server_id,
                )
                continue
            if answer.state is not State.DONE:
                worst = answer
        return worst


def _ask(
    verb: Callable[[Server, str], Answer], server: Server, route: Route
) -> Answer:
    answer = verb(server, route.node)
    if answer.state is State.DONE:
        return answer
    return Answer(answer.state, f'{route.orchestrator}: {answer.detail}')
