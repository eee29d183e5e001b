"""Every option of the service, and how a program reads them.

The configuration is returned, never global.
"""

from collections.abc import Callable, Sequence
from typing import Any

from oslo_config import cfg
from oslo_log import log

from steal_scheduler import startup
from steal_scheduler.conf import (
    detection,
    hosts,
    limits,
    migrator,
    nova,
    roles,
    signals,
)

#: In the order in which an operator meets them, which is that of the
#: reference: what hardly anybody changes stands last.
_GROUPS: dict[str, list[Any]] = {
    'migrator': migrator.OPTS,
    # Who we are is asked next.
    'nova': nova.OPTS,
    'signals': signals.OPTS,
    'detection': detection.OPTS,
    'limits': limits.OPTS,
    'hosts': hosts.OPTS,
    'stages': migrator.STAGE_OPTS,
    'host_checks': hosts.CHECK_OPTS,
    'roles': [*roles.OPTS, roles.GROUPS],
}


def register(conf: Any) -> None:
    """Register all options of steal-migrator.conf but the plugins'."""
    for name, options in _GROUPS.items():
        conf.register_opts(options, group=name)
    # A Nova that does not answer must not hold a tick for ever.
    conf.set_default('timeout', 60, group='nova')
    conf.set_default('valid_interfaces', ['internal', 'public'], group='nova')


def list_opts() -> list[tuple[str, list[Any]]]:
    """Those that ``register`` registers, for the generator."""
    listed = _GROUPS | {'nova': [*nova.OPTS, *nova.PASSWORD_OPTS]}
    return [(name, [*options]) for name, options in listed.items()]


def load(
    argv: Sequence[str],
    prog: str,
    declare: Callable[[cfg.ConfigOpts], None] = register,
    kind: type[cfg.ConfigOpts] = cfg.ConfigOpts,
) -> cfg.ConfigOpts:
    """Parse the command line, and steal-migrator.conf if it names no file.

    :param declare: what takes the place of ``register``, where the command
        line takes more
    :param kind: of what is returned
    :raises ConfigError: a file cannot be read
    """
    # These log each request and each connection, and what comes over one that
    # closes.
    quiet = ['novaclient=WARN', 'oslo_messaging=WARN', 'amqp=ERROR']
    log.set_defaults(default_log_levels=log.get_default_log_levels() + quiet)
    return startup.load(argv, prog, 'steal-migrator', declare, kind)
