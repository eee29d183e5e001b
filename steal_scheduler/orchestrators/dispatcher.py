"""All orchestrators as one: each server goes to those it belongs to."""

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from oslo_log import log

from steal_scheduler.edge.sense import typed
from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model import assignment
from steal_scheduler.model.assignment import Assignment, Rule
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.proposal import Notice
from steal_scheduler.orchestrators import base
from steal_scheduler.orchestrators.asking import asking, plain
from steal_scheduler.orchestrators.backoff import Backoff
from steal_scheduler.orchestrators.base import (
    DONE,
    Answer,
    Mark,
    refused,
    waiting,
)
from steal_scheduler.orchestrators.calls import Calls, Worker
from steal_scheduler.orchestrators.listing import Listing

LOG = log.getLogger(__name__)


class Dispatcher:
    """Drains a server everywhere in order, and reattaches it in reverse.

    For example a server that belongs to lb and prod is drained by lb, and
    when that is done by prod. It is reattached by prod and then by lb; while
    prod does not answer, lb is asked all the same.

    Each has a thread that makes its calls in order. While one takes its time
    the answer is WAITING, and moves of others' servers go on.
    """

    def __init__(
        self,
        orchestrators: Mapping[str, base.Orchestrator],
        rules: Sequence[Rule],
        in_time: Callable[[Server, float], AbstractContextManager[None]],
        number: Callable[[], int],
        worker: type[Worker] = Worker,
    ) -> None:
        """Take them.

        :param orchestrators: by name, each with a rule
        :param in_time: in force during a call about a server that may take so
            many seconds; raises LockLost where it must not be made
        :param number: of the present leadership
        """
        self._orchestrators = orchestrators
        self._in_time = in_time
        self._number = number
        seconds = {name: each.seconds for name, each in orchestrators.items()}
        self.calls = Calls(seconds, worker)
        #: Which servers belong to which orchestrator.
        self.rules = tuple(rules)
        #: By server id: who may hold it out of service: first, with False,
        #: where only another process may have asked it to; then, with True,
        #: in the order of the drain. It is remembered, not computed again:
        #: the assignments may change while the server is drained, and so may
        #: the name that they give it.
        self._holders: dict[str, dict[Assignment, bool]] = {}
        self._backoff = Backoff()
        #: Whom they hold, be a move of it known or not.
        self.listing = Listing(orchestrators, self.calls, self.marks_of)

    def begin(self, server: Server) -> None:
        """A move of it begins: nobody has drained it yet."""
        self.calls.drop(server.server_id)
        self._holders[server.server_id] = {}

    def held_by(self, server: Server, names: Collection[str]) -> None:
        """Nobody else can hold it: Nova does not know it any more."""
        self._holders[server.server_id] = {
            Assignment(rule.orchestrator, rule.name_of(server)): True
            for rule in self.rules
            if rule.orchestrator in names
        }

    def forget(self) -> None:
        """Another process may have drained or reattached servers."""
        self.calls.forget()
        self._holders.clear()
        self._backoff = Backoff()
        self.listing.forget()

    def drain(self, server: Server) -> Answer:
        """Ask one after the other; DONE when all have drained it.

        :returns: WAITING also where one does not answer, or not yet
        :raises LockLost: the lease does not last
        """
        holders = self._holders_of(server)
        try:
            for assigned in assignment.assignments(server, self.rules):
                if not holders.get(assigned):
                    # It is reattached first: no other was drained after it.
                    holders.pop(assigned, None)
                    holders[assigned] = True
                answer = self._ask('drain', assigned, server)
                if answer is not DONE:
                    return answer
        except assignment.InvalidOrchestrator as error:
            return refused(str(error))
        except OrchestratorError as error:
            _log_silence(server, error)
            return waiting(str(error))
        return DONE

    def reattach(self, server: Server, now: float) -> Answer:
        """Reattach it wherever we have drained it.

        Assignments may have changed since: those are asked that were asked to
        drain it and, where another process did that, every orchestrator. One
        that does not answer then, and that the server does not belong to now,
        delays nothing unless the server was deleted; what it may still hold is
        found later, see ``Listing``.

        What failed is asked again after a pause: for example after 5 s, then
        after 10 more, and from the seventh time on every 300 s.

        :returns: REFUSED also where one that may hold it does not answer, and
            until it is asked again
        :raises LockLost: the lease does not last
        """
        said = self._backoff.waiting(server.server_id, now)
        if said is not None:
            return refused(said)
        holders = self._holders_of(server)
        worst, silent = DONE, None
        for assigned, drained in reversed([*holders.items()]):
            name = assigned.orchestrator
            if drained and worst.state is base.State.WAITING:
                # What was drained before it is reattached after it.
                continue
            try:
                answer = self._ask('reattach', assigned, server)
            except OrchestratorError as error:
                if drained or server.gone:
                    # The others have no part in its outage. NOTE: a list
                    # that names a deleted server later is not believed.
                    silent = silent or error
                    continue
                # Whether this one holds the server, its list will tell.
                self.listing.again(name)
                LOG.info(
                    'Server %s does not belong to orchestrator %s now, which '
                    'did not answer whether it holds the server: %s',
                    server.label,
                    name,
                    error,
                    instance_uuid=server.server_id,
                )
                answer = DONE
            if answer is DONE:
                del holders[assigned]
            else:
                worst = answer
        if silent is not None:
            _log_silence(server, silent)
            worst = refused(str(silent))
        if worst.state is base.State.REFUSED:
            self._backoff.failed(server.server_id, worst.detail, now)
        else:
            self._backoff.forget(server.server_id)
        if worst is DONE:
            del self._holders[server.server_id]
            self.listing.returned(server.server_id)
        return worst

    def notice(self, server: Server, notice: Notice) -> Answer:
        """Tell its owner of a move to come, through those it belongs to.

        :returns: REFUSED where one objects; WAITING also without an answer
        """
        try:
            each = assignment.assignments(server, self.rules)
        except assignment.InvalidOrchestrator:
            # It does not move, and that is why.
            return DONE
        answers = []
        for assigned in each:
            try:
                answers.append(self._ask('notice', assigned, server, notice))
            except OrchestratorError as error:
                _log_silence(server, error)
                answers.append(waiting(str(error)))
        return base.worst(answers)

    def _ask(
        self, verb: str, assigned: Assignment, server: Server, *more: Any
    ) -> Answer:
        """What one of them answers to ``drain``, ``reattach`` or ``notice``.

        :raises OrchestratorError: it does not
        """
        name = assigned.orchestrator
        # What another verb comes to is of no interest any more.
        self.calls.drop(server.server_id, but=verb)
        answer: Answer | None = self.calls.told(
            server.server_id,
            (verb, name, assigned.node),
            functools.partial(self._make, verb, assigned, server, *more),
        )
        if answer is None:
            return waiting(f'{name}: has not answered yet')
        if answer.state is base.State.DONE:
            return DONE
        return dataclasses.replace(answer, detail=f'{name}: {answer.detail}')

    def _make(
        self, verb: str, assigned: Assignment, server: Server, *more: Any
    ) -> Answer:
        """The call itself, in the thread of its orchestrator."""
        name = assigned.orchestrator
        orchestrator = self._orchestrators[name]
        seconds = orchestrator.seconds
        with asking(name, seconds), self._in_time(server, seconds):
            orchestrator.leadership = self._number()
            made = getattr(orchestrator, verb)(server, assigned.node, *more)
            return plain(made)

    def marks_of(
        self, name: str, servers: Mapping[str, Server]
    ) -> tuple[Mark, ...]:
        """What one of them keeps of drains; in the caller's thread.

        :param servers: that Nova knows, by id
        :raises OrchestratorError: no answer
        """
        orchestrator = self._orchestrators[name]
        with asking(name, orchestrator.seconds):
            # A plug-in may tell of them what it likes, of any type.
            return tuple(map(typed, orchestrator.marks(servers)))

    def preview(self, server: Server) -> list[tuple[str, Answer]]:
        """What each that it belongs to says of its drain, in that order.

        :raises InvalidOrchestrator: it says that it belongs to none of ours
        """
        found = []
        for assigned in assignment.assignments(server, self.rules):
            name = assigned.orchestrator
            each = self._orchestrators[name]
            try:
                with asking(name, each.seconds):
                    answer = plain(each.preview(server, assigned.node))
            except OrchestratorError as error:
                answer = waiting(str(error))
            found.append((name, answer))
        return found

    def _holders_of(self, server: Server) -> dict[Assignment, bool]:
        """Who may hold it; of one that another process had drained, anybody.

        NOTE: an orchestrator leaves alone what it did not drain, so asking
        one too many does no harm.
        """
        if server.server_id in self._holders:
            return self._holders[server.server_id]
        now: tuple[Assignment, ...] = ()
        try:
            now = assignment.assignments(server, self.rules)
        except assignment.InvalidOrchestrator as error:
            # Of another server nobody can tell whether it ever had one.
            LOG.warning(
                'Server %s belongs to no orchestrator now: %s. An '
                'orchestrator that was removed from [migrator] orchestrators '
                'cannot reattach it.',
                server.label,
                error,
                instance_uuid=server.server_id,
            )
        named = {assigned.orchestrator for assigned in now}
        found = {
            Assignment(rule.orchestrator, rule.name_of(server)): False
            for rule in self.rules
            if rule.orchestrator not in named
        }
        found |= dict.fromkeys(now, True)
        self._holders[server.server_id] = found
        return found


def _log_silence(server: Server, error: OrchestratorError) -> None:
    LOG.warning(
        'Orchestrator of server %s did not answer: %s',
        server.label,
        error,
        instance_uuid=server.server_id,
    )
