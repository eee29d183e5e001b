"""The migrator as a service: one loop around ``tick``, which says it all."""

import dataclasses
import threading
import time

from oslo_log import log

from steal_scheduler.decision import decide, policies
from steal_scheduler.decision.demand import remember
from steal_scheduler.decision.demand_log import DemandLog
from steal_scheduler.decision.eligibility import MEMORY
from steal_scheduler.decision.host_load import build_view, movers
from steal_scheduler.decision.rankings import rankings
from steal_scheduler.decision.refused_pairs import with_offered
from steal_scheduler.decision.relief import follow, with_harm, with_loads
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.edge.text import without_request_id
from steal_scheduler.exception import NovaFault, StealError
from steal_scheduler.migrator import informed
from steal_scheduler.migrator.build import Components
from steal_scheduler.migrator.notes import Notes
from steal_scheduler.migrator.orphans import Orphans
from steal_scheduler.migrator.poller import Poller
from steal_scheduler.migrator.proposals import Proposals
from steal_scheduler.migrator.recall import recall
from steal_scheduler.migrator.strays import Strays
from steal_scheduler.model.cloud import NO_SIGNALS
from steal_scheduler.model.host_view import View
from steal_scheduler.model.move import Ended, Move
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.model.room import UNTOLD
from steal_scheduler.moves import admission, state
from steal_scheduler.moves.state_machine import StateMachine

LOG = log.getLogger(__name__)

#: Seconds between two ticks while a move is in flight; the signals are polled
#: at their own pace.
STEP = 3.0


