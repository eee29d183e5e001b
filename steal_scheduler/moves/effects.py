"""Tag, drain, migrate, reattach: each side effect checks the lock first.

The lock may be lost at any moment (a paused process, a network split), and
then another migrator leads and works on the same moves.
"""

import dataclasses
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
from steal_scheduler.orchestrators.base import Answer, State

LOG = log.getLogger(__name__)

#: Seconds until the second try; each further one waits twice as long.
FIRST = 5.0
#: And at most so long.
LONGEST = 300.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    #: Epoch seconds before which it is not asked again.
    until: float
    said: str


class Backoff:
    """What failed last, by server. After a restart everything is due."""

    def __init__(self) -> None:
        self._failures: dict[str, _Failures] = {}

    def due(self, server_id: str, now: float) -> bool:
        failed = self._failures.get(server_id)
        # A clock that was set back must not make it wait longer.
        return failed is None or not (
            failed.until - LONGEST <= now < failed.until
        )

    def failed(self, server_id: str, said: str, now: float) -> bool:
        """Remember a failure; whether it is the first one in a row.

        :param said: for the operator
        """
        before = self._failures.get(server_id)
        count = before.count + 1 if before else 1
        pause = min(FIRST * 2.0 ** min(count - 1, 20), LONGEST)
        self._failures[server_id] = _Failures(count, now + pause, said)
        return before is None

    def trouble(self, server_id: str) -> str:
        """What it said last; '' where nothing failed."""
        failed = self._failures.get(server_id)
        return failed.said if failed else ''

    def forget(self, server_id: str) -> None:
        self._failures.pop(server_id, None)


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
    """All of them as one; see ``orchestrators/dispatcher.py``."""

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
        """Take what is changed.

        :param check_lock: raises LockLost
        """
        self._nova = nova
        self._orchestrator = orchestrator
        self._check_lock = check_lock
        self._backoff = Backoff()

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
                'Nova rejected the tag of server %s: %s',
                server.label,
                error,
                instance_uuid=move.server_id,
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
                'Nova did not remove tags of server %s: %s',
                server.label,
                error,
                instance_uuid=server.server_id,
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
                'Migration %d of server %s not aborted: somebody else began '
                'it.',
                migration.migration_id,
                server_id,
                instance_uuid=server_id,
            )
            return
        try:
            self._nova.abort(server_id, migration.migration_id)
        except (NovaRefused, ServerGone) as error:
            # Not in this state, or just over; the next tick asks again.
            LOG.info(
                'Migration %d of server %s not aborted yet: %s',
                migration.migration_id,
                server_id,
                error,
                instance_uuid=server_id,
            )

    def drain(self, server: Server) -> Answer:
        answer, _ = self._ask(self._orchestrator.drain, server)
        return answer

    def reattach(self, server: Server, now: float) -> Answer:
        """Ask to reattach it; what failed is asked again after a pause.

        :returns: REFUSED where it failed, also while it is not asked again
        """
        server_id = server.server_id
        if not self._backoff.due(server_id, now):
            return Answer(State.REFUSED, self._backoff.trouble(server_id))
        answer, answered = self._ask(self._orchestrator.reattach, server)
        if answered and answer.state is not State.REFUSED:
            self._backoff.forget(server_id)
            return answer
        self._backoff.failed(server_id, answer.detail, now)
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
                'Orchestrator of server %s did not answer: %s',
                server.label,
                error,
                instance_uuid=server.server_id,
            )
            return Answer(State.WAITING, str(error)), False
