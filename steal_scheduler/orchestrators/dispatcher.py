"""All orchestrators as one: each server goes to those it belongs to."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from oslo_log import log

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.assignment import (
    Assignment,
    InvalidOrchestrator,
    Rule,
    assignments,
)
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import (
    DONE,
    Answer,
    Orchestrator,
    State,
)

LOG = log.getLogger(__name__)


class ToReattach:
    """Which orchestrators may hold one server out of service.

    It gets shorter while they reattach the server. It is remembered and not
    computed again: the assignments may change while the server is drained,
    and so may the name that its metadata give it.
    """

    def __init__(
        self,
        drained: Sequence[Assignment] = (),
        possible: Sequence[Assignment] = (),
    ) -> None:
        """Begin with what another process may have done.

        :param drained: those that it belongs to, in the order of the drain
        :param possible: those that it may have belonged to then
        """
        self._drained = list(drained)
        self._possible = list(possible)

    def add(self, assigned: Assignment) -> None:
        """This orchestrator is about to be asked to drain it."""
        if assigned not in self._drained:
            self._drained.append(assigned)

    def drained(self) -> list[Assignment]:
        """Those that were asked to drain it, the last one first."""
        return self._drained[::-1]

    def possible(self) -> list[Assignment]:
        """Those that another process may have asked, in any order."""
        return list(self._possible)

    def remove(self, assigned: Assignment) -> None:
        """This one does not hold it any more."""
        for each in (self._drained, self._possible):
            if assigned in each:
                each.remove(assigned)


class Dispatcher:
    """Drains a server everywhere in order, and reattaches it in reverse."""

    def __init__(
        self,
        orchestrators: Mapping[str, Orchestrator],
        rules: Sequence[Rule],
    ) -> None:
        """:param orchestrators: by name, each with a rule"""
        self._orchestrators = orchestrators
        #: Which servers belong to which orchestrator.
        self.rules = tuple(rules)
        self._to_reattach: dict[str, ToReattach] = {}
        #: Names of those whose lists of drained servers have to be read: each
        #: may hold a server that no tag tells of.
        self.unlisted: set[str] = set()
        self.list_all_again()

    def begin(self, server: Server) -> None:
        """A move of it begins: nobody has drained it yet."""
        self._to_reattach[server.server_id] = ToReattach()

    def forget(self) -> None:
        """Another process may have drained or reattached servers."""
        self._to_reattach.clear()
        self.list_all_again()

    def list_all_again(self) -> None:
        """Each orchestrator may hold a server that no tag tells of."""
        self.unlisted |= self._orchestrators.keys()

    def drain(self, server: Server) -> Answer:
        """Ask one after the other; DONE when all have drained it.

        :raises OrchestratorError: one does not answer
        """
        to_reattach = self._to_reattach_of(server)
        try:
            wanted = assignments(server, self.rules)
        except InvalidOrchestrator as error:
            return Answer(State.REFUSED, str(error))
        for assigned in wanted:
            to_reattach.add(assigned)
            orchestrator = self._orchestrators[assigned.orchestrator]
            answer = _ask(orchestrator.drain, server, assigned)
            if answer.state is not State.DONE:
                return answer
        return DONE

    def reattach(self, server: Server) -> Answer:
        """Reattach it wherever we have drained it.

        Assignments may have changed since: those are asked that were asked to
        drain it and, where another process did that, every orchestrator. One
        that does not answer then, and that the server does not belong to now,
        delays nothing; what it may still hold is found later, see
        ``moves/orphans.py``.

        :raises OrchestratorError: one that may hold it does not answer
        """
        to_reattach = self._to_reattach_of(server)
        worst = DONE
        trouble: OrchestratorError | None = None
        for assigned in to_reattach.drained():
            orchestrator = self._orchestrators[assigned.orchestrator]
            try:
                answer = _ask(orchestrator.reattach, server, assigned)
            except OrchestratorError as error:
                # The others have no part in its outage.
                trouble = trouble or error
                continue
            if answer.state is State.DONE:
                to_reattach.remove(assigned)
                continue
            worst = answer
            if answer.state is State.WAITING:
                # What was drained before it is reattached after it.
                break
        for assigned, answer in self._ask_possible(server, to_reattach):
            if answer.state is not State.DONE:
                worst = answer
            else:
                to_reattach.remove(assigned)
        if trouble is not None:
            raise trouble
        if worst is DONE:
            del self._to_reattach[server.server_id]
        return worst

    def detached(self) -> frozenset[str]:
        """Ids of servers that any orchestrator holds out of service.

        :raises OrchestratorError: one does not answer
        """
        found = [self.held_by(name) for name in self._orchestrators]
        return frozenset[str]().union(*found)

    def held_by(self, name: str) -> frozenset[str]:
        """Ids of servers that this one drained and did not reattach.

        :raises OrchestratorError: it does not answer
        """
        with _mistakes_are_outages(name):
            return frozenset(self._orchestrators[name].detached())

    def _ask_possible(
        self, server: Server, to_reattach: ToReattach
    ) -> Iterator[tuple[Assignment, Answer]]:
        """Ask those that another process may have asked to drain it.

        NOTE: an orchestrator leaves alone what it did not drain, so asking
        one too many does no harm.
        """
        for assigned in to_reattach.possible():
            orchestrator = self._orchestrators[assigned.orchestrator]
            try:
                yield assigned, _ask(orchestrator.reattach, server, assigned)
            except OrchestratorError as error:
                self.unlisted.add(assigned.orchestrator)
                to_reattach.remove(assigned)
                LOG.info(
                    'Server %s (%s) does not belong to orchestrator %s now, '
                    'which did not answer whether it holds the server: %s',
                    server.name,
                    server.server_id,
                    assigned.orchestrator,
                    error,
                    instance_uuid=server.server_id,
                )

    def _to_reattach_of(self, server: Server) -> ToReattach:
        found = self._to_reattach.get(server.server_id)
        if found is None:
            found = self._guessed(server)
            self._to_reattach[server.server_id] = found
        return found

    def _guessed(self, server: Server) -> ToReattach:
        """Which may hold a server that another process had drained."""
        now: tuple[Assignment, ...] = ()
        reason = 'no rule and no metadata assign it to one'
        try:
            now = assignments(server, self.rules)
        except InvalidOrchestrator as error:
            reason = str(error)
        if not now:
            LOG.warning(
                'Server %s (%s) belongs to no orchestrator now: %s. An '
                'orchestrator that was removed from [migrator] orchestrators '
                'cannot reattach it.',
                server.name,
                server.server_id,
                reason,
                instance_uuid=server.server_id,
            )
        named = {assigned.orchestrator for assigned in now}
        return ToReattach(
            now,
            [
                Assignment(rule.orchestrator, rule.name_of(server))
                for rule in self.rules
                if rule.orchestrator not in named
            ],
        )


def _ask(
    verb: Callable[[Server, str], Answer],
    server: Server,
    assigned: Assignment,
) -> Answer:
    name = assigned.orchestrator
    with _mistakes_are_outages(name):
        answer = verb(server, assigned.node)
        if answer.state is State.DONE:
            return DONE
        return Answer(State(answer.state), f'{name}: {answer.detail}')


@contextlib.contextmanager
def _mistakes_are_outages(name: str) -> Iterator[None]:
    """A plugin's own mistake is an outage like any other."""
    try:
        yield
    except OrchestratorError:
        raise
    except Exception as error:
        LOG.exception('Orchestrator %s raised an unexpected error.', name)
        raise OrchestratorError(f'{name}: {error!r}') from error
