"""What a move changes in Nova: each side effect checks the lock first.

The lock may be lost at any moment (a paused process, a network split), and
then another migrator leads and works on the same moves.
"""

from collections.abc import Callable

from oslo_log import log

from steal_scheduler.exception import NovaError, NovaRefused, ServerGone
from steal_scheduler.model.cloud import Migration, Server
from steal_scheduler.model.move import Move
from steal_scheduler.moves import tags
from steal_scheduler.nova_client.client import NovaClient

LOG = log.getLogger(__name__)


class Effects:
    """Holds no state of a move: that is a value, its truth is in Nova.

    What is asked of Nova raises NovaRefused (it did not happen), NovaError
    (it may have happened) or ServerGone.
    """

    def __init__(
        self, nova: NovaClient, check_lock: Callable[[], None]
    ) -> None:
        """Take what is changed.

        :param check_lock: raises LockLost; whoever changes something else
            calls it right before as well
        """
        self._nova = nova
        self.check_lock = check_lock

    def tag(self, move: Move) -> None:
        """Write the move's tag, then take its older ones away.

        For example of a server with ``steal:drain:900`` that is about to be
        migrated: ``steal:request:960`` is written first. A crash right after
        it leaves both, and the later one counts; the other way round it would
        leave none, and the server would be forgotten.
        """
        self.check_lock()
        tag = tags.of_move(move)
        self._nova.add_tag(move.server_id, tag)
        for old in tags.ours(move.server.tags):
            if old != tag:
                self._nova.remove_tag(move.server_id, old)

    def retag(self, move: Move) -> None:
        """Tag it if Nova takes tags now; not of a server in ERROR or SHELVED.

        The last one stays then, and it leads to the reattach as well.
        """
        try:
            self.tag(move)
        except NovaRefused as error:
            LOG.warning(
                'Nova rejected the tag of server %s: %s',
                move.server.label,
                error,
                instance_uuid=move.server_id,
            )

    def untag(self, server: Server) -> bool:
        """Whether no tag of ours is left; the next tick tries again."""
        self.check_lock()
        try:
            for tag in tags.ours(server.tags):
                self._nova.remove_tag(server.server_id, tag)
        except (NovaRefused, NovaError) as error:
            # A refusal lasts: of a server in ERROR it comes at each tick.
            refused = isinstance(error, NovaRefused)
            LOG.log(
                log.DEBUG if refused else log.WARNING,
                'Nova did not remove tags of server %s: %s',
                server.label,
                error,
                instance_uuid=server.server_id,
            )
            return False
        return True

    def migrate(self, server: Server) -> None:
        self.check_lock()
        self._nova.live_migrate(server.server_id)

    def abort(self, move: Move, migration: Migration) -> None:
        """Never forced by suspension: that costs seconds of downtime."""
        self.check_lock()
        me = self._nova.user_id()
        why = None
        if me is not None and migration.user_id not in (None, me):
            why = 'somebody else began it'
        else:
            try:
                self._nova.abort(move.server_id, migration.migration_id)
            except (NovaRefused, ServerGone) as error:
                # Not in this state, or just over; the next tick asks again.
                why = str(error)
        if why:
            LOG.info(
                'Migration %d of server %s not aborted: %s',
                migration.migration_id,
                move.server.label,
                why,
                instance_uuid=move.server_id,
            )
