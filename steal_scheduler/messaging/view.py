"""Send the view from the migrator to every nova-scheduler worker.

The scheduler imports it too, so nothing of Nova is imported here.
"""

import contextlib
import functools
import importlib
from collections.abc import Callable
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_log import log

from steal_scheduler.exception import ConfigError
from steal_scheduler.messaging import view_format
from steal_scheduler.model.host_view import View

LOG = log.getLogger(__name__)

EXCHANGE = 'steal_scheduler'
TOPIC = 'steal_scheduler_view'
#: Of the call, not of what it carries: ``view_format.VERSION`` tells that,
#: and an unknown one is told apart without an RPC error for every message.
RPC_VERSION = '1.0'


def target(
    server: str | None = None, topic: str = TOPIC
) -> oslo_messaging.Target:
    """Where to listen, or where to send.

    :param server: the listener's host. NOTE: not unique for each process.
        Each name leaves a queue in the broker that never expires; views
        come through a fanout queue that the driver names itself.
    :returns: for a sender (no ``server``), one that reaches every listener
    """
    return oslo_messaging.Target(
        exchange=EXCHANGE,
        topic=topic,
        version=RPC_VERSION,
        server=server,
        fanout=server is None,
    )


def transport(get_transport: Callable[[Any], Any], conf: Any) -> Any:
    """The transport of the configuration.

    :raises ConfigError: its URL cannot be used. The message does not repeat
        what is wrong with it, which may be the password.
    """
    try:
        return get_transport(conf)
    except (oslo_messaging.MessagingException, ValueError) as error:
        raise ConfigError(
            '[DEFAULT] transport_url (or that of '
            '[oslo_messaging_notifications]) cannot be used: '
            f'{type(error).__name__}. Write it as in nova.conf, like '
            'rabbit://USER:PASSWORD@HOST:5672/.'
        ) from None


@functools.cache
def failures() -> tuple[type[Exception], ...]:
    """What it ends in when a broker does not take what is sent.

    NOTE: where a process has not connected yet, oslo.messaging lets an error
    of kombu through, of which its own rabbit driver is made.
    """
    found: tuple[type[Exception], ...]
    found = oslo_messaging.MessagingException, OSError
    with contextlib.suppress(ImportError):
        kombu = importlib.import_module('kombu.exceptions')
        found += (kombu.KombuError,)
    return found


class Sender:
    """A fanout cast on Nova's own message bus."""

    def __init__(self, conf: Any) -> None:
        """Use ``[DEFAULT] transport_url``; the first cast connects."""
        bus = transport(oslo_messaging.get_rpc_transport, conf)
        register_missing_options(conf)
        # One try: a broker that is down must not hold the tick, and the
        # next tick sends a better view.
        self._client = oslo_messaging.get_rpc_client(bus, target(), retry=1)
        self._sent: bool | None = None

    def send(self, view: View) -> bool:
        """Whether the broker took it; without, no migration is asked for."""
        before, self._sent = self._sent, True
        try:
            self._client.cast({}, 'view', view=view_format.encode(view))
        except failures() as error:
            self._sent = False
            if before is not False:
                LOG.error(
                    'The view reaches no nova-scheduler, so nothing moves: '
                    '%s. Check [DEFAULT] transport_url.',
                    error,
                )
        if self._sent and before is False:
            LOG.info('The view reaches nova-scheduler again.')
        return self._sent


def register_missing_options(conf: Any) -> None:
    """Let oslo.messaging 18.3 cast with a configuration that is not global.

    NOTE: it registers some of its options in the global one only, and then
    looks for them here at each cast. They are off by default.
    """
    for group, name in (
        ('oslo_messaging_tracing', 'tracing_enabled'),
        ('oslo_messaging_metrics', 'metrics_enabled'),
    ):
        with contextlib.suppress(cfg.DuplicateOptError):
            conf.register_opt(cfg.BoolOpt(name, default=False), group=group)
