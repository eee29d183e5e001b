"""Notifications of what happens to a server, over oslo.messaging.

Event types are ``steal_scheduler.move.<stage>`` when a move reaches a stage,
``steal_scheduler.move.reattach_blocked`` when its orchestrator does not take
the server back, ``steal_scheduler.move.end`` when it is over, and
``steal_scheduler.move.planned`` for what a dry run would have done.
"""

import socket
from typing import Any

import oslo_messaging
from oslo_context import context
from oslo_log import log

from steal_scheduler.messaging.view import transport
from steal_scheduler.model.move import Ended, Move, Outcome

LOG = log.getLogger(__name__)

PUBLISHER = 'steal-migrator'


class Notifier:
    def __init__(self, conf: Any) -> None:
        """Use ``[oslo_messaging_notifications]``; no driver is silence."""
        # One try: a notification carries no truth and must not hold a tick.
        self._notifier = oslo_messaging.Notifier(
            transport(oslo_messaging.get_notification_transport, conf),
            publisher_id=f'{PUBLISHER}.{socket.gethostname()}',
            retry=1,
        )
        self._dry_run: bool = conf.migrator.dry_run

    def planned(self, move: Move) -> None:
        self._send('planned', self._payload(move))

    def stage(self, move: Move) -> None:
        self._send(str(move.stage), self._payload(move))

    def reattach_blocked(self, move: Move) -> None:
        payload = self._payload(move) | {'detail': move.trouble}
        self._send('reattach_blocked', payload, bad=True)

    def ended(self, ended: Ended) -> None:
        payload = self._payload(ended.move) | {
            'outcome': str(ended.outcome),
            'detail': ended.detail,
            'steal_after': ended.steal_after,
        }
        bad = ended.outcome is Outcome.FAILED
        self._send('end', payload, bad=bad)

    def _payload(self, move: Move) -> dict[str, Any]:
        return {
            'server_id': move.server_id,
            'stage': str(move.stage),
            'source': move.source,
            'target': move.target,
            'zone': move.server.zone,
            'role': move.server.role,
            'reason': move.reason,
            'failure': move.failure,
            'steal_before': move.steal_before,
            'since': move.since,
            'dry_run': self._dry_run,
        }

    def _send(
        self, event: str, payload: dict[str, Any], *, bad: bool = False
    ) -> None:
        send = self._notifier.error if bad else self._notifier.info
        try:
            send(
                context.RequestContext(),
                f'steal_scheduler.move.{event}',
                payload,
            )
        except (oslo_messaging.MessagingException, OSError) as error:
            LOG.warning(
                'Notification %s of server %s was not sent: %s',
                event,
                payload['server_id'],
                error,
                instance_uuid=payload['server_id'],
            )
