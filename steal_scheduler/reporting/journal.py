"""The journal: what the migrator tells log, metrics and notifications.

Each thing is said once, when it changes.
"""

from collections.abc import Mapping, Sequence

from oslo_log import log

from steal_scheduler.decision.decide import NOTHING, Decision
from steal_scheduler.decision.host_checks import HostCheck, UnreliableHost
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.messaging.notifier import Notifier
from steal_scheduler.model.move import Ended, Move, Stage
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.reporting.metrics import Metrics

LOG = log.getLogger(__name__)


class Journal:
    """Remembers what it has said."""

    def __init__(self, metrics: Metrics, notifier: Notifier) -> None:
        self._metrics = metrics
        self._notifier = notifier
        #: Blocked reattaches that somebody was told of: id and stage.
        self._alarmed: set[tuple[str, Stage]] = set()
        self._decided = NOTHING
        self._unreliable: Mapping[str, UnreliableHost] = {}
        self._planned: frozenset[str] = frozenset()

    def stage(self, move: Move) -> None:
        """A move has reached a stage."""
        self._notifier.stage(move)
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
        self._metrics.ended.labels(ended.outcome).inc()
        self._notifier.ended(ended)
        LOG.info(
            'Move of server %s from host %s %s ended: %s: %s.',
            move.server.label,
            move.source,
            f'to host {move.target}' if move.target else 'to no host',
            ended.outcome,
            ended.detail,
            instance_uuid=move.server_id,
        )

    def would_begin(self, moves: tuple[Move, ...]) -> None:
        """What a dry run would have done."""
        for move in moves:
            if move.server_id not in self._planned:
                self._notifier.planned(move)
                LOG.info(
                    'Dry run: server %s would move away from host %s: %s.',
                    move.server.label,
                    move.source,
                    move.reason,
                    instance_uuid=move.server_id,
                )
        self._planned = frozenset(move.server_id for move in moves)

    def standby(self) -> None:
        """Another migrator leads: what was shown is not ours to say."""
        self._decided, self._unreliable = NOTHING, {}
        self._alarmed = set()
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
        self._log_changes(snapshot, decided)
        self._log_unreliable(snapshot)
        blocked = self._alarm(snapshot)
        waiting = [m.waits for m in snapshot.moves.values() if m.waits]
        refusals = [*decided.refusals, *waiting, *not_sent]
        self._metrics.show(snapshot, decided, refusals, blocked)

    def _log_changes(self, snapshot: Snapshot, decided: Decision) -> None:
        before, self._decided = self._decided, decided
        logged = {(r.reason, r.server_id) for r in before.refusals}
        for refusal in decided.refusals:
            if (refusal.reason, refusal.server_id) not in logged:
                _log_refusal(refusal, snapshot)
        zones = {s.zone for s in before.saturations}
        for saturation in decided.saturations:
            if saturation.zone not in zones:
                LOG.warning(
                    'Zone %s is saturated: moving cannot help, %.1f cores '
                    'are short.',
                    saturation.zone,
                    saturation.cores_short,
                )

    def _log_unreliable(self, snapshot: Snapshot) -> None:
        unreliable = snapshot.unreliable
        before, self._unreliable = self._unreliable, unreliable
        for reason in HostCheck:
            new = [
                found
                for host, found in unreliable.items()
                if found.reason is reason
                and (host not in before or before[host].reason is not reason)
            ]
            if new:
                LOG.warning(
                    'Metrics of %s marked unreliable (reason=%s). %s: %s.',
                    _names([found.host for found in new]),
                    reason,
                    new[0].host,
                    new[0].detail,
                )
        again = (before.keys() & snapshot.fleet.hosts) - unreliable.keys()
        if again:
            LOG.info(
                'Metrics of %s are reliable again.', _names(sorted(again))
            )

    def _alarm(self, snapshot: Snapshot) -> int:
        """Call a person for each server that should be back, once.

        :returns: how many there are
        """
        blocked = {
            (move.server_id, move.stage): move
            for move in snapshot.moves.values()
            if move.reattach_blocked(
                snapshot.now, snapshot.rules.reattach_alarm
            )
        }
        for key, move in blocked.items():
            if key not in self._alarmed:
                self._notifier.reattach_blocked(move)
                LOG.error(
                    'Server %s cannot be reattached to its orchestrator: %s',
                    move.server.label,
                    move.trouble or 'it takes too long',
                    instance_uuid=move.server_id,
                )
        self._alarmed = set(blocked)
        return len(blocked)


def _log_refusal(refusal: Refusal, snapshot: Snapshot) -> None:
    detail = refusal.detail.rstrip('.')
    if refusal.server_id is None:
        # The whole cloud, held up, wants a person; one server does not.
        LOG.warning(
            'Migrator suspended: reason=%s: %s.', refusal.reason, detail
        )
        return
    server = snapshot.fleet.servers.get(refusal.server_id)
    LOG.info(
        'Server %s not moved: reason=%s: %s.',
        server.label if server else refusal.server_id,
        refusal.reason,
        detail,
        instance_uuid=refusal.server_id,
    )


def _names(hosts: Sequence[str]) -> str:
    """A sentence's worth of them: an outage has all hosts of a cloud."""
    more = f' and {len(hosts) - 5} more' if len(hosts) > 5 else ''
    return f'host{"s" * (len(hosts) > 1)} {", ".join(hosts[:5])}{more}'
