"""The whole contract of an orchestrator.

An orchestrator (Kubernetes, Consul, a script of yours) is told that a server
is about to be moved, and that it is back. It is found through the
entry-point group ``steal_scheduler.orchestrators`` and built once for each
section of the configuration. ``noop.py`` is the smallest one.

Both verbs are *level-triggered*: they are called again at every tick until
they answer DONE or REFUSED, by this process or, after a crash, by the next.
So each must be idempotent, must return within seconds, and must leave alone
what somebody else has detached.
"""

import abc
import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from steal_scheduler.model.cloud import Server
from steal_scheduler.model.proposal import Notice


class State(enum.Enum):
    DONE = 'done'
    #: Under way: ask again at the next tick.
    WAITING = 'waiting'
    #: It will not be done. After a refused drain ``reattach`` is called; a
    #: refused reattach raises an alarm and is asked again, for ever.
    REFUSED = 'refused'


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    state: State
    #: For the operator: what it waits for, or why it refused.
    detail: str = ''


DONE = Answer(State.DONE)


def waiting(detail: str) -> Answer:
    return Answer(State.WAITING, detail)


def refused(detail: str) -> Answer:
    return Answer(State.REFUSED, detail)


def worst(answers: Sequence[Answer]) -> Answer:
    """A no counts for more than a wait, and that for more than DONE.

    Of two pools that a server leaves, one that it cannot leave decides.
    """
    order = [State.DONE, State.WAITING, State.REFUSED]
    return max([DONE, *answers], key=lambda each: order.index(each.state))


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """What an orchestrator keeps of a drain, as others can write it too."""

    #: Whose drain, as the mark says.
    server_id: str
    #: What carries it, for the operator: ``node web-1``.
    where: str = ''
    #: Why it proves nothing: what carries it is not that server. Empty where
    #: it is, and where only Nova can tell whether there is such a server.
    doubt: str = ''
    #: Removes it by hand, where a command does.
    command: str = ''


class Orchestrator(abc.ABC):
    """Drains a server, and reattaches it."""

    #: oslo.config options. They are registered in the section of each
    #: orchestrator of this kind before it is built, and listed in the sample.
    OPTS: ClassVar[Sequence[Any]] = ()

    def __init__(self, conf: Any, section: str) -> None:
        """Take the configuration; do no I/O.

        :param conf: the oslo.config object, with OPTS registered in the
            section; several sections may be of one kind
        :raises ConfigError: an option is wrong
        """
        self.section = section
        self.options = conf[section]
        #: Seconds that one drain or reattach may take; its HTTP exchanges,
        #: as ``edge.http`` makes them, are cut off then.
        self.seconds = 60.0
        #: Number of the leader that asks; it grows, so whoever is told can
        #: refuse what an older one asks too late.
        self.leadership = 0

    @abc.abstractmethod
    def drain(self, server: Server, node: str) -> Answer:
        """Take the server out of service; DONE when nobody depends on it.

        :param node: what it is called there, by the configuration or by its
            metadata, which its tenant writes: make sure that it is this server
        :raises OrchestratorError: no answer; it is asked again until the
            drain's deadline, then ``reattach`` is called
        """

    def preview(self, server: Server, node: str) -> Answer:
        """What ``drain`` would do, for the plan; touch nothing.

        :returns: DONE with what it would do, or what ``drain`` would refuse
            or wait for; without a detail where there is nothing to say
        :raises OrchestratorError: no answer
        """
        return DONE

    def notice(self, server: Server, node: str, notice: Notice) -> Answer:
        """Tell its owner that it will be drained and moved; touch nothing.

        Called where an operator wants notices, again after each poll until
        it answers DONE or REFUSED, or the move begins.

        :returns: DONE where he knows, or nobody is told here; WAITING where
            he may still object; REFUSED where he does, with his reason
        :raises OrchestratorError: no answer; it holds up no move
        """
        return DONE

    @abc.abstractmethod
    def reattach(self, server: Server, node: str) -> Answer:
        """Undo what ``drain`` did, and nothing else.

        Called after every drain, whatever happened in between, also when
        the drain refused, when the server was deleted meanwhile, when it
        was another orchestrator that drained it, and when there is nothing
        to undo (then the answer is DONE).

        :raises OrchestratorError: no answer; it is asked again for ever
        """

    def detached(self) -> frozenset[str]:
        """Ids of the servers that we have drained and not reattached.

        Read at start and by ``steal-manage recover`` to find what a lost
        tag would hide. An orchestrator that keeps no mark of its own
        returns nothing, and then the server's tag is the only witness.

        :raises OrchestratorError: no answer
        """
        return frozenset()

    def marks(self, servers: Mapping[str, Server]) -> Sequence[Mark]:
        """What ``detached`` tells, and what is there and proves nothing.

        Override it where a tenant, or another operator, can write such a mark:
        one is believed only if what carries it is the server that it names.

        :param servers: that Nova knows, by id
        :raises OrchestratorError: no answer
        """
        return [Mark(server_id) for server_id in sorted(self.detached())]
