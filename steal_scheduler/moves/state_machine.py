"""The state machine of a move: takes it one step further at each tick.

The tag is written *before* each side effect, every step may be repeated, each
has a deadline, and every way out leads through the orchestrator's reattach::

    DRAIN -> REQUEST -> MIGRATE -> REATTACH -> VERIFY -> helped, or not
      |         |          |
      +---------+----------+--> UNDO -> not started, failed

Verify comes last: a server that is drained has no load to measure.
"""

import dataclasses
from collections.abc import Callable, Mapping

from oslo_log import log

from steal_scheduler import exception
from steal_scheduler.decision.eligibility import unfit_to_leave
from steal_scheduler.decision.relief import unmeasured, verdict
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Migration
from steal_scheduler.model.move import Cause, Ended, Move, Outcome, Stage
from steal_scheduler.moves import admission
from steal_scheduler.moves.effects import Effects
from steal_scheduler.orchestrators.base import State
from steal_scheduler.orchestrators.dispatcher import Dispatcher

LOG = log.getLogger(__name__)

#: Seconds that Nova may take to record a migration that it was asked for.
REQUEST_TIMEOUT = 60.0
#: Seconds that a migration may be queued or prepared before it is aborted.
QUEUE_TIMEOUT = 600.0
#: Seconds to wait for the measurement, from the moment at which there can be
#: one: a window of the signals after the move.
VERIFY_TIMEOUT = 600.0


Step = Callable[[Move, Snapshot], Move | Ended]


