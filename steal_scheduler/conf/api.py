"""``[api]`` of steal-api.conf, a file of its own; and how it is read."""

import os
from collections.abc import Sequence
from typing import Any

from keystoneauth1 import loading
from keystonemiddleware.auth_token import AUTH_TOKEN_OPTS
from oslo_config import cfg
from oslo_log import log

from steal_scheduler import startup
from steal_scheduler.edge import keystone
from steal_scheduler.edge.option import number
from steal_scheduler.edge.unread import Listed, of_libraries
from steal_scheduler.exception import ConfigError

GROUP = 'api'
#: Of keystonemiddleware: who we are to Keystone.
LOGIN = 'keystone_authtoken'
#: In the catalog of Keystone.
SERVICE_TYPE = 'steal'
#: Names the configuration file where there is no command line: in a WSGI
#: server.
FILE_VARIABLE = 'STEAL_API_CONFIG_FILE'
#: What libraries read of it.
LIBRARIES = (
    'oslo.log',
    'oslo.messaging',
    'oslo.policy',
    'oslo.middleware.healthcheck',
    'oslo.middleware.http_proxy_to_wsgi',
    'oslo.middleware.sizelimit',
    'keystonemiddleware.auth_token',
)

OPTS = [
    cfg.HostAddressOpt(
        'listen_host',
        default='127.0.0.1',
        help="""
IP address or host name on which ``steal-api`` listens. It speaks HTTP without
TLS: let a proxy with TLS stand before it, and keep it on loopback or on a
management network. In another WSGI server that server's address counts.
""",
    ),
    number(
        'listen_port',
        default=9189,
        allowed='0 to 65535 as a TCP port',
        help="""
TCP port on which ``steal-api`` listens, on ``listen_host``. With 0 the kernel
chooses a port, and the log names it.
""",
    ),
]


def register(conf: Any) -> None:
    conf.register_opts(OPTS, group=GROUP)
    for group, options in AUTH_TOKEN_OPTS:
        conf.register_opts(options, group=group)
    # For application credentials that may do some calls only.
    conf.set_default('service_type', SERVICE_TYPE, group=LOGIN)


def list_opts() -> list[tuple[str, list[Any]]]:
    """The options of steal-api.conf that are ours, for the generator."""
    return [(GROUP, [*OPTS])]


def known(conf: Any) -> Listed:
    """Every option that such a file may have."""
    yield from list_opts()
    yield from of_libraries(*LIBRARIES)
    kind = conf[LOGIN].auth_type
    if kind:
        section = conf[LOGIN].auth_section or LOGIN
        yield section, loading.get_auth_plugin_conf_options(kind)


def load(argv: Sequence[str], prog: str) -> cfg.ConfigOpts:
    """Parse the command line, and steal-api.conf if it names no file.

    :raises ConfigError: a file cannot be read, or a value is wrong
    """
    # They log each request, each that has to wait for a thread, and what comes
    # over a connection that closes.
    quiet = ['keystonemiddleware=WARN', 'oslo_messaging=WARN']
    quiet += ['waitress.queue=ERROR', 'amqp=ERROR']
    log.set_defaults(default_log_levels=log.get_default_log_levels() + quiet)
    if not argv and (path := os.environ.get(FILE_VARIABLE)):
        argv = [f'--config-file={path}']
    conf = startup.load(argv, prog, 'steal-api', register)
    startup.check_values(conf)
    return conf


def check_login(conf: Any) -> None:
    """Look at how tokens are to be checked; Keystone is not asked.

    :raises ConfigError: an option is wrong, or missing
    """
    keystone.load_auth(conf, LOGIN)
    if not conf[LOGIN].www_authenticate_uri:
        raise ConfigError(
            f'[{LOGIN}] www_authenticate_uri is not set. Set the address at '
            'which users reach Keystone, for example '
            'http://controller:5000/v3.'
        )
