"""The journal: what the migrator tells log, metrics and notifications.

Each thing is said once, when it changes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from oslo_log import log

from steal_scheduler.decision import pauses, told
from steal_scheduler.decision.decide import Decision
from steal_scheduler.decision.host_checks import HostCheck
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.stalled import stalled
from steal_scheduler.edge.text import without_request_id
from steal_scheduler.exception import NovaFault
from steal_scheduler.messaging.notifier import Notifier
from steal_scheduler.model.move import Ended, Move, Outcome, Stage
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.model.relief import Relief
from steal_scheduler.model.until import iso
from steal_scheduler.reporting.audit import Audit
from steal_scheduler.reporting.emptied import log_emptied
from steal_scheduler.reporting.ignored import log_ignored
from steal_scheduler.reporting.metrics import Metrics
from steal_scheduler.reporting.past_moves import PastLog
from steal_scheduler.reporting.paused import log_pauses
from steal_scheduler.reporting.refused import log_refusals, log_saturations
from steal_scheduler.reporting.schedulers import host_names, log_schedulers
from steal_scheduler.reporting.waiting import log_planned, log_waiting

LOG = log.getLogger(__name__)

_T = TypeVar('_T')

#: Seconds until somebody should have taken a view.
UNHEARD = 60.0


class Journal:
    """Remembers what it has said."""

    def __init__(self, metrics: Metrics, notifier: Notifier) -> None:
        self._metrics = metrics
        self._notifier = notifier
        self.audit = Audit(notifier)
        #: Moves that are over; for the history.
        self.past = PastLog()
        #: What there was at the tick before, by kind: see ``_new``.
        self._said: dict[str, Mapping[Any, Any]] = {}
        #: Since when views are sent and nobody takes them.
        self._unheard_since: float | None = None

    def stage(self, move: Move) -> None:
        """A move has reached a stage."""
        self._notifier.send(move.stage, move)
        if move.stage is Stage.DRAIN:
            self.audit.began(move)
        LOG.info(
            'Move of server %s from host %s to %s entered stage %s: %s.',
            move.server.label,
            move.source,
            f'host {move.target}'
            if move.target
            else "a host of Nova's choice",
            move.stage,
            move.failure or move.reason,
            instance_uuid=move.server_id,
        )

    def ended(self, ended: Ended) -> None:
        move = ended.move
        self._metrics.move_ended(ended)
        self.audit.ended(ended)
        self.past.add(ended)
        self._notifier.send(
            'end',
            move,
            bad=ended.outcome is Outcome.FAILED,
            outcome=str(ended.outcome),
            detail=ended.detail,
            steal_after=ended.steal_after,
            target_steal_before=ended.harm.before if ended.harm else None,
            target_steal_after=ended.harm.after if ended.harm else None,
            seconds_out_of_service=ended.seconds_out,
            copied_mb=ended.copied_mb,
        )
        LOG.info(
            'Move of server %s from host %s %s ended: %s',
            move.server.label,
            move.source,
            f'to host {move.target}' if move.target else 'to no host',
            ended.told,
            instance_uuid=move.server_id,
        )

    def relieved(self, ended: Ended, relief: Relief) -> None:
        """What a move has brought, a while after it ended."""
        self.past.add(ended)
        if not relief.seconds:
            # Nobody has measured it, and 0 would be a claim.
            return
        move = ended.move
        self._metrics.move_followed(move.server.zone or '', relief)
        self.audit.relieved(ended, relief)
        self._notifier.send(
            'relief',
            move,
            outcome=str(ended.outcome),
            relief_core_seconds=relief.core_seconds,
            seconds=relief.seconds,
        )
        LOG.info(
            'Move of server %s from host %s to host %s: within %.0f s their '
            'servers waited for %.0f core-seconds %s than without it.',
            move.server.label,
            move.source,
            move.target,
            relief.seconds,
            abs(relief.core_seconds),
            'more' if relief.core_seconds < 0 else 'less',
            instance_uuid=move.server_id,
        )

    def stuck(self, found: Iterable[tuple[Move, NovaFault]]) -> None:
        """Moves whose step Nova did not let be made, and why."""
        known = {
            (m.server_id, m.stage, without_request_id(error)): (m, error)
            for m, error in found
        }
        for move, error in self._new('stuck', known):
            LOG.warning(
                'Move of server %s waits in stage %s: %s',
                move.server.label,
                move.stage,
                error,
                instance_uuid=move.server_id,
            )

    def would_begin(self, moves: Iterable[Move]) -> None:
        """What a dry run would have done."""
        for move in self._new('planned', {m.server_id: m for m in moves}):
            self._notifier.send('planned', move, dry_run=True)
            log_planned(move)

    def waits(self, event: str, move: Move, until: float) -> None:
        """A move is ``proposed``, or its owner is given a ``notice``."""
        self._notifier.send(event, move, until=iso(until))
        log_waiting(event, move, until)

    def standby(self) -> None:
        """Another migrator leads: what was shown is not ours to say."""
        self._said, self._unheard_since = {}, None
        self.audit.forget()
        self._metrics.show(None)

    def show(
        self,
        snapshot: Snapshot,
        decided: Decision,
        not_sent: Sequence[Refusal] = (),
    ) -> None:
        """The end of a tick.

        :param not_sent: why what was admitted did not begin
        """
        refused = {(r.reason, r.server_id): r for r in decided.refusals}
        log_refusals(self._new('refused', refused), snapshot)
        saturated = {(s.zone, s.scarce): s for s in decided.saturations}
        log_saturations(self._new('saturated', saturated))
        self._log_unread(snapshot)
        now = {pause: pause for pause in pauses.in_force(snapshot)}
        over = self._said.get('pauses', {}).keys() - now.keys()
        log_pauses(self._new('pauses', now), over, snapshot)
        log_emptied(self._said, decided.refusals, snapshot)
        ignored = {each: each for each in snapshot.fleet.policies.ignored}
        log_ignored(self._new('ignored', ignored))
        self._log_unreliable(snapshot)
        if snapshot.sent and not snapshot.rules.dry_run:
            self._log_schedulers(snapshot)
        self.audit.show(snapshot, decided)
        blocked = self._alarm(snapshot)
        waiting = [m.waits for m in snapshot.moves.values() if m.waits]
        refusals = [*decided.refusals, *waiting, *not_sent]
        self._metrics.show(snapshot, decided, refusals, blocked)

    def _new(self, what: str, now: Mapping[Any, _T]) -> list[_T]:
        """What there is now, and was not there at the tick before.

        For example web-1 was refused as locked, and so are web-1 and web-2
        now: web-2 is new. When web-1 cools down instead, that is new as well,
        for the key of a refusal is its reason and its server.

        :param what: by which it is remembered
        """
        before = self._said.get(what, {})
        self._said[what] = now
        return [value for key, value in now.items() if key not in before]

    def _log_unread(self, snapshot: Snapshot) -> None:
        """That a cell is down, once: it may have ten thousand servers."""
        unread = snapshot.fleet.unread_servers
        before = self._said.get('unread')
        if self._new('unread', {'': True} if unread else {}):
            LOG.warning(
                'Nova does not tell of %d server%s now (%s): none of them '
                'begins a move, and moves in flight wait where Nova may '
                'migrate them. Is a cell down? See "nova-manage cell_v2 '
                'list_cells".',
                len(unread),
                's' * (len(unread) > 1),
                min(unread) + ', ...' * (len(unread) > 1),
            )
        elif before and not unread:
            LOG.info('Nova tells of all servers again.')

    def _log_unreliable(self, snapshot: Snapshot) -> None:
        before = {host for host, _ in self._said.get('unreliable', {})}
        found = {(u.host, u.reason): u for u in snapshot.unreliable.values()}
        new = self._new('unreliable', found)
        for reason in HostCheck:
            if alike := [u for u in new if u.reason is reason]:
                LOG.warning(
                    'Metrics of %s marked unreliable (reason=%s). %s: %s.',
                    host_names([u.host for u in alike]),
                    reason,
                    alike[0].host,
                    alike[0].detail,
                )
        again = (
            before & snapshot.fleet.hosts.keys()
        ) - snapshot.unreliable.keys()
        if again:
            LOG.info(
                'Metrics of %s are reliable again.', host_names(sorted(again))
            )

    def _log_schedulers(self, snapshot: Snapshot) -> None:
        """Who takes the views, and what is missing there."""
        recent = [s for s in snapshot.schedulers.values() if s.recent]
        hosts = len(snapshot.fleet.hosts)
        found = {
            (s.host, s.classes, s.max_placement_results < hosts): s
            for s in recent
        }
        new = self._new('schedulers', found)
        log_schedulers(new, hosts)
        behind = {host: host for host in told.given_up(snapshot)}
        if late := self._new('behind', behind):
            LOG.warning(
                'Moves do not wait any more for nova-scheduler of %s: it has '
                'taken no view for %g s or more, and may place servers by an '
                'older one. Was it restarted? Else look for views in its log.',
                host_names(late),
                told.PATIENCE,
            )
        if recent or self._unheard_since is None:
            self._unheard_since = snapshot.now
        unheard = snapshot.now - self._unheard_since >= UNHEARD
        if self._new('unheard', {'': True} if unheard else {}):
            LOG.warning(
                'Views are sent, and no nova-scheduler takes them, so it '
                'places servers as if there were none. Check that its '
                'nova.conf enables StealFilter and StealWeigher, that it was '
                'restarted since, and what its log says of views.'
            )

    def _alarm(self, snapshot: Snapshot) -> int:
        """Call a person for each server that should be back, once.

        :returns: how many there are
        """
        alarm, moves = snapshot.rules.reattach_alarm, snapshot.moves.values()
        blocked = {
            (move.server_id, move.stage): (move, move.trouble)
            for move in moves
            if move.reattach_blocked(snapshot.now, alarm)
        }
        text = 'Server %s cannot be reattached to its orchestrator: %s'
        self._call('reattach_blocked', text, blocked)
        waiting = {
            (move.server_id, move.stage): (move, why)
            for move in moves
            if (why := stalled(move, snapshot))
        }
        self._call('stalled', 'Move of server %s needs a person: %s.', waiting)
        return len(blocked)

    def _call(
        self, event: str, text: str, found: Mapping[Any, tuple[Move, str]]
    ) -> None:
        """Notify a person of those that are new."""
        for move, why in self._new(event, found):
            self._notifier.send(event, move, bad=True, detail=why)
            said = move.server.label, why or 'it takes too long'
            LOG.error(text, *said, instance_uuid=move.server_id)
