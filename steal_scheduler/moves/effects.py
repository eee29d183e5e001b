"""The side effects of a move: each checks the lock first.

The lock may be lost at any moment (a paused process, a network split), and
then another migrator is at work on the same moves.
"""

from collections.abc import Callable
from typing import Protocol

from oslo_log import log

from steal_scheduler.exception import (
    NovaRefused,
    OrchestratorError,
    ServerGone,
)
from steal_scheduler.model.cloud import Migration, Server
from steal_scheduler.model.move import Move
from steal_scheduler.moves import tags
from steal_scheduler.moves.backoff import Patience
from steal_scheduler.orchestrators.base import Answer, State

LOG = log.getLogger(__name__)


class Nova(Protocol):
    """What a move asks of Nova.

    Each raises NovaRefused (it did not happen), NovaError (it may have
    happened) or ServerGone.
    """

    def add_tag(self, server_id: str, tag: str) -> None: ...

    def remove_tag(self, server_id: str, tag: str) -> None: ...

    def live_migrate(self, server_id: str) -> None: ...

    def abort(self, server_id: str, migration_id: int) -> None: ...

    def user_id(self) -> str | None: ...


class Orchestrators(Protocol):
    """All of them as one; see ``dispatcher.py``."""

    def begin(self, server: Server) -> None: ...

    def drain(self, server: Server) -> Answer: ...

    def reattach(self, server: Server) -> Answer: ...


class Effects:
    """Holds no state of a move: that is a value, its truth is in Nova."""

    def __init__(
        self,
        nova: Nova,
        orchestrator: Orchestrators,
        check_lock: Callable[[], None],
    ) -> None:
        """Take the outside world.

        :param check_lock: raises LockLost
        """
        self._nova = nova
        self._orchestrator = orchestrator
        self._check_lock = check_lock
        self._patience = Patience()

    def begin(self, move: Move, server: Server) -> None:
        """Write the first tag of a move."""
        self.tag(move, server)
        self._orchestrator.begin(server)

    def tag(self, move: Move, server: Server) -> None:
        """Write the move's tag, then take its older ones away."""
        self._check_lock()
        tag = tags.of_move(move)
        self._nova.add_tag(server.server_id, tag)
        for old in tags.ours(server.tags):
            if old != tag:
                self._nova.remove_tag(server.server_id, old)

    def retag(self, move: Move, server: Server) -> bool:
        """Tag it if Nova takes tags now; not of a server in ERROR or SHELVED.

        The last one stays then, and it leads to the reattach as well.
        """
        try:
            self.tag(move, server)
            return True
        except NovaRefused as error:
            LOG.warning(
                'Nova takes no tag: %s', error, instance_uuid=move.server_id
            )
            return False

    def untag(self, server: Server) -> bool:
        """Whether no tag of ours is left; False where Nova refuses now."""
        self._check_lock()
        try:
            for tag in tags.ours(server.tags):
                self._nova.remove_tag(server.server_id, tag)
        except NovaRefused as error:
            LOG.debug(
                'Not untagged: %s', error, instance_uuid=server.server_id
            )
            return False
        return True

    def migrate(self, server: Server) -> None:
        self._check_lock()
        self._nova.live_migrate(server.server_id)

    def abort(self, migration: Migration) -> None:
        """Never forced by suspension: that costs seconds of downtime."""
        self._check_lock()
        server_id = migration.server_id
        me = self._nova.user_id()
        if me is not None and migration.user_id not in (None, me):
            LOG.info(
                'Not aborted: somebody else began it.', instance_uuid=server_id
            )
            return
        try:
            self._nova.abort(server_id, migration.migration_id)
        except (NovaRefused, ServerGone) as error:
            # Not in this state, or just over; the next tick asks again.
            LOG.info('Not aborted yet: %s', error, instance_uuid=server_id)

    def drain(self, server: Server) -> Answer:
        answer, _ = self._ask(self._orchestrator.drain, server)
        return answer

    def reattach(self, server: Server, now: float) -> Answer:
        """Ask to put it back; what failed is asked again after a pause.

        :returns: REFUSED where it failed, also while it is not asked again
        """
        server_id = server.server_id
        if not self._patience.due(server_id, now):
            return Answer(State.REFUSED, self._patience.trouble(server_id))
        answer, answered = self._ask(self._orchestrator.reattach, server)
        if answered and answer.state is not State.REFUSED:
            self._patience.forget(server_id)
            return answer
        self._patience.failed(server_id, answer.detail, now)
        return Answer(State.REFUSED, answer.detail)

    def _ask(
        self, verb: Callable[[Server], Answer], server: Server
    ) -> tuple[Answer, bool]:
        """Its answer, and whether it is its own."""
        self._check_lock()
        try:
            return verb(server), True
        except OrchestratorError as error:
            LOG.warning(
                'The orchestrator does not answer: %s',
                error,
                instance_uuid=server.server_id,
            )
            return Answer(State.WAITING, str(error)), False
