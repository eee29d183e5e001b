"""What a move changes in Nova: each side effect checks the lease first.

The lease may end at any moment (a paused process, a network split), and then
another migrator leads and works on the same moves.
"""

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Protocol

from oslo_log import log

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.exception import NovaError, NovaRefused, ServerGone
from steal_scheduler.model.cloud import Migration, Server
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.moves import tags
from steal_scheduler.nova_client.client import NovaClient

LOG = log.getLogger(__name__)

#: Seconds that a server may take to show what a migration that failed has
#: left it in: Nova writes its record first, and then that it is in ERROR.
SETTLES = 15.0


class Lease(Protocol):
    """What of ``Leader`` is needed here."""

    @property
    def left(self) -> float: ...

    def check_held(self, seconds: float) -> None: ...


class Effects:
    """Holds no state of a move: that is a value, its truth is in Nova.

    What is asked of Nova raises NovaRefused (it did not happen), NovaError
    (it may have happened) or ServerGone.
    """

    def __init__(
        self,
        nova: NovaClient,
        lease: Lease,
        signer: tags.Signer,
        seconds: float,
    ) -> None:
        """Take what is changed.

        :param seconds: that a call of Nova may take
        """
        self._nova = nova
        self._lease = lease
        self._seconds = seconds
        self.signer = signer
        #: By id, servers of calls that outlasted the lease, and its number.
        self._late: dict[str, tuple[Server, int]] = {}

    def check_lease(self, seconds: float | None = None) -> None:
        """Right before a side effect.

        :param seconds: that it may take, where it is no call of Nova
        :raises LockLost: the lease does not last so long
        """
        self._lease.check_held(self._seconds if seconds is None else seconds)

    @contextlib.contextmanager
    def in_time(
        self, server: Server, seconds: float | None = None
    ) -> Iterator[None]:
        """Do what takes a server out of service, or asks Nova to move it.

        Where it outlasts the lease, because this process was stopped, the
        next leader is told: see ``confess``.

        :raises LockLost: see ``check_lease``
        """
        self.check_lease(seconds)
        number = self.signer.number()
        try:
            yield
        finally:
            if self._lease.left <= 0:
                self._late[server.server_id] = server, number

    def confess(self, now: float) -> None:
        """Tag servers whose calls were late, and the leader reattaches them.

        To add a tag needs no lease.
        """
        for server_id, (server, number) in list(self._late.items()):
            undo = Move(server, server.host or '', Stage.UNDO, now)
            try:
                self._nova.add_tag(server_id, self.signer.tag(undo, number))
            except NovaError as error:
                LOG.warning(
                    'Nova did not tag server %s, which was drained without a '
                    'lease; asked again: %s',
                    server.label,
                    error,
                    instance_uuid=server_id,
                )
                continue
            except (NovaRefused, ServerGone) as error:
                LOG.error(
                    'Server %s was drained without a lease, and Nova rejected '
                    'the tag that says so: %s',
                    server.label,
                    error,
                    instance_uuid=server_id,
                )
            self._late.pop(server_id, None)

    def tag(self, move: Move) -> str:
        """Write the move's tag, then take its older ones away.

        For example of a server with ``steal:drain:900...`` that is about to
        be migrated: ``steal:request:960...`` is written first. A crash right
        after it leaves both, and the later one counts; the other way round it
        would leave none, and the server would be forgotten. What a tenant
        forged stays until the move is over, see ``state.strays``: there may
        be fifty, and each is a call of Nova.
        """
        self.check_lease()
        tag = self.signer.tag(move)
        self._nova.add_tag(move.server_id, tag)
        old = [t for t in self.signer.genuine(move.server) if t != tag]
        self._remove(move.server, old)
        return tag

    def retag(self, move: Move) -> str:
        """Tag it if Nova takes tags now; not of a server in ERROR or SHELVED.

        Nor of one whose cell is down. The last one stays then, and it leads
        to the reattach as well.
        """
        try:
            return self.tag(move)
        except (NovaRefused, NovaError) as error:
            refused = isinstance(error, NovaRefused)
            LOG.warning(
                'Nova %s the tag of server %s: %s',
                'rejected' if refused else 'may not have taken',
                move.server.label,
                error,
                instance_uuid=move.server_id,
            )
            return self.signer.tag(move)

    def untag(
        self, server: Server, texts: Iterable[str] | None = None
    ) -> bool:
        """Whether these tags are gone; the next tick tries again.

        :param texts: None for all that one of us wrote
        """
        if texts is None:
            texts = self.signer.genuine(server)
        try:
            self._remove(server, texts)
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

    def _remove(self, server: Server, texts: Iterable[str]) -> None:
        for text in texts:
            self.check_lease()
            self._nova.remove_tag(server.server_id, text)

    def migrate(self, server: Server) -> None:
        with self.in_time(server):
            self._nova.live_migrate(server.server_id)

    def end(self, move: Move, snapshot: Snapshot) -> bool:
        """Whether Nova may still migrate it for us; it is asked to abort.

        For example Nova took the request, and a network that repeated it got
        a refusal: the record of the first one is about to come.
        """
        fleet = snapshot.fleet
        if not move.server.migrating or move.back:
            return False
        migration = fleet.going_on(move.server_id, snapshot.now)
        if migration is None:
            return True
        # One of somebody else is not ours to wait for.
        if migration not in fleet.ours:
            return False
        self.abort(move, migration)
        return True

    def abort(self, move: Move, migration: Migration) -> None:
        """Never forced by suspension: that costs seconds of downtime."""
        # Nova aborts none before it has chosen the target.
        if migration.status == 'accepted' or migration.post_copy:
            return
        self.check_lease()
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

    def settle(self, move: Move, snapshot: Snapshot) -> Move | None:
        """The move, as long as its migration may have left something wrong.

        An ERROR may come; one that our abort has left is ended. A source
        whose nova-compute was dead calls a migration failed that libvirt has
        brought to its end, and its server ACTIVE where it was.
        """
        server = move.server
        if server.status == 'ERROR':
            self.reset(move, snapshot)
            return None
        if snapshot.now - move.since <= SETTLES:
            return move
        host = snapshot.fleet.hosts.get(server.host or '')
        if server.status != 'ACTIVE' or host is None or not host.up:
            return None
        try:
            missing = not self._nova.runs(server.server_id)
        except (NovaRefused, ServerGone):
            return None
        return dataclasses.replace(move, missing=True) if missing else None

    def reset(self, move: Move, snapshot: Snapshot) -> None:
        """End the ERROR that our abort of its live migration has left.

        With Nova 33 and 34 libvirt's driver leaves one, and the guest runs on
        its source all the while. Whose ERROR it is, and whether the guest
        runs, is asked of Nova: the last thing that happened to the server is
        our abort, so the ERROR came after it. Any other ERROR is for a
        person, whom ``stalled`` calls.
        """
        fleet = snapshot.fleet
        source = fleet.hosts.get(move.source)
        record = next(iter(fleet.migrations.get(move.server_id, ())), None)
        if (
            not snapshot.rules.reset_state
            or source is None
            or not source.up
            or move.server.host != move.source
            or record is None
            or not record.failed
        ):
            return
        self.check_lease()
        try:
            if not self._nova.last_was_abort(
                move.server_id, record.created_at
            ):
                return
            if not self._nova.runs(move.server_id):
                return
            self._nova.reset_state(move.server_id)
        except (NovaRefused, ServerGone) as error:
            LOG.warning(
                'State of server %s, which our abort left in ERROR, not '
                'reset: %s',
                move.server.label,
                error,
                instance_uuid=move.server_id,
            )
            return
        LOG.info(
            'State of server %s reset to active: our abort of its live '
            'migration had left it in ERROR, and it runs on host %s.',
            move.server.label,
            move.source,
            instance_uuid=move.server_id,
        )
