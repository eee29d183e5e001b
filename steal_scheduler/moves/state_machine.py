"""Take one move one step further.

The tag is written *before* each side effect, every step may be repeated, each
has a deadline, and every way out leads through the orchestrator's reattach::

    DRAIN -> REQUEST -> MIGRATE -> REATTACH -> VERIFY -> helped, or not
      |         |          |
      +---------+----------+--> UNDO -> not started, failed

Verify comes last: a server that is out of service has no load to measure.
"""

import dataclasses
from collections.abc import Callable, Mapping

from oslo_log import log

from steal_scheduler.exception import NovaError, NovaRefused, ServerGone
from steal_scheduler.model.cloud import Migration, Server
from steal_scheduler.model.move import Ended, Move, Outcome, Stage
from steal_scheduler.moves import tags
from steal_scheduler.moves.deadlines import Deadlines
from steal_scheduler.moves.effects import Effects
from steal_scheduler.moves.state import Facts, unfit_to_leave
from steal_scheduler.orchestrators.base import State

LOG = log.getLogger(__name__)


class Stages:
    """The steps; one table says which belongs to which stage."""

    def __init__(self, effects: Effects, deadlines: Deadlines) -> None:
        self._effects = effects
        self._deadlines = deadlines
        self._steps: Mapping[Stage, Callable[[Move, Facts], Move | Ended]] = {
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
        self._effects.untag(server)

    def advance(self, move: Move, facts: Facts) -> Move | Ended:
        """One step, or none where there is nothing to do but wait.

        :returns: the move as it is now, or how it ended
        :raises NovaError: Nova did not answer: the same step comes again
        """
        try:
            server = facts.server
            if server is not None and not tags.ours(server.tags):
                # A tenant removed it: a crash now would forget the server.
                self._effects.retag(move, server)
                tagged = (*server.tags, tags.of_move(move))
                server = dataclasses.replace(server, tags=tagged)
                facts = dataclasses.replace(facts, server=server)
            return self._steps[move.stage](move, facts)
        except ServerGone:
            gone = dataclasses.replace(facts, server=None)
            return self._steps[move.stage](move, gone)

    # -- the steps ---------------------------------------------------------

    def _drain(self, move: Move, facts: Facts) -> Move | Ended:
        unfit = unfit_to_leave(move, facts.server, facts.migration)
        if unfit:
            return self._fail(move, facts, unfit)
        if facts.give_up:
            return self._fail(move, facts, facts.give_up)
        if facts.now - move.since > self._deadlines.drain_timeout:
            return self._fail(
                move,
                facts,
                f'not drained, or no turn to migrate, after '
                f'{self._deadlines.drain_timeout:g} s (drain_timeout)',
            )
        answer = self._effects.drain(facts.last_known)
        if answer.state is State.REFUSED:
            return self._fail(move, facts, f'drain refused: {answer.detail}')
        if answer.state is State.WAITING or facts.wait_for:
            return move
        try:
            move = self._next(move, Stage.REQUEST, facts)
            self._effects.migrate(facts.last_known)
        except NovaRefused as error:
            return self._fail(move, facts, f'Nova refused: {error}')
        except NovaError as error:
            # It may have been accepted: the next tick looks for the record.
            LOG.warning(
                'Asked Nova to migrate, and got no answer: %s',
                error,
                instance_uuid=move.server_id,
            )
        return move

    def _request(self, move: Move, facts: Facts) -> Move | Ended:
        migration = facts.migration
        if migration is None:
            waited = facts.now - move.since
            if facts.server and waited <= self._deadlines.request_timeout:
                return move
            return self._fail(move, facts, 'Nova has no record of it')
        move = dataclasses.replace(move, target=migration.target)
        if migration.running:
            return self._next(move, Stage.MIGRATE, facts)
        return self._follow(
            move, migration, facts, self._deadlines.queue_timeout
        )

    def _migrate(self, move: Move, facts: Facts) -> Move | Ended:
        migration = facts.migration
        if migration is None:
            return self._fail(move, facts, 'Nova lost the record of it')
        move = dataclasses.replace(move, target=migration.target)
        return self._follow(
            move, migration, facts, self._deadlines.migration_timeout
        )

    def _reattach(self, move: Move, facts: Facts) -> Move | Ended:
        move = self._put_back(move, facts)
        return self._next(move, Stage.VERIFY, facts) if move.back else move

    def _undo(self, move: Move, facts: Facts) -> Move | Ended:
        move = self._put_back(move, facts)
        if not move.back:
            return move
        failed = facts.migration is not None or move.target is not None
        outcome = Outcome.FAILED if failed else Outcome.NOT_STARTED
        return self._end(move, facts, outcome, move.failure or 'undone')

    def _verify(self, move: Move, facts: Facts) -> Move | Ended:
        signal = facts.signal
        if facts.server is None:
            return self._end(move, facts, Outcome.GONE, 'it was deleted')
        settled = move.since + self._deadlines.settle_time
        if signal is not None and signal.at >= settled:
            outcome, detail = self._deadlines.measured(signal)
            return self._end(move, facts, outcome, detail, signal.steal)
        if facts.now - move.since > self._deadlines.verify_timeout:
            return self._end(
                move, facts, Outcome.UNMEASURED, 'no fresh signal of it'
            )
        return move

    # -- the ways on and out -----------------------------------------------

    def _follow(
        self, move: Move, migration: Migration, facts: Facts, timeout: float
    ) -> Move | Ended:
        """Wait for the migration's end; abort it when that takes too long."""
        if facts.server is None:
            return self._fail(move, facts, 'it was deleted')
        if migration.failed:
            return self._fail(
                move, facts, f'the migration ended as: {migration.status}'
            )
        if migration.completed:
            return self._arrived(move, migration, facts, facts.server)
        overdue = facts.now - move.since - timeout
        if overdue <= 0:
            return move
        aborted = dataclasses.replace(
            move, failure=f'aborted: not done in {timeout:g} s'
        )
        if overdue > self._deadlines.abort_timeout:
            # The server runs on its source all the while: put it back.
            LOG.error(
                'Its migration neither ends nor can be aborted: look at '
                'nova-compute on %s.',
                move.source,
                instance_uuid=move.server_id,
            )
            return self._fail(aborted, facts, '')
        self._effects.abort(migration)
        return aborted

    def _arrived(
        self, move: Move, migration: Migration, facts: Facts, server: Server
    ) -> Move | Ended:
        """Believe the record only when the server's host says so too."""
        if server.host == migration.target:
            return self._next(move, Stage.REATTACH, facts)
        if facts.now - migration.updated_at > self._deadlines.request_timeout:
            return self._fail(
                move, facts, f'completed, yet the server is on {server.host}'
            )
        return move

    def _fail(self, move: Move, facts: Facts, why: str) -> Move | Ended:
        failed = dataclasses.replace(move, failure=move.failure or why)
        return self._next(failed, Stage.UNDO, facts)

    def _put_back(self, move: Move, facts: Facts) -> Move:
        """Ask for it, for ever; the move is ``back`` when it is at work."""
        if move.back:
            return move
        answer = self._effects.reattach(facts.whom, facts.now)
        refused = answer.state is State.REFUSED
        return dataclasses.replace(
            move,
            back=answer.state is State.DONE,
            trouble=answer.detail or 'refused' if refused else '',
        )

    def _end(
        self,
        move: Move,
        facts: Facts,
        outcome: Outcome,
        detail: str,
        steal_after: float | None = None,
    ) -> Move | Ended:
        if facts.server is None:
            outcome = Outcome.GONE
        elif not self._effects.untag(facts.server):
            return dataclasses.replace(move, back=True)
        return Ended(move, outcome, facts.now, detail, steal_after)

    def _next(self, move: Move, stage: Stage, facts: Facts) -> Move:
        move = dataclasses.replace(
            move, stage=stage, since=facts.now, back=False
        )
        if facts.server is None:
            return move
        if stage is Stage.REQUEST:
            self._effects.tag(move, facts.server)
        else:
            self._effects.retag(move, facts.server)
        return move
