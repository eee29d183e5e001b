"""Notifications of what happens to a server, over oslo.messaging.

Event types are ``steal_scheduler.move.<stage>`` when a move reaches a stage,
``steal_scheduler.move.reattach_blocked`` when its orchestrator does not take
the server back, ``steal_scheduler.move.end`` when it is over, and
``steal_scheduler.move.planned`` for what a dry run would have done.
``steal_scheduler.audit`` is whatever ``reporting/audit.py`` tells.
"""

import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

import oslo_messaging
from oslo_log import log

from steal_scheduler.messaging.view import failures, transport
from steal_scheduler.model.move import Move

LOG = log.getLogger(__name__)

PUBLISHER = 'steal-migrator'
#: Seconds for which the audit is not sent after it took so many to send one.
SILENCE, SLOW = 60.0, 2.0
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
        #: Until when the audit is not sent: the bus is slow.
        self._silent_until = 0.0

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
        self._send(send, f'move.{event}', payload)

    def audit(self, event: Mapping[str, Any]) -> None:
        """Send what the audit log says; it has all of it.

        There may be many in one tick, and with a broker that is down each
        takes its time. oslo.messaging says nothing of that; so one that is
        slow is the last for a minute.
        """
        begun = time.monotonic()
        if begun >= self._silent_until:
            self._send(self._notifier.info, 'audit', {**event})
            ended = time.monotonic()
            if ended - begun > SLOW:
                self._silent_until = ended + SILENCE

    def _send(
        self,
        send: Callable[..., None],
        event: str,
        payload: dict[str, Any],
    ) -> None:
        try:
            # NOTE: no RequestContext, which would stay behind: the log would
            # say of each line after it that it is of a request.
            send({}, f'steal_scheduler.{event}', payload)
        except failures() as error:
            LOG.warning(
                'Notification steal_scheduler.%s was not sent: %s',
                event,
                error,
                instance_uuid=payload.get('server_id'),
            )
