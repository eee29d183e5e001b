"""The migrator: one loop around ``tick``, which says it all."""

from collections.abc import Mapping

from oslo_log import log

from steal_scheduler.decision import decide, usable_signals
from steal_scheduler.decision.host_load import survey
from steal_scheduler.decision.snapshot import World
from steal_scheduler.exception import (
    NovaError,
    NovaRefused,
    ServerGone,
)
from steal_scheduler.migrator.build import Parts
from steal_scheduler.migrator.loop import Loop
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
from steal_scheduler.moves import admission, state, tags, takeover
from steal_scheduler.moves.orphans import Sweep

LOG = log.getLogger(__name__)

#: Forged tags removed in one tick: a tenant can write many.
STRIPPED_AT_ONCE = 10


class Migrator(Loop):
    """Cures CPU steal, one tick at a time.

    What it remembers between ticks only helps: after a crash the tags, the
    migration records and the signals tell the next one all that it needs.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.metrics, parts.close)
        self._parts = parts
        self._poller = Poller(parts.source, parts.conf.migrator.poll_interval)
        self._servers: dict[str, Server] = {}
        self._ended: dict[str, Ended] = {}
        self._view: View | None = None
        #: The tags of other processes have been taken over.
        self._leading = False
        #: At the last look.
        self._known: Mapping[str, Server] = {}
        self._sweep = Sweep(parts.dispatcher)
        #: What goes on now, by server id; for the reports.
        self.moves: dict[str, Move] = {}
        #: Why moves that could go on do not; for the reports.
        self.waiting: list[Refusal] = []
        #: What was decided last; for the reports.
        self.decided = decide.NOTHING

    def tick(self, now: float) -> None:
        """Look at the world; take at most one step for each move.

        :raises StealError: this tick could not be made; the next one can
        """
        parts, rules = self._parts, self._parts.rules
        if not self._leads():
            return
        fleet = parts.inventory.refresh(now, self.moves)
        polled = self._poller.poll(now)
        signals = self._poller.signals
        known = usable_signals.gather(signals, fleet, now, rules.trust)
        ours = parts.ours(fleet)
        self._take_over(fleet, known.usable, ours, now)
        seen = survey(known, fleet, self.moves, rules.heat, self._view)
        self._view = seen
        # Before the first reading there is nothing to tell.
        sent = signals is not NO_SIGNALS and parts.sender.send(seen)
        world = World(now, fleet, known, seen, self.moves, self._ended, ours)
        self._advance(world, sent=sent)
        self._find_strays(fleet, now)
        if polled:
            self.decided = self._decide(world)
            self._begin(world, sent=sent)
        parts.journal.show(world, self.decided, self.waiting, sent=sent)

    def pause(self) -> float:
        options = self._parts.conf.migrator
        busy = any(m.occupies for m in self.moves.values())
        return float(options.step_interval if busy else options.poll_interval)

    # -- the steps of a tick -----------------------------------------------

    def _leads(self) -> bool:
        leads = self._parts.leader.acquire()
        self._parts.metrics.leading.set(leads)
        if not leads:
            # They are another migrator's now.
            self.moves, self.decided = {}, decide.NOTHING
            self._leading = False
            self._parts.inventory.forget()
            self._parts.dispatcher.forget()
            self._parts.journal.stand_by()
        return leads

    def _take_over(
        self,
        fleet: Fleet,
        usable: Signals,
        ours: tuple[Migration, ...],
        now: float,
    ) -> None:
        """Know every move in flight, and remove tags that forge one."""
        self.moves = takeover.moves(
            fleet,
            self.moves,
            usable,
            ours,
            self._parts.rules.limit,
            now,
            first=not self._leading,
            known=self._known,
        )
        self._leading, self._known = True, fleet.servers
        for server in takeover.forged(fleet, self.moves)[:STRIPPED_AT_ONCE]:
            LOG.warning(
                'Its tag %s is not ours.',
                tags.ours(server.tags),
                instance_uuid=server.server_id,
            )
            self._parts.inventory.look_again(server.server_id)
            try:
                self._parts.stages.strip(server)
            except NovaError as error:
                # It holds nobody else; the next tick tries again.
                LOG.warning(
                    'Not removed: %s', error, instance_uuid=server.server_id
                )

    def _find_strays(self, fleet: Fleet, now: float) -> None:
        """After the ways back that are known: it may take its time."""
        detached = self._sweep.look(now)
        for server in state.strays(detached, self.moves, fleet):
            server_id = server.server_id
            ended = self._ended.get(server_id)
            if (
                server_id not in fleet.servers
                and ended is not None
                and ended.outcome is Outcome.GONE
            ):
                # Deleted, and put back; its orchestrator may list it for days.
                continue
            before = self.moves.get(server_id)
            self._servers[server_id] = server
            self.moves[server_id] = state.undo(server, now, before)

    def _advance(self, world: World, *, sent: bool) -> None:
        servers = world.fleet.servers
        self._servers |= {s: servers[s] for s in self.moves if s in servers}
        self.waiting = []
        for move in sorted(self.moves.values(), key=admission.order):
            server_id = move.server_id
            waits = self._wait_for(move, world, sent=sent)
            known = state.Facts(
                now=world.now,
                server=servers.get(server_id),
                last_known=self._servers[server_id],
                migration=migration_of(move, world.fleet),
                signal=world.usable.servers.get(server_id),
                wait_for=waits.why if waits else '',
                give_up=admission.give_up(waits),
            )
            try:
                after = self._parts.stages.advance(move, known)
            except (NovaError, NovaRefused) as error:
                LOG.warning(
                    'Its move waits at %s: %s',
                    move.stage,
                    error,
                    instance_uuid=server_id,
                )
            else:
                self._keep(move, after)

    def _wait_for(
        self, move: Move, world: World, *, sent: bool
    ) -> Refusal | None:
        """Why a move that is at DRAIN must not go on to Nova now."""
        if move.stage is not Stage.DRAIN:
            return None
        dry_run = self._parts.conf.migrator.dry_run
        rules = self._parts.rules.limit
        waits = admission.wait_for(
            move, world, rules, sent=sent, dry_run=dry_run
        )
        if waits is not None:
            self.waiting.append(waits)
        return waits

    def _decide(self, world: World) -> decide.Decision:
        history = self._parts.rules.limit.history
        for server_id, ended in list(self._ended.items()):
            if ended.at < world.now - history:
                del self._ended[server_id]
        if self._poller.trouble is not None:
            return decide.blind(self._poller.trouble)
        return decide.decide(world, self.decided.watches, self._parts.rules)

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

    def _begin(self, world: World, *, sent: bool) -> None:
        admitted = self.decided.admitted
        if self._parts.conf.migrator.dry_run:
            self._parts.journal.would_begin(admitted)
            return
        if not sent:
            self.waiting += map(admission.untold, admitted)
            return
        for move in admitted:
            server = world.fleet.servers[move.server_id]
            try:
                begun = self._parts.stages.begin(move, server, world.now)
            except (NovaError, NovaRefused, ServerGone) as error:
                ended = Ended(move, Outcome.NOT_STARTED, world.now, str(error))
                self._ended[move.server_id] = ended
                self._parts.journal.ended(ended)
                continue
            self.moves[move.server_id] = begun
            self._servers[move.server_id] = server
            self._parts.journal.stage(begun)
