"""The migrator: one loop around ``tick``, which says it all."""

import threading
import time

from oslo_log import log

from steal_scheduler import decision, evidence, facts, view
from steal_scheduler.exception import (
    NovaError,
    OrchestratorError,
    SignalError,
    StealError,
)
from steal_scheduler.model import (
    NO_SIGNALS,
    Ended,
    Fleet,
    Move,
    Outcome,
    Server,
    Signals,
    Stage,
)
from steal_scheduler.parts import Parts
from steal_scheduler.refusal import Refusal, Why

LOG = log.getLogger(__name__)


class Migrator:
    """Cures CPU steal, one tick at a time.

    What it remembers between ticks only helps: after a crash the tags, the
    migration records and the signals tell the next one all that it needs.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stop = threading.Event()
        self._signals: Signals = NO_SIGNALS
        self._polled_at = 0.0
        self._servers: dict[str, Server] = {}
        self._ended: dict[str, Ended] = {}
        self._swept = False
        #: What goes on now, by server id; for the reports.
        self.moves: dict[str, Move] = {}
        #: What was decided last; for the reports.
        self.decided = decision.NOTHING

    def tick(self, now: float) -> None:
        """Look at the world; take at most one step for each move.

        :raises StealError: this tick could not be made; the next one can
        """
        parts, rules = self._parts, self._parts.rules
        if not self._leads():
            return
        fleet = parts.inventory.refresh(now, self.moves)
        trouble = self._poll(now)
        usable = evidence.usable(self._signals, fleet, now, rules.max_age)
        self.moves = facts.moves_in_flight(fleet, self.moves, usable)
        self._sweep(fleet, now)
        seen = view.build(usable, fleet, self.moves, rules.heat)
        sent = parts.sender.send(seen)
        self._advance(fleet, usable, seen, now, sent=sent)
        if trouble is not None:
            self.decided = decision.blind(trouble)
        elif self._polled_at == now:
            self.decided = decision.decide(
                usable,
                seen,
                fleet,
                self.moves,
                self._ended,
                self.decided.watches,
                parts.ours(fleet),
                rules,
                now,
            )
            self._begin(fleet, now)
        parts.journal.show(self.moves, self.decided, seen, sent=sent)

    # -- the loop ----------------------------------------------------------

    def run(self) -> None:
        """Tick until ``stop``. Whatever a tick raises, the next one comes."""
        while not self._stop.is_set():
            self.guarded_tick(time.time())
            options = self._parts.conf.migrator
            busy = any(m.occupies for m in self.moves.values())
            self._parts.wake.wait(
                options.step_interval if busy else options.poll_interval
            )
            self._parts.wake.clear()
        self._parts.close()

    def stop(self) -> None:
        """End after the present tick; whatever is under way goes on later."""
        self._stop.set()
        self._parts.wake.set()

    def guarded_tick(self, now: float) -> None:
        metrics = self._parts.metrics
        begun = time.monotonic()
        try:
            self.tick(now)
        except StealError as error:
            metrics.errors.inc()
            LOG.error('No tick: %s', error)
        except Exception:
            # Nothing may end the loop: servers may be out of service.
            metrics.errors.inc()
            LOG.exception('A tick failed; the next one comes.')
        else:
            metrics.tick_done(now, time.monotonic() - begun)

    # -- the steps of a tick -----------------------------------------------

    def _leads(self) -> bool:
        leads = self._parts.leader.acquire()
        self._parts.metrics.leading.set(leads)
        if not leads:
            # They are another migrator's now.
            self.moves, self.decided = {}, decision.NOTHING
            self._swept = False
        return leads

    def _sweep(self, fleet: Fleet, now: float) -> None:
        """Once, when this migrator begins: find what lost its tag."""
        if self._swept:
            return
        try:
            detached = self._parts.orchestrator.detached()
        except OrchestratorError as error:
            LOG.warning('Whom it detached is not known yet: %s', error)
            return
        self._swept = True
        for server in facts.strays(detached, self.moves, fleet):
            self._servers[server.server_id] = server
            self.moves[server.server_id] = facts.undo(server, now)

    def _poll(self, now: float) -> Refusal | None:
        """Read the signals when it is time; say what is wrong with them."""
        interval = self._parts.conf.migrator.poll_interval
        if now - self._polled_at < interval * 0.9:
            return None
        try:
            self._signals = self._parts.source.read(now)
        except SignalError as error:
            LOG.error('No signals, so nothing starts: %s', error)
            return Refusal(Why.SIGNALS, str(error))
        except Exception as error:
            # A plugin's own mistake is an outage like any other.
            LOG.exception('The signal source failed, so nothing starts.')
            return Refusal(Why.SIGNALS, repr(error))
        self._polled_at = now
        return None

    def _advance(
        self,
        fleet: Fleet,
        usable: Signals,
        seen: view.View,
        now: float,
        *,
        sent: bool,
    ) -> None:
        self._servers |= {
            s: fleet.servers[s] for s in self.moves if s in fleet.servers
        }
        for server_id, move in list(self.moves.items()):
            known = facts.Facts(
                now=now,
                server=fleet.servers.get(server_id),
                last_known=self._servers[server_id],
                migration=facts.migration_of(move, fleet),
                signal=usable.servers.get(server_id),
                wait_for=self._wait_for(move, fleet, seen, sent=sent),
            )
            try:
                after = self._parts.stages.advance(move, known)
            except NovaError as error:
                LOG.warning(
                    'Its move waits at %s: %s',
                    move.stage,
                    error,
                    instance_uuid=server_id,
                )
                continue
            self._keep(move, after)

    def _wait_for(
        self, move: Move, fleet: Fleet, seen: view.View, *, sent: bool
    ) -> str:
        """Why Nova must not be asked now to migrate; '' when it may.

        One after the other: requests that Nova gets in parallel all choose
        the same host.
        """
        if self._parts.conf.migrator.dry_run:
            return 'dry_run is on'
        if not sent:
            return Why.VIEW_NOT_SENT
        if any(
            other.target is None
            and other.stage in (Stage.REQUEST, Stage.MIGRATE)
            for other in self.moves.values()
        ):
            return Why.TARGET_PENDING
        if not any(
            host.up
            and host.zone == move.zone
            and name != move.source
            and seen.takes(name, move.demand)
            for name, host in fleet.hosts.items()
        ):
            return Why.SATURATED
        return ''

    def _keep(self, before: Move, after: Move | Ended) -> None:
        """Remember what became of a move."""
        server_id = before.server_id
        if isinstance(after, Move):
            self.moves[server_id] = after
            if after.stage is not before.stage:
                self._parts.journal.stage(after)
            return
        del self.moves[server_id], self._servers[server_id]
        self._ended[server_id] = after
        self._parts.journal.ended(after)

    def _begin(self, fleet: Fleet, now: float) -> None:
        admitted = self.decided.admitted
        if self._parts.conf.migrator.dry_run:
            self._parts.journal.would_begin(admitted)
            return
        for move in admitted:
            server = fleet.servers[move.server_id]
            try:
                begun = self._parts.stages.begin(move, server, now)
            except StealError as error:
                ended = Ended(move, Outcome.NOT_STARTED, now, str(error))
                self._ended[move.server_id] = ended
                self._parts.journal.ended(ended)
                continue
            self.moves[move.server_id] = begun
            self._servers[move.server_id] = server
            self._parts.journal.stage(begun)
