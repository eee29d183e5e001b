"""All orchestrators as one: each server goes to those it belongs to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from oslo_log import log

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.assignment import Misrouted, Route, Rule, routes
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import (
    DONE,
    Answer,
    Orchestrator,
    State,
)
from steal_scheduler.orchestrators.ways import Ways

LOG = log.getLogger(__name__)

_T = TypeVar('_T')


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
        self._ways: dict[str, Ways] = {}
        #: Names of those that may hold a server that no tag tells of.
        self.unsure: set[str] = set()
        self.doubt()

    def begin(self, server: Server) -> None:
        """A move of it begins: nobody has taken it out yet."""
        self._ways[server.server_id] = Ways()

    def forget(self) -> None:
        """Somebody else may have been at work."""
        self._ways.clear()
        self.doubt()

    def doubt(self) -> None:
        """Each may hold one."""
        self.unsure |= self._orchestrators.keys()

    def drain(self, server: Server) -> Answer:
        """Take it out of one after the other; DONE when it is out of all.

        :raises OrchestratorError: one does not answer
        """
        ways = self._ways_of(server)
        try:
            wanted = routes(server, self.rules)
        except Misrouted as error:
            return Answer(State.REFUSED, str(error))
        for route in wanted:
            ways.go(route)
            verb = self._orchestrators[route.orchestrator].drain
            answer = _ask(verb, server, route)
            if answer.state is not State.DONE:
                return answer
        return DONE

    def reattach(self, server: Server) -> Answer:
        """Put it back wherever it is out by our doing.

        Routes may have changed since it was drained: those are asked that
        were asked to drain it and, where another process did that, everybody.
        Who does not answer then and is not named by its routes holds nobody
        up; what it may still hold is found later, see ``sweep``.

        :raises OrchestratorError: one that may have it does not answer
        """
        ways = self._ways_of(server)
        worst = DONE
        trouble: OrchestratorError | None = None
        for route in ways.back():
            verb = self._orchestrators[route.orchestrator].reattach
            try:
                answer = _ask(verb, server, route)
            except OrchestratorError as error:
                # The others have no part in its outage.
                trouble = trouble or error
                continue
            if answer.state is State.DONE:
                ways.done(route)
                continue
            worst = answer
            if answer.state is State.WAITING:
                # What was drained before it comes back after it.
                break
        for route, answer in self._ask_others(server, ways):
            if answer.state is not State.DONE:
                worst = answer
            else:
                ways.done(route)
        if trouble is not None:
            raise trouble
        if worst is DONE:
            del self._ways[server.server_id]
        return worst

    def detached(self) -> frozenset[str]:
        """Ids of servers that any of them took out and did not put back.

        :raises OrchestratorError: one does not answer
        """
        found = [self.held_by(name) for name in self._orchestrators]
        return frozenset[str]().union(*found)

    def held_by(self, name: str) -> frozenset[str]:
        """Ids of servers that this one took out and did not put back.

        :raises OrchestratorError: it does not answer
        """
        listed = self._orchestrators[name].detached
        return _guard(name, lambda: frozenset(listed()))

    def _ask_others(
        self, server: Server, ways: Ways
    ) -> Iterator[tuple[Route, Answer]]:
        """Ask those that another process may have asked to drain it.

        NOTE: an orchestrator leaves alone whom it did not take out, so asking
        one too many does no harm.
        """
        for route in ways.others():
            verb = self._orchestrators[route.orchestrator].reattach
            try:
                yield route, _ask(verb, server, route)
            except OrchestratorError as error:
                self.unsure.add(route.orchestrator)
                ways.done(route)
                LOG.info(
                    '%s does not answer, and is not its orchestrator now: %s',
                    route.orchestrator,
                    error,
                    instance_uuid=server.server_id,
                )

    def _ways_of(self, server: Server) -> Ways:
        known = self._ways.get(server.server_id)
        if known is None:
            try:
                now = routes(server, self.rules)
            except Misrouted as error:
                LOG.warning('%s', error, instance_uuid=server.server_id)
                now = ()
            if not now:
                LOG.warning(
                    'It belongs to none of [migrator] orchestrators now: one '
                    'that was removed from there does not put it back.',
                    instance_uuid=server.server_id,
                )
            named = {route.orchestrator for route in now}
            known = self._ways[server.server_id] = Ways(
                now,
                [
                    Route(rule.orchestrator, rule.name_of(server))
                    for rule in self.rules
                    if rule.orchestrator not in named
                ],
            )
        return known


def _ask(
    verb: Callable[[Server, str], Answer], server: Server, route: Route
) -> Answer:
    name = route.orchestrator

    def ask() -> Answer:
        answer = verb(server, route.node)
        if answer.state is State.DONE:
            return DONE
        return Answer(State(answer.state), f'{name}: {answer.detail}')

    return _guard(name, ask)


def _guard(name: str, call: Callable[[], _T]) -> _T:
    """A plugin's own mistake is an outage like any other."""
    try:
        return call()
    except OrchestratorError:
        raise
    except Exception as error:
        LOG.exception('%s failed.', name)
        raise OrchestratorError(f'{name}: {error!r}') from error
