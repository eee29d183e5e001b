"""Every option of the service, and how a program reads them.

The configuration is returned, never global.
"""

from collections.abc import Callable, Mapping, Sequence
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
_GROUPS: Mapping[str, list[Any]] = {
    'migrator': migrator.OPTS,
    'signals': signals.OPTS,
    'detection': detection.OPTS,
    'limits': limits.OPTS,
    'hosts': hosts.OPTS,
    'stages': migrator.STAGE_OPTS,
    'host_checks': hosts.CHECK_OPTS,
    'roles': roles.OPTS,
}


def register(conf: Any) -> None:
    """Register all options of steal-migrator.conf but the plugins'."""
    for name, options in _GROUPS.items():
        conf.register_opts(options, group=name)
    nova.register(conf)


def list_opts() -> list[tuple[str, list[Any]]]:
    """Those that ``register`` registers, for the generator."""
    first, *others = [(name, [*opts]) for name, opts in _GROUPS.items()]
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