class Migrator:
    """Cures CPU steal, one tick at a time.

    What it remembers between ticks only helps: after a crash the tags, the
    migration records and the signals tell the next one all that it needs.
    """

    def __init__(self, built: Components) -> None:
        self._built = built
        self._state_machine = StateMachine(built.effects, built.dispatcher)
        self._poller = Poller(built.source, built.conf.migrator.poll_interval)
        self._ended: dict[str, Ended] = {}
        self._view: View | None = None
        self._past = DemandLog()
        #: What hosts had left at the last decision.
        self._room = UNTOLD
        #: Ids of the servers that Nova has told of, with their records; None
        #: until the tags of other processes have been taken over.
        self._seen: set[str] | None = None
        self._strays = Strays(built)
        self._orphans = Orphans(built)
        self._proposals = Proposals(
            Notes(built.nova, built.effects),
            built.nova_cache,
            built.journal,
            built.dispatcher,
        )
        self._stop = threading.Event()
        #: What was wrong with the last tick, as logged.
        self._error = ''
        #: What goes on now, by server id; for the reports.
        self.moves: dict[str, Move] = {}
        #: What was decided last; for the reports.
        self.decided = decide.NOTHING

    def tick(self, now: float) -> None:
        """Tell nova-scheduler which hosts fit, and cure contended servers.

        Each move in flight takes at most one step; new ones begin after a
        poll of the signals.

        :raises StealError: this tick could not be made; the next one can
        """
        built = self._built
        built.effects.confess(now)
        if not self._leads():
            return
        built.dispatcher.calls.new_tick()
        asked = built.desk.take(now, self.moves, self._proposals)
        begun = time.monotonic()
        fleet = built.nova_cache.refresh(now, self.moves)
        # Nova may have taken its time, and nobody's samples are of tomorrow.
        now += time.monotonic() - begun
        polled = self._poller.poll(now, at_once=bool(asked))
        measured = Snapshot(
            now,
            built.rules,
            fleet,
            self._poller.signals,
            past=self._past,
            schedulers=built.receiver.heard(now),
            handover=built.leader.handover,
            asked=asked,
        )
        snapshot = self._take_over(usable_signals(measured))
        strays = state.strays(snapshot)
        snapshot = self._send_view(snapshot)
        self._advance_moves(snapshot)
        # After the moves that are known, because asking for others takes time.
        for move in self._orphans.lead_back(snapshot):
            self.moves[move.server_id] = move
        self._strays.remove(strays, snapshot)
        snapshot = self._proposals.known(snapshot)
        not_sent: list[Refusal] = []
        if polled:
            self._follow(snapshot)
            self.decided = self._decide(snapshot)
            snapshot = self._proposals.keep(self.decided, snapshot)
            not_sent = self._begin_moves(snapshot)
        built.journal.show(snapshot, self.decided, not_sent)
        built.desk.show(snapshot, self.decided, not_sent, self._ended)

    # -- the loop ----------------------------------------------------------

    def run(self) -> None:
        """Tick until ``stop``, whatever a tick raises."""
        self._built.receiver.start()
        self._built.leader_server.start()
        while not self._stop.is_set():
            self.guarded_tick(time.time())
            if not self._stop.is_set():
                self._built.desk.wait(self.pause())
        self._built.dispatcher.calls.finish()
        self._built.leader.release()
        self._built.journal.audit.leads(None)
        self._built.desk.forget()
        self._built.leader_server.stop()
        self._built.receiver.stop()

    def stop(self) -> None:
        """End after the present tick; whatever is under way goes on later."""
        self._stop.set()
        self._built.desk.wake()

    def pause(self) -> float:
        """Seconds until the next tick."""
        interval = float(self._built.conf.migrator.poll_interval)
        busy = any(m.unavailable for m in self.moves.values())
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
            said = without_request_id(error)
            again, self._error = said == self._error, said
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
        finally:
            self._built.desk.end_of_tick()

    # -- the steps of a tick -----------------------------------------------

    def _leads(self) -> bool:
        leads = self._built.leader.acquire()
        self._built.metrics.leader.set(leads)
        number = self._built.leader.number if leads else None
        self._built.journal.audit.leads(number)
        if not leads:
            # They are another migrator's now.
            self.moves, self.decided = {}, decide.NOTHING
            self._room, self._past = UNTOLD, DemandLog()
            self._seen = None
            self._strays.forget()
            self._orphans.forget()
            self._proposals.forget()
            self._built.nova_cache.forget()
            self._built.dispatcher.forget()
            self._built.desk.forget()
            self._built.journal.standby()
        return leads

    def _take_over(self, snapshot: Snapshot) -> Snapshot:
        """Know every move in flight."""
        built, fleet, seen = self._built, snapshot.fleet, self._seen
        told, newer = built.effects.signer.read_all(fleet.servers.values())
        snapshot = dataclasses.replace(
            snapshot, moves=self.moves, newer_tags=newer
        )
        moves = state.take_over(snapshot, told, seen, built.leader.number)
        self.moves = self._proposals.cancelled(moves, fleet)
        self._seen = {
            server_id
            for server_id in fleet.servers
            if fleet.is_current(server_id) or (seen and server_id in seen)
        }
        oldest = snapshot.now - MEMORY
        self._ended = {s: e for s, e in self._ended.items() if e.at >= oldest}
        return dataclasses.replace(
            snapshot, moves=self.moves, ended=self._ended
        )

    def _send_view(self, snapshot: Snapshot) -> Snapshot:
        """Tell nova-scheduler; whether the message bus took it is kept."""
        return self._tell(build_view(snapshot, self._view), snapshot)

    def _tell(self, view: View, snapshot: Snapshot) -> Snapshot:
        snapshot = dataclasses.replace(snapshot, view=view, room=self._room)
        ranked = rankings(snapshot, self._view)
        view = self._view = dataclasses.replace(view, rankings=ranked)
        # Before the first reading there is nothing to tell.
        known = self._poller.signals is not NO_SIGNALS
        sent = known and self._built.sender.send(view)
        return dataclasses.replace(snapshot, view=view, sent=sent)

    def _advance_moves(self, snapshot: Snapshot) -> None:
        stuck: list[tuple[Move, NovaFault]] = []
        for move in sorted(self.moves.values(), key=admission.order):
            try:
                after = self._state_machine.advance(move, snapshot)
            except NovaFault as error:
                stuck.append((move, error))
            else:
                self._keep(move, after, snapshot)
        self._built.journal.stuck(stuck)

    def _keep(
        self, before: Move, after: Move | Ended, snapshot: Snapshot
    ) -> None:
        """Remember what became of a move."""
        server_id = before.server_id
        if isinstance(after, Move):
            after = with_loads(after, snapshot)
            begins = server_id not in self.moves
            self.moves[server_id] = after
            if begins or after.stage is not before.stage:
                self._built.journal.stage(after)
            return
        self.moves.pop(server_id, None)
        ended = with_harm(with_offered(after, snapshot), snapshot)
        self._ended[server_id] = ended.following(self._ended.get(server_id))
        self._built.journal.ended(ended)

    def _follow(self, snapshot: Snapshot) -> None:
        """See what the moves that are over have brought until now."""
        before, self._ended = self._ended, follow(self._ended, snapshot)
        for server_id, ended in self._ended.items():
            relief = ended.relief
            if relief and relief.over and not before[server_id].followed:
                self._built.journal.relieved(ended, relief)

    def _decide(self, snapshot: Snapshot) -> decide.Decision:
        if self._poller.trouble is not None:
            return decide.blind(self._poller.trouble)
        recall(snapshot, self._poller)
        remember(snapshot)
        decided, self._room = informed.decided(
            self._built.nova_cache, snapshot, self.decided.watches
        )
        if self._poller.early:
            # Somebody asked; that is no poll, of which several have to agree.
            watches = self.decided.watches
            decided = dataclasses.replace(decided, watches=watches)
        return decided

    def _begin_moves(self, snapshot: Snapshot) -> list[Refusal]:
        """Begin what was admitted; why not, where that cannot be."""
        admitted, dry = policies.parted(self.decided.admitted, snapshot)
        self._built.journal.would_begin(dry)
        if not snapshot.sent:
            return [
                Refusal(*admission.NOT_SENT, m.server_id) for m in admitted
            ]
        for move in admitted:
            after = self._state_machine.begin(move, snapshot)
            self._keep(move, after, snapshot)
        if admitted:
            # By the next tick it is known where they may go.
            now_moving = movers(snapshot)
            view = dataclasses.replace(snapshot.view, movers=now_moving)
            self._tell(view, snapshot)
        return []
