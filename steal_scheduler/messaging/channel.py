"""Where a view travels from the migrator to every nova-scheduler worker.

Nothing of Nova is imported here: the sender needs these names as well.
"""

import oslo_messaging

EXCHANGE = 'steal_scheduler'
TOPIC = 'steal_scheduler_view'
#: Of the call, not of what it carries: ``wire.VERSION`` tells that, and an
#: unknown one is told apart without an RPC error for every message.
VERSION = '1.0'


def target(server: str | None = None) -> oslo_messaging.Target:
    """Where to listen, or where to send.

    :param server: the listener's host. NOTE: not unique for each process.
        Each name leaves a queue in the broker that never expires; views
        come through a fanout queue that the driver names itself.
    :returns: for a sender (no ``server``), one that reaches every listener
    """
    return oslo_messaging.Target(
        exchange=EXCHANGE,
        topic=TOPIC,
        version=VERSION,
        server=server,
        fanout=server is None,
    )
