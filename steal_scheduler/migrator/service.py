"""The migrator as a service: one loop around ``tick``, which says it all."""

import threading
import time
from collections.abc import Mapping

from oslo_log import log

from steal_scheduler.decision import decide
from steal_scheduler.decision.decide import Snapshot
from steal_scheduler.decision.eligibility import HISTORY
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.exception import (
    NovaError,
    NovaRefused,
    ServerGone,
    StealError,
)
from steal_scheduler.migrator.build import Components
from steal_scheduler.migrator.poller import Poller
from steal_scheduler.model.cloud import (
    NO_SIGNALS,
    Fleet,
    Migration,
    Server,
    Signals,
)
from steal_scheduler.model.host_view import View
from steal_scheduler.model.move import (
    Ended,
    Move,
    Outcome,
    Stage,
    migration_of,
)
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.moves import admission, state, tags
from steal_scheduler.moves.orphans import Orphans

LOG = log.getLogger(__name__)

#: Seconds between two ticks while a move is in flight; the signals are polled
#: at their own pace.
STEP = 3.0
#: Forged tags removed in one tick: a tenant can write many.
STRIPPED_AT_ONCE = 10


class Migrator:
    """Cures CPU steal, one tick at a time.

    What it remembers between ticks only helps: after a crash the tags, the
    migration records and the signals tell the next one all that it needs.
    """

    def __init__(self, built: Components) -> None:
        self._built = built
        self._poller = Poller(built.source, built.conf.migrator.poll_interval)
        #: Of each move in flight, as last known.
        self._servers: dict[str, Server] = {}
        self._ended: dict[str, Ended] = {}
        self._view: View | None = None
        #: The tags of other processes have been taken over.
        self._leading = False
        #: All that Nova told of at the tick before.
        self._servers_before: Mapping[str, Server] = {}
        self._orphans = Orphans(built.dispatcher)
        self._stop = threading.Event()
        #: What was wrong with the last tick, as logged.
        self._error = ''
        #: What goes on now, by server id; for the reports.
        self.moves: dict[str, Move] = {}
        #: Why moves that could go on do not; for the reports.
        self.waiting: list[Refusal] = []
        #: What was decided last; for the reports.
        self.decided = decide.NOTHING

    def tick(self, now: float) -> None:
        """Tell nova-scheduler which hosts fit, and cure contended servers.

        Each move in flight takes at most one step; new ones begin after a
        poll of the signals.

        :raises StealError: this tick could not be made; the next one can
        """
        built, rules = self._built, self._built.rules
        if not self._leads():
            return
        fleet = built.nova_cache.refresh(now, self.moves)
        polled = self._poller.poll(now)
        usable = usable_signals(self._poller.signals, fleet, now, rules)
        ours = built.ours(fleet)
        self._take_over(fleet, usable.signals, ours, now)
        view = build_view(usable, fleet, self.moves, rules, self._view)
        sent = self._send_view(view)
        snapshot = Snapshot(
            now, fleet, usable, view, self.moves, self._ended, ours
        )
        self._advance_moves(snapshot, sent=sent)
        # After the moves that are known, because asking for others takes time.
        self._reattach_orphans(fleet, now)
        if polled:
            self.decided = self._decide(snapshot)
            self._begin_moves(snapshot, sent=sent)
        built.journal.show(snapshot, self.decided, self.waiting, sent=sent)

    # -- the loop ----------------------------------------------------------

    def run(self) -> None:
        """Tick until ``stop``, whatever a tick raises."""
        while not self._stop.is_set():
            self.guarded_tick(time.time())
            self._stop.wait(self.pause())
        self._built.close()

    def stop(self) -> None:
        """End after the present tick; whatever is under way goes on later."""
        self._stop.set()

    def pause(self) -> float:
        """Seconds until the next tick."""
        interval = float(self._built.conf.migrator.poll_interval)
        busy = any(m.occupies for m in self.moves.values())
        return min(STEP, interval) if busy else interval

    def guarded_tick(self, now: float) -> None:
        """Tick; what that raises is logged, and the next tick comes."""
        metrics = self._built.metrics
        begun = time.monotonic()
        try:
            self.tick(now)
        except StealError as error:
            metrics.errors.inc()
            # Once, until it is another one or over.
            again = str(error) == self._error
            self._error = str(error)
            LOG.log(
                log.DEBUG if again else log.ERROR,
                'Tick failed, the next one comes: %s',
                error,
            )
        except Exception:
            # Nothing may end the loop: servers may be drained.
            metrics.errors.inc()
            LOG.exception('Tick failed, the next one comes.')
        else:
            metrics.tick_done(now, time.monotonic() - begun)
            self._error = ''

    # -- the steps of a tick -----------------------------------------------

    def _leads(self) -> bool:
        leads = self._built.leader.acquire()
        self._built.metrics.leader.set(leads)
        if not leads:
            # They are another migrator's now.
            self.moves, self.decided = {}, decide.NOTHING
            self._leading = False
            self._built.nova_cache.forget()
            self._built.dispatcher.forget()
            self._built.journal.standby()
        return leads

    def _send_view(self, view: View) -> bool:
        """Tell nova-scheduler; whether the message bus took it."""
        self._view = view
        if self._poller.signals is NO_SIGNALS:
            # Before the first reading there is nothing to tell.
            return False
        return self._built.sender.send(view)

    def _take_over(
        self,
        fleet: Fleet,
        usable: Signals,
        ours: tuple[Migration, ...],
        now: float,
    ) -> None:
        """Know every move in flight, and remove tags that forge one."""
        self.moves = state.take_over(
            fleet,
            self.moves,
            usable,
            ours,
            self._built.rules,
            now,
            first=not self._leading,
            servers_before=self._servers_before,
        )
        self._leading, self._servers_before = True, fleet.servers
        for server in state.forged(fleet, self.moves)[:STRIPPED_AT_ONCE]:
            LOG.warning(
                'Server %s has tags of no move that is in flight: removing '
                '%s.',
                server.label,
                ', '.join(tags.ours(server.tags)),
                instance_uuid=server.server_id,
            )
            self._built.nova_cache.look_again(server.server_id)
            self._built.state_machine.strip(server)

    def _reattach_orphans(self, fleet: Fleet, now: float) -> None:
        """Begin to reattach servers that are drained without a move."""
        detached = self._orphans.find(now)
        for server in state.orphans(detached, self.moves, fleet, self._ended):
            server_id = server.server_id
            before = self.moves.get(server_id)
            self._servers[server_id] = server
            self.moves[server_id] = state.undo(server, now, before)

    def _advance_moves(self, snapshot: Snapshot, *, sent: bool) -> None:
        servers = snapshot.fleet.servers
        self._servers |= {s: servers[s] for s in self.moves if s in servers}
        self.waiting = []
        for move in sorted(self.moves.values(), key=admission.order):
            server_id = move.server_id
            waits = self._wait_for(move, snapshot, sent=sent)
            of_move = state.MoveState(
                now=snapshot.now,
                server=servers.get(server_id),
                last_known=self._servers[server_id],
                migration=migration_of(move, snapshot.fleet),
                signal=snapshot.usable.signals.servers.get(server_id),
                window=snapshot.usable.signals.window,
                wait_for=waits.reason if waits else '',
                give_up=admission.give_up(waits),
            )
            try:
                after = self._built.state_machine.advance(move, of_move)
            except (NovaError, NovaRefused) as error:
                LOG.warning(
                    'Move of server %s waits in stage %s: %s',
                    move.label,
                    move.stage,
                    error,
                    instance_uuid=server_id,
                )
            else:
                self._keep(move, after)

    def _wait_for(
        self, move: Move, snapshot: Snapshot, *, sent: bool
    ) -> Refusal | None:
        """Why a move that is at DRAIN must not go on to Nova now."""
        if move.stage is not Stage.DRAIN:
            return None
        dry_run = self._built.conf.migrator.dry_run
        rules = self._built.rules.limits
        waits = admission.wait_for(
            move, snapshot, rules, sent=sent, dry_run=dry_run
        )
        if waits is not None:
            self.waiting.append(waits)
        return waits

    def _decide(self, snapshot: Snapshot) -> decide.Decision:
        oldest = snapshot.now - HISTORY
        self._ended = {s: e for s, e in self._ended.items() if e.at >= oldest}
        if self._poller.trouble is not None:
            return decide.blind(self._poller.trouble)
        return decide.decide(snapshot, self.decided.watches, self._built.rules)

    def _keep(self, before: Move, after: Move | Ended) -> None:
        """Remember what became of a move."""
        server_id = before.server_id
        if isinstance(after, Move):
            self.moves[server_id] = after
            if after.stage is not before.stage:
                self._built.journal.stage(after)
            return
        del self.moves[server_id], self._servers[server_id]
        self._remember(after)

    def _remember(self, ended: Ended) -> None:
        server_id = ended.move.server_id
        self._ended[server_id] = ended.following(self._ended.get(server_id))
        self._built.journal.ended(ended)

    def _begin_moves(self, snapshot: Snapshot, *, sent: bool) -> None:
        admitted = self.decided.admitted
        if self._built.conf.migrator.dry_run:
            self._built.journal.would_begin(admitted)
            return
        if not sent:
            self.waiting += map(admission.view_not_sent, admitted)
            return
        now = snapshot.now
        for move in admitted:
            server = snapshot.fleet.servers[move.server_id]
            try:
                begun = self._built.state_machine.begin(move, server, now)
            except (NovaError, NovaRefused, ServerGone) as error:
                no = Ended(move, Outcome.NOT_STARTED, now, str(error))
                self._remember(no)
                continue
            self.moves[move.server_id] = begun
            self._servers[move.server_id] = server
            self._built.journal.stage(begun)
