"""One process of the RabbitMQ test: it casts, or it listens.

``python -m tests.integration.fanout_probe URL cast`` sends each line of its
input to all that listen; ``... URL listen`` prints what it received.
"""

import sys
from typing import Any

from oslo_config import cfg
from oslo_service import backend

# NOTE: oslo.messaging selects a backend when it is imported, and that would
# be eventlet's.
backend.init_backend(backend.BackendType.THREADING)

import oslo_messaging  # noqa: E402

TOPIC = 'steal_probe'


class Endpoint:
    def said(self, context: dict[str, Any], line: str) -> None:
        print(line, flush=True)


def main(url: str, role: str) -> None:
    # NOTE: oslo.messaging 18 registers its options for tracing and metrics
    # here only; with a conf of its own, every cast ends in NoSuchOptError.
    conf = cfg.CONF
    conf([])
    transport = oslo_messaging.get_rpc_transport(conf, url)
    for name in 'rabbit_retry_interval', 'rabbit_interval_max':
        conf.set_override(name, 1, group='oslo_messaging_rabbit')
    if role == 'listen':
        server = oslo_messaging.get_rpc_server(
            transport,
            oslo_messaging.Target(topic=TOPIC, server=role),
            [Endpoint()],
        )
        server.start()
        sys.stdin.read()
        return
    client = oslo_messaging.get_rpc_client(
        transport, oslo_messaging.Target(topic=TOPIC, fanout=True)
    )
    for line in sys.stdin:
        client.cast({}, 'said', line=line.strip())


if __name__ == '__main__':
    main(*sys.argv[1:])