class StateMachine:
    """The steps; one table says which belongs to which stage.

    For example a server of 4 cores waits on host a. At 900 it gets the tag
    ``steal:drain:900...`` and its orchestrator is asked to drain it, again at
    each tick until that is done. At 960 it becomes ``steal:request:960...``
    and Nova is asked; at 963 its record names host b and says that memory is
    copied (``migrate``), at 1050 that this is over and the server is on b
    (``reattach``). At 1053 it is back in service (``verify``), and its first
    sample of after 1053 + 60 s shows what the move has come to. If the
    migrator dies at 961, the next one finds ``steal:request:960...``, looks
    for a record that is newer, and goes on there; it does not ask Nova twice.
    """

    def __init__(self, effects: Effects, dispatcher: Dispatcher) -> None:
        self._effects = effects
        self._dispatcher = dispatcher
        self._steps: Mapping[Stage, Step] = {
            Stage.DRAIN: self._drain,
            Stage.REQUEST: self._migrate,
            Stage.MIGRATE: self._migrate,
            Stage.REATTACH: self._reattach,
            Stage.UNDO: self._reattach,
            Stage.VERIFY: self._verify,
        }

    def begin(self, move: Move, snapshot: Snapshot) -> Move | Ended:
        """Write the first tag; the drain starts at the next tick."""
        try:
            self._effects.tag(move)
        except exception.NovaFault as error:
            refused = isinstance(error, exception.NovaRefused)
            cause = Cause.NOVA if refused else Cause.MOMENT
            move = dataclasses.replace(move, cause=cause)
            no = Outcome.NOT_STARTED
            return Ended(move, no, snapshot.now, str(error))
        self._dispatcher.begin(move.server)
        return move

    def advance(self, move: Move, snapshot: Snapshot) -> Move | Ended:
        """One step, or none where there is nothing to do but wait.

        :returns: the move as it is now, or how it ended
        :raises NovaError: Nova did not answer: the same step comes again
        """
        try:
            server, hidden = move.server, snapshot.fleet.unread_servers
            tagged = server.gone or self._effects.signer.read(server)
            if not tagged and server.server_id not in hidden:
                # A tenant removed it: a crash now would forget the server.
                tags = (*server.tags, self._effects.retag(move))
                server = dataclasses.replace(server, tags=tags)
                move = dataclasses.replace(move, server=server)
            return self._steps[move.stage](move, snapshot)
        except exception.ServerGone:
            gone = dataclasses.replace(move, server=move.server.deleted())
            return self._steps[move.stage](gone, snapshot)

    # -- the steps ---------------------------------------------------------

    def _drain(self, move: Move, snapshot: Snapshot) -> Move | Ended:
        """Ask its orchestrators to drain it, and then Nova, in its turn.

        NOTE: of ours only ``advance``, this and ``Dispatcher.drain`` stand
        above the plug-in's own frames in a traceback.
        """
        waits = admission.wait_for(move, snapshot)
        move = dataclasses.replace(move, waits=waits)
        timeout = snapshot.rules.drain_timeout
        cause = Cause.MOMENT
        unfit = move.cancelled or unfit_to_leave(move, snapshot.fleet)
        if not unfit and waits and waits.reason in admission.FINAL:
            unfit = waits.detail
        if not unfit and snapshot.now - move.since > timeout:
            cause = Cause.DRAIN
            why = 'not drained, or no turn to migrate, after'
            unfit = f'{why} {timeout:g} s (drain_timeout)'
        if unfit:
            return self._fail(move, snapshot, unfit, cause)
        answer = self._dispatcher.drain(move.server)
        if answer.state is State.REFUSED:
            why = f'drain refused: {answer.detail}'
            return self._fail(move, snapshot, why, Cause.DRAIN)
        if answer.state is State.WAITING or waits:
            return move
        try:
            move = self._next(move, Stage.REQUEST, snapshot)
            self._effects.migrate(move.server)
        except exception.NovaRefused as error:
            why = f'Nova refused: {error}'
            return self._fail(move, snapshot, why, Cause.NOVA)
        except exception.NovaError as error:
            # It may have been accepted: the next tick looks for the record.
            LOG.warning(
                'Nova was asked to %s server %s and did not answer: %s',
                'migrate' if move.stage is Stage.REQUEST else 'tag',
                move.server.label,
                error,
                instance_uuid=move.server_id,
            )
        return move

    def _migrate(self, move: Move, snapshot: Snapshot) -> Move | Ended:
        """Follow Nova's record: at REQUEST, and at MIGRATE once it copies.

        Nothing follows from what Nova told before: its cell may be down.
        """
        waits = admission.hidden(move, snapshot)
        move = dataclasses.replace(move, waits=waits)
        if waits:
            return move
        migration = move.migration(snapshot.fleet)
        requested = move.stage is Stage.REQUEST
        if migration is None:
            recent = requested and snapshot.now - move.since <= REQUEST_TIMEOUT
            # Nova may have the request, and not have got to it yet.
            if move.server.migrating or (recent and not move.server.gone):
                return move
            why = 'Nova has no record of it'
            return self._fail(move, snapshot, why, Cause.NOVA)
        if requested and migration.running:
            return self._next(move, Stage.MIGRATE, snapshot)
        if move.server.gone:
            return self._fail(move, snapshot, 'it was deleted')
        return self._follow(move, migration, snapshot)

    def _reattach(self, move: Move, snapshot: Snapshot) -> Move | Ended:
        """Ask for it, for ever; the move is ``back`` when it is done.

        One that arrived is measured then; at UNDO it is over. A new leader
        asks at once, and once more when no call of the one before can come.
        """
        if move.stage is Stage.UNDO and self._effects.end(move, snapshot):
            return move
        if move.early and not snapshot.handover:
            # A new tag: a receiver that knows the request by it would take
            # this for a repetition, and do nothing.
            return self._next(move, move.stage, snapshot)
        if not move.back:
            answer = self._dispatcher.reattach(move.server, snapshot.now)
            refused = answer.state is State.REFUSED
            move = dataclasses.replace(
                move,
                back=answer.state is State.DONE,
                early=snapshot.handover,
                trouble=answer.detail or 'refused' if refused else '',
            )
        if not move.back or move.early:
            return move
        if move.stage is Stage.REATTACH:
            return self._next(move, Stage.VERIFY, snapshot)
        migrated = move.migration(snapshot.fleet) or move.target
        if migrated and (waits := self._effects.settle(move, snapshot)):
            return waits
        outcome = Outcome.FAILED if migrated else Outcome.NOT_STARTED
        why = move.failure or 'undone'
        return self._end(Ended(move, outcome, snapshot.now, why), snapshot)

    def _verify(self, move: Move, snapshot: Snapshot) -> Move | Ended:
        """Measure it: the mean must show nothing of the time before.

        For example in service again at 1053, with a window of 60 s: a sample
        of 1113 or later counts.
        """
        now, signals = snapshot.now, snapshot.signals
        if move.server.gone:
            return Ended(move, Outcome.GONE, now, 'it was deleted')
        signal = signals.servers.get(move.server_id)
        settled = move.since + signals.window
        if signal is not None and signal.at >= settled:
            return self._end(verdict(move, signal, snapshot), snapshot)
        if now - settled <= VERIFY_TIMEOUT:
            return move
        return self._end(unmeasured(move, now), snapshot)

    # -- to the next stage -------------------------------------------------

    def _follow(
        self, move: Move, migration: Migration, snapshot: Snapshot
    ) -> Move | Ended:
        """Wait for the migration's end; abort it when that takes too long.

        Or that it will never end: see ``Progress``. For example with
        ``migration_timeout`` = 1800 s: from then on Nova is asked at each tick
        to abort it, unless it is in post-copy mode. As long as Nova may go on
        with it the server stays drained; from 1920 s on ``stalled`` calls.
        """
        host, now = move.server.host, snapshot.now
        timeout = snapshot.copy_timeout(move.copy_mb)
        if move.stage is Stage.REQUEST:
            timeout = QUEUE_TIMEOUT
        if migration.failed:
            why = f'the migration ended as: {migration.status}'
            return self._fail(move, snapshot, why)
        if migration.completed:
            # The record counts only when the server's host says so too.
            if host == migration.target:
                # An abort that came too late is no failure.
                move = dataclasses.replace(move, failure='')
                return self._next(move, Stage.REATTACH, snapshot)
            if now - migration.updated_at > REQUEST_TIMEOUT:
                why = f'completed, yet the server is on {host}'
                return self._fail(move, snapshot, why)
            return move
        overdue = now - move.since - timeout
        hopeless = move.progress.hopeless if move.progress else ''
        hopeless = move.cancelled or hopeless
        if overdue <= 0 and not hopeless:
            return move
        how = 'in post-copy mode' if migration.post_copy else 'aborted'
        why = f'{how}: {hopeless or f"not done in {timeout:g} s"}'
        # Whoever comes late to it has to ask once as well.
        asked = move.failure or migration.post_copy
        if asked and not snapshot.fleet.goes_on(migration, now):
            return self._fail(move, snapshot, why)
        self._effects.abort(move, migration)
        return dataclasses.replace(move, failure=move.failure or why)

    def _fail(
        self,
        move: Move,
        snapshot: Snapshot,
        failure: str,
        cause: Cause = Cause.MOMENT,
    ) -> Move:
        why = move.failure or failure
        failed = dataclasses.replace(move, failure=why, cause=cause)
        return self._next(failed, Stage.UNDO, snapshot)

    def _end(self, ended: Ended, snapshot: Snapshot) -> Move | Ended:
        """The end, once the tag is gone; of a server that is gone, at once."""
        move = ended.move
        if move.server.gone:
            return dataclasses.replace(ended, outcome=Outcome.GONE)
        # From a server of a cell that is down Nova removes none.
        told = move.server_id not in snapshot.fleet.unread_servers
        removed = told and self._effects.untag(move.server)
        return ended if removed else dataclasses.replace(move, back=True)

    def _next(self, move: Move, stage: Stage, snapshot: Snapshot) -> Move:
        move = dataclasses.replace(
            move,
            stage=stage,
            since=snapshot.now,
            back=False,
            early=False,
            waits=None,
            orphan=move.orphan and stage is Stage.UNDO,
        )
        if stage is Stage.REQUEST:
            # Nova is not asked without it.
            self._effects.tag(move)
        elif not move.server.gone:
            self._effects.retag(move)
        return move
