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

from steal_scheduler.decision.detector import measured
from steal_scheduler.decision.eligibility import unfit_to_leave
from steal_scheduler.decision.rules import DetectionRules
from steal_scheduler.exception import NovaError, NovaRefused, ServerGone
from steal_scheduler.model.cloud import Migration, Server
from steal_scheduler.model.move import Ended, Move, Outcome, Stage
from steal_scheduler.moves import tags
from steal_scheduler.moves.effects import Effects
from steal_scheduler.moves.state import MoveState
from steal_scheduler.orchestrators.base import State

LOG = log.getLogger(__name__)

#: Seconds that Nova may take to record a migration that it was asked for.
REQUEST_TIMEOUT = 60.0
#: Seconds that a migration may be queued or prepared before it is aborted.
QUEUE_TIMEOUT = 600.0
#: Seconds that an abort may take before a person is called and the server,
#: which runs on its source all the while, is reattached.
ABORT_TIMEOUT = 120.0
#: Seconds to wait for the measurement, from the moment at which there can be
#: one: a window of the signals after the move.
VERIFY_TIMEOUT = 600.0


@dataclasses.dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds; ``[stages]``."""

    drain_timeout: float
    migration_timeout: float


Step = Callable[[Move, MoveState], Move | Ended]


class StateMachine:
    """The steps; one table says which belongs to which stage."""

    def __init__(
        self, effects: Effects, deadlines: Deadlines, rules: DetectionRules
    ) -> None:
        """:param rules: what a server that has moved is measured by"""
        self._effects = effects
        self._deadlines = deadlines
        self._rules = rules
        self._steps: Mapping[Stage, Step] = {
            Stage.DRAIN: self._drain,
            Stage.REQUEST: self._request,
            Stage.MIGRATE: self._migrate,
            Stage.REATTACH: self._reattach,
            Stage.UNDO: self._undo,
            Stage.VERIFY: self._verify,
        }

    def begin(self, move: Move, server: Server, now: float) -> Move:
        """Write the first tag; the drain starts at the next tick.

        :raises NovaRefused, NovaError, ServerGone: it did not begin
        """
        move = dataclasses.replace(move, stage=Stage.DRAIN, since=now)
        self._effects.begin(move, server)
        return move

    def strip(self, server: Server) -> None:
        """Remove tags that tell of a move that there is not."""
        try:
            self._effects.untag(server)
        except NovaError as error:
            # It holds up no other server; the next tick tries again.
            LOG.warning(
                'Nova did not remove tags of server %s: %s',
                server.label,
                error,
                instance_uuid=server.server_id,
            )

    def advance(self, move: Move, state: MoveState) -> Move | Ended:
        """One step, or none where there is nothing to do but wait.

        :returns: the move as it is now, or how it ended
        :raises NovaError: Nova did not answer: the same step comes again
        """
        try:
            server = state.server
            if server is not None and not tags.ours(server.tags):
                # A tenant removed it: a crash now would forget the server.
                self._effects.retag(move, server)
                tagged = (*server.tags, tags.of_move(move))
                server = dataclasses.replace(server, tags=tagged)
                state = dataclasses.replace(state, server=server)
            return self._steps[move.stage](move, state)
        except ServerGone:
            gone = dataclasses.replace(state, server=None)
            return self._steps[move.stage](move, gone)

    # -- the steps ---------------------------------------------------------

    def _drain(self, move: Move, state: MoveState) -> Move | Ended:
        unfit = unfit_to_leave(move, state.server, state.migration)
        if unfit:
            return self._fail(move, state, unfit)
        if state.give_up:
            return self._fail(move, state, state.give_up)
        if state.now - move.since > self._deadlines.drain_timeout:
            return self._fail(
                move,
                state,
                f'not drained, or no turn to migrate, after '
                f'{self._deadlines.drain_timeout:g} s (drain_timeout)',
            )
        answer = self._effects.drain(state.last_known)
        if answer.state is State.REFUSED:
            return self._fail(move, state, f'drain refused: {answer.detail}')
        if answer.state is State.WAITING or state.wait_for:
            return move
        try:
            move = self._next(move, Stage.REQUEST, state)
            self._effects.migrate(state.last_known)
        except NovaRefused as error:
            return self._fail(move, state, f'Nova refused: {error}')
        except NovaError as error:
            # It may have been accepted: the next tick looks for the record.
            LOG.warning(
                'Nova was asked to migrate server %s and did not answer: %s',
                move.label,
                error,
                instance_uuid=move.server_id,
            )
        return move

    def _request(self, move: Move, state: MoveState) -> Move | Ended:
        migration = state.migration
        if migration is None:
            waited = state.now - move.since
            if state.server and waited <= REQUEST_TIMEOUT:
                return move
            return self._fail(move, state, 'Nova has no record of it')
        move = dataclasses.replace(move, target=migration.target)
        if migration.running:
            return self._next(move, Stage.MIGRATE, state)
        return self._follow(move, migration, state, QUEUE_TIMEOUT)

    def _migrate(self, move: Move, state: MoveState) -> Move | Ended:
        migration = state.migration
        if migration is None:
            return self._fail(move, state, 'Nova lost the record of it')
        move = dataclasses.replace(move, target=migration.target)
        return self._follow(
            move, migration, state, self._deadlines.migration_timeout
        )

    def _reattach(self, move: Move, state: MoveState) -> Move | Ended:
        move = self._ask_to_reattach(move, state)
        return self._next(move, Stage.VERIFY, state) if move.back else move

    def _undo(self, move: Move, state: MoveState) -> Move | Ended:
        move = self._ask_to_reattach(move, state)
        if not move.back:
            return move
        failed = state.migration is not None or move.target is not None
        outcome = Outcome.FAILED if failed else Outcome.NOT_STARTED
        return self._end(move, state, outcome, move.failure or 'undone')

    def _verify(self, move: Move, state: MoveState) -> Move | Ended:
        signal = state.signal
        if state.server is None:
            return self._end(move, state, Outcome.GONE, 'it was deleted')
        # A mean over the window that shows none of the time before.
        settled = move.since + state.window
        if signal is not None and signal.at >= settled:
            outcome, detail = measured(signal, self._rules)
            return self._end(move, state, outcome, detail, signal.steal)
        if state.now - settled > VERIFY_TIMEOUT:
            return self._end(
                move, state, Outcome.UNMEASURED, 'no fresh signal of it'
            )
        return move

    # -- to the next stage -------------------------------------------------

    def _follow(
        self,
        move: Move,
        migration: Migration,
        state: MoveState,
        timeout: float,
    ) -> Move | Ended:
        """Wait for the migration's end; abort it when that takes too long."""
        if state.server is None:
            return self._fail(move, state, 'it was deleted')
        if migration.failed:
            return self._fail(
                move, state, f'the migration ended as: {migration.status}'
            )
        if migration.completed:
            return self._arrived(move, migration, state, state.server)
        overdue = state.now - move.since - timeout
        if overdue <= 0:
            return move
        aborted = dataclasses.replace(
            move, failure=f'aborted: not done in {timeout:g} s'
        )
        if overdue > ABORT_TIMEOUT:
            # The server runs on its source all the while: reattach it.
            LOG.error(
                'Migration of server %s neither ends nor can be aborted: look '
                'at nova-compute on host %s.',
                move.label,
                move.source,
                instance_uuid=move.server_id,
            )
            return self._fail(aborted, state, '')
        self._effects.abort(migration)
        return aborted

    def _arrived(
        self,
        move: Move,
        migration: Migration,
        state: MoveState,
        server: Server,
    ) -> Move | Ended:
        """The record counts only when the server's host says so too."""
        if server.host == migration.target:
            return self._next(move, Stage.REATTACH, state)
        if state.now - migration.updated_at > REQUEST_TIMEOUT:
            return self._fail(
                move, state, f'completed, yet the server is on {server.host}'
            )
        return move

    def _fail(
        self, move: Move, state: MoveState, failure: str
    ) -> Move | Ended:
        failed = dataclasses.replace(move, failure=move.failure or failure)
        return self._next(failed, Stage.UNDO, state)

    def _ask_to_reattach(self, move: Move, state: MoveState) -> Move:
        """Ask for it, for ever; the move is ``back`` when it is done."""
        if move.back:
            return move
        answer = self._effects.reattach(state.whom, state.now)
        refused = answer.state is State.REFUSED
        return dataclasses.replace(
            move,
            back=answer.state is State.DONE,
            trouble=answer.detail or 'refused' if refused else '',
        )

    def _end(
        self,
        move: Move,
        state: MoveState,
        outcome: Outcome,
        detail: str,
        steal_after: float | None = None,
    ) -> Move | Ended:
        if state.server is None:
            outcome = Outcome.GONE
        elif not self._effects.untag(state.server):
            return dataclasses.replace(move, back=True)
        return Ended(move, outcome, state.now, detail, steal_after)

    def _next(self, move: Move, stage: Stage, state: MoveState) -> Move:
        move = dataclasses.replace(
            move, stage=stage, since=state.now, back=False
        )
        if state.server is None:
            return move
        if stage is Stage.REQUEST:
            self._effects.tag(move, state.server)
        else:
            self._effects.retag(move, state.server)
        return move
