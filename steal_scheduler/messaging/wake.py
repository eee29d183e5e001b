"""Nova's notifications wake the loop early. They carry no truth.

What happened is read from Nova's API; a lost notification costs one tick.
"""

import threading
from typing import Any

import oslo_messaging
from oslo_log import log

from steal_scheduler.messaging.view import bus

LOG = log.getLogger(__name__)

TOPIC = 'versioned_notifications'
EXCHANGE = 'nova'
POOL = 'steal-scheduler'

#: How Nova says that a live migration is over, one way or the other.
_ENDS = (
    'instance.live_migration_post_dest.end',
    'instance.live_migration_rollback.end',
    'instance.live_migration_abort.end',
    'compute_task.migrate_server.error',
)


class Waker:
    """Sets an event when a migration that we asked for is over."""

    #: Request ids are forgotten oldest first beyond so many.
    _REMEMBERED = 1000

    def __init__(self, event: threading.Event) -> None:
        self._event = event
        self._requests: dict[str, None] = {}
        self._listener: Any = None

    def expect(self, request_id: str) -> None:
        """Take note of the request id of a migration that we asked for."""
        self._requests[request_id] = None
        while len(self._requests) > self._REMEMBERED:
            self._requests.pop(next(iter(self._requests)))

    def listen(self, conf: Any) -> None:
        """Begin to listen, in threads of oslo.messaging."""
        self._listener = oslo_messaging.get_notification_listener(
            bus(oslo_messaging.get_notification_transport, conf),
            [oslo_messaging.Target(topic=TOPIC, exchange=EXCHANGE)],
            [self],
            pool=POOL,
        )
        self._listener.start()

    def stop(self) -> None:
        if self._listener is not None:
            self._listener.stop()
            self._listener.wait()

    def info(
        self,
        ctxt: dict[str, Any],
        publisher_id: str,
        event_type: str,
        payload: dict[str, Any],
        metadata: dict[str, Any],
    ) -> Any:
        """An endpoint of oslo.messaging."""
        if event_type in _ENDS and self._asked_for(ctxt, payload):
            LOG.debug('Woken by %s', event_type)
            self._event.set()
        return oslo_messaging.NotificationResult.HANDLED

    #: Nova sends failures at error priority.
    error = info

    def _asked_for(
        self, ctxt: dict[str, Any], payload: dict[str, Any]
    ) -> bool:
        data = payload.get('nova_object.data', {})
        told = (ctxt.get('request_id'), data.get('request_id'))
        return any(request_id in self._requests for request_id in told)
