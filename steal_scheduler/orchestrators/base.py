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
from collections.abc import Sequence
from typing import Any, ClassVar

from steal_scheduler.model.cloud import Server


class State(enum.Enum):
    DONE = 'done'
    #: Begun and going on: ask again at the next tick.
    WAITING = 'waiting'
    #: It will not be done. A refused drain is undone with ``reattach``; a
    #: refused reattach is alarmed and asked again, for ever.
    REFUSED = 'refused'


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    state: State
    #: For the operator: what it waits for, or why it refused.
    detail: str = ''


DONE = Answer(State.DONE)


class Orchestrator(abc.ABC):
    """Takes a server out of service, and puts it back."""

    #: oslo.config options, registered in the section of each orchestrator of
    #: this kind before it is built, and listed by the sample generator.
    OPTS: ClassVar[Sequence[Any]] = ()

    def __init__(self, conf: Any, section: str) -> None:
        """Take the configuration; do no I/O.

        :param conf: the oslo.config object, with OPTS registered in the
            section; several sections may be of one kind
        :raises ConfigError: an option is wrong
        """
        self.section = section
        self.options = conf[section]

    @abc.abstractmethod
    def drain(self, server: Server, node: str) -> Answer:
        """Take the server out; DONE when nobody depends on it any more.

        :param node: what it is called there, by the configuration or by its
            metadata, which its tenant writes: make sure that it is this one
        :raises OrchestratorError: no answer; it is asked again until the
            drain's deadline, then undone
        """

    @abc.abstractmethod
    def reattach(self, server: Server, node: str) -> Answer:
        """Put back what ``drain`` took out, and nothing else.

        Called after every drain, whatever happened in between, also when
        the drain refused, when the server was deleted meanwhile, when it
        was another orchestrator that drained it, and when there is nothing
        to put back (then the answer is DONE).

        :raises OrchestratorError: no answer; it is asked again for ever
        """

    def detached(self) -> frozenset[str]:
        """Ids of the servers that we took out and did not put back.

        Read at start and by ``steal-manage recover`` to find what a lost
        tag would hide. An orchestrator that keeps no mark of its own
        returns nothing, and then the server's tag is the only witness.

        :raises OrchestratorError: no answer
        """
        return frozenset()
