"""Serve metrics over HTTP, for Prometheus."""

import errno
from typing import Any

import prometheus_client
from oslo_log import log

from steal_scheduler.exception import ConfigError, StealError

LOG = log.getLogger(__name__)


def serve(registry: Any, conf: Any, section: str, prefix: str) -> Any:
    """Answer /metrics from a thread of its own.

    :param prefix: of the section's options of host and port, for example
        metrics of ``[migrator] metrics_host`` and ``metrics_port``
    :returns: the server
    :raises ConfigError: the address cannot be bound
    :raises StealError: another program has it, now
    """
    group = conf[section]
    host, port = group[f'{prefix}_host'], group[f'{prefix}_port']
    try:
        server, _ = prometheus_client.start_http_server(port, host, registry)
    except (OSError, ValueError) as error:
        busy = getattr(error, 'errno', None) == errno.EADDRINUSE
        raise (StealError if busy else ConfigError)(
            f'[{section}] {prefix}_host = {host!r}, {prefix}_port = {port}: '
            f'cannot listen there: {error}. Give an address of this host, '
            'and a port that no other program uses.'
        ) from error
    # For port 0 the kernel has chosen one.
    port, who = server.server_port, section.capitalize()
    LOG.info('%s serves metrics on address %s, port %d.', who, host, port)
    return server
