"""What the migrator says: to the log, the metrics and the message bus.

Each thing is said once, when it changes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from oslo_log import log

from steal_scheduler.decision.decide import NOTHING, Decision
from steal_scheduler.decision.disruption_budget import OutRules
from steal_scheduler.decision.host_checks import Doubt
from steal_scheduler.decision.host_trust import Distrust
from steal_scheduler.decision.snapshot import World
from steal_scheduler.messaging.notifier import Notifier
from steal_scheduler.model.move import Ended, Move, Stage
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.reporting.metrics import Metrics

LOG = log.getLogger(__name__)


def _names(hosts: Sequence[str]) -> str:
    """A sentence's worth of them: an outage has all hosts of a cloud."""
    more = f' and {len(hosts) - 5} more hosts' if len(hosts) > 5 else ''
    return ', '.join(hosts[:5]) + more


class Journal:
    def __init__(
        self,
        metrics: Metrics,
        notifier: Notifier,
        rules: OutRules,
        *,
        dry_run: bool,
    ) -> None:
        self._metrics = metrics
        self._notifier = notifier
        self._rules = rules
        self._dry_run = dry_run
        #: Moves that are stuck, and somebody was told: id and stage.
        self._alarmed: set[tuple[str, Stage]] = set()
        self._decided = NOTHING
        self._distrust: Mapping[str, Distrust] = {}
        self._planned: frozenset[str] = frozenset()

    def stage(self, move: Move) -> None:
        """A move has reached a stage."""
        self._notifier.stage(move)
        LOG.info(
            'Its move from %s to %s is at %s: %s.',
            move.source,
            move.target or 'where Nova chooses',
            move.stage,
            move.failure or move.reason,
            instance_uuid=move.server_id,
        )

    def ended(self, ended: Ended) -> None:
        move = ended.move
        self._metrics.count_end(ended)
        self._notifier.ended(ended)
        LOG.info(
            'Its move from %s to %s is over: %s, %s.',
            move.source,
            move.target,
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
                    'Dry run: it would move away from %s: %s.',
                    move.source,
                    move.reason,
                    instance_uuid=move.server_id,
                )
        self._planned = frozenset(move.server_id for move in moves)

    def stand_by(self) -> None:
        """Another migrator is at work: what was shown is not ours to say."""
        self._decided, self._distrust = NOTHING, {}
        self._alarmed = set()
        self._metrics.clear()

    def show(
        self,
        world: World,
        decided: Decision,
        waiting: Sequence[Refusal],
        *,
        sent: bool,
    ) -> None:
        """The end of a tick."""
        self._log_changes(decided)
        self._log_distrust(world)
        self._alarm(world)
        metrics = self._metrics
        metrics.dry_run.set(self._dry_run)
        metrics.sent.set(sent)
        metrics.coverage.set(decided.coverage)
        metrics.findings.set(len(decided.findings))
        metrics.show_moves(world.moves.values())
        metrics.show_refusals([*decided.refusals, *waiting])
        metrics.show_saturations(decided.saturations)
        metrics.show_view(world.view)
        metrics.show_distrust(world.known.distrust.values())

    def _log_changes(self, decided: Decision) -> None:
        before, self._decided = self._decided, decided
        said = {(r.why, r.server_id) for r in before.refusals}
        for refusal in decided.refusals:
            if (refusal.why, refusal.server_id) not in said:
                self._log_refusal(refusal)
        zones = {s.zone for s in before.saturations}
        for saturation in decided.saturations:
            if saturation.zone not in zones:
                LOG.warning(
                    'Zone %s is saturated: moving cannot help, %.1f cores '
                    'are short.',
                    saturation.zone,
                    saturation.cores_short,
                )

    def _log_distrust(self, world: World) -> None:
        distrust = world.known.distrust
        before, self._distrust = self._distrust, distrust
        for why in Doubt:
            new = [
                found
                for host, found in distrust.items()
                if found.why is why
                and (host not in before or before[host].why is not why)
            ]
            if new:
                LOG.warning(
                    'Not believed any more (%s): %s. %s: %s.',
                    why,
                    _names([found.host for found in new]),
                    new[0].host,
                    new[0].detail,
                )
        again = (before.keys() & world.fleet.hosts) - distrust.keys()
        if again:
            LOG.info('Believed again: %s.', _names(sorted(again)))

    def _alarm(self, world: World) -> None:
        """Call a person for each server that should be back, once."""
        stuck = {
            (move.server_id, move.stage): move
            for move in world.moves.values()
            if move.stuck(world.now, self._rules.reattach_alarm)
        }
        for key, move in stuck.items():
            if key not in self._alarmed:
                self._notifier.reattach_blocked(move)
                LOG.error(
                    'It can not be put back into its orchestrator: %s',
                    move.trouble or 'it takes too long',
                    instance_uuid=move.server_id,
                )
        self._alarmed = set(stuck)
        self._metrics.stuck.set(len(stuck))

    @staticmethod
    def _log_refusal(refusal: Refusal) -> None:
        about: dict[str, Any] = {}
        if refusal.server_id:
            about['instance_uuid'] = refusal.server_id
        detail = refusal.detail.rstrip('.')
        # The whole cloud, held up, wants a person; one server does not.
        level = log.INFO if refusal.server_id else log.WARNING
        LOG.log(level, 'No (%s): %s.', refusal.why, detail, **about)
