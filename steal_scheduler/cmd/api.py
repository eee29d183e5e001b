"""``steal-api``: the API with a web server of its own, waitress."""

from steal_scheduler.cmd import threading_backend  # noqa: F401

# isort: split
import errno
import os
import signal
import sys
from typing import Any

import waitress
from oslo_log import log

from steal_scheduler import startup
from steal_scheduler.api import app
from steal_scheduler.conf import api as options
from steal_scheduler.edge.unread import files, unread
from steal_scheduler.exception import ConfigError, StealError

LOG = log.getLogger(__name__)

#: Requests at a time. Each waits for the leader most of its time.
_THREADS = 32
#: Connections at a time, and seconds for which one may be silent.
_CONNECTIONS, _SILENCE = 1000, 60
#: Bytes of the head of a request, which holds a token; and of a body. The app
#: refuses smaller ones, and says so as it says all.
_HEAD, _BODY = 64 * 1024, 1024 * 1024


def load(argv: list[str]) -> Any:
    """The configuration, with the log set up; what nobody reads is named.

    :raises ConfigError: an option is wrong
    """
    conf = options.load(argv, 'steal-api')
    startup.set_up_log(conf)
    return conf


def warn(conf: Any) -> None:
    """Say which options nobody reads: once all of them are known."""
    for line in unread(files(conf), options.known(conf), {}):
        LOG.warning('%s', line)


def listen(conf: Any) -> Any:
    """The web server, which has its port.

    :raises ConfigError: an option is wrong, or the address cannot be bound
    :raises StealError: another program has it, now
    """
    application = app.build(conf)
    warn(conf)
    group = conf.api
    try:
        server = waitress.create_server(
            application,
            host=group.listen_host,
            port=group.listen_port,
            threads=_THREADS,
            connection_limit=_CONNECTIONS,
            channel_timeout=_SILENCE,
            max_request_header_size=_HEAD,
            max_request_body_size=_BODY,
            # Which program of which version this is, is nobody's business.
            ident=None,
            # What the client says of itself; HTTPProxyToWSGI reads it where
            # the operator wants that.
            clear_untrusted_proxy_headers=False,
        )
    except (OSError, ValueError) as error:
        busy = getattr(error, 'errno', None) == errno.EADDRINUSE
        raise (StealError if busy else ConfigError)(
            f'[api] listen_host = {group.listen_host!r}, listen_port = '
            f'{group.listen_port}: cannot listen there: {error}. Give an '
            'address of this host, and a port that no other program uses.'
        ) from error
    # For port 0 the kernel has chosen one; a name may have two addresses.
    server.print_listen('steal-api listens on address {}, port {}.')
    return server


def main() -> int:
    """Serve until it is told to stop; what is being answered is.

    :returns: 78, EX_CONFIG, where a restart does not help
    """
    try:
        server = listen(load(sys.argv[1:]))
    except StealError as error:
        print(f'steal-api: {error}', file=sys.stderr)
        return os.EX_CONFIG if isinstance(error, ConfigError) else 1
    # waitress ends so, and lets requests come to their end first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.run()
    return 0


if __name__ == '__main__':
    sys.exit(main())
