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
    host_checks,
    hosts,
    limits,
    migrator,
    nova,
    roles,
    signals,
    stages,
)

#: In the order in which an operator meets them, which is that of the
#: reference: what hardly anybody changes stands last.
_GROUPS = (
    migrator,
    signals,
    detection,
    limits,
    hosts,
    stages,
    host_checks,
    roles,
)


def register(conf: Any) -> None:
    """Register all options of steal-migrator.conf but the plugins'."""
    for group in _GROUPS:
        conf.register_opts(group.OPTS, group=group.GROUP)
    nova.register(conf)


def list_opts() -> list[tuple[str, list[Any]]]:
    """Those that ``register`` registers, for the generator."""
    first, *others = [(group.GROUP, list(group.OPTS)) for group in _GROUPS]
    # Who we are is asked next.
    return [first, (nova.GROUP, nova.list_opts()), *others]


def load(
    argv: Sequence[str],
    prog: str,
    default_config_files: Sequence[str] | None = None,
    also: Callable[[cfg.ConfigOpts], None] = lambda conf: None,
) -> cfg.ConfigOpts:
    """Parse the command line, and steal-migrator.conf if it names no file.

    :param also: declares what else the command line takes
    :raises ConfigError: a file cannot be read
    """
    log.set_defaults(
        default_log_levels=[
            *log.get_default_log_levels(),
            'novaclient=WARN',
            'oslo_messaging=WARN',
            'keystoneauth=WARN',
        ]
    )

    def declare(conf: cfg.ConfigOpts) -> None:
        register(conf)
        also(conf)

    return startup.load(
        argv, prog, 'steal-migrator', declare, default_config_files
    )
