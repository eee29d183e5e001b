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

from steal_scheduler.messaging.view import failures, transport
from steal_scheduler.model.move import Move

LOG = log.getLogger(__name__)

PUBLISHER = 'steal-migrator'
#: Of a move, in every payload; doc/source/reference/notifications.rst tells
#: what they are.
_FIELDS = 'server_id source target reason failure steal_before since'.split()


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

    def send(
        self, event: str, move: Move, *, bad: bool = False, **more: Any
    ) -> None:
        """Send one, for example ``steal_scheduler.move.end``.

        :param bad: a person should look: with the priority ``error``
        :param more: of the payload, besides what is known of every move
        """
        payload = {name: getattr(move, name) for name in _FIELDS}
        payload |= {
            'stage': str(move.stage),
            'zone': move.server.zone,
            'project_id': move.server.project_id,
            'role': move.server.role,
            'dry_run': self._dry_run,
            **more,
        }
        send = self._notifier.error if bad else self._notifier.info
        try:
            send(
                context.RequestContext(),
                f'steal_scheduler.move.{event}',
                payload,
            )
        except failures() as error:
            LOG.warning(
                'Notification %s of server %s was not sent: %s',
                event,
                move.server_id,
                error,
                instance_uuid=move.server_id,
            )
