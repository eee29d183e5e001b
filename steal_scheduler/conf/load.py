"""Build the configuration of a program; it is returned, never global."""

from collections.abc import Callable, Sequence

from oslo_config import cfg
from oslo_log import log

from steal_scheduler import startup
from steal_scheduler.conf import opts


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

    def register(conf: cfg.ConfigOpts) -> None:
        log.set_defaults(
            default_log_levels=[
                *log.get_default_log_levels(),
                'novaclient=WARN',
                'oslo_messaging=WARN',
                'keystoneauth=WARN',
            ]
        )
        opts.register(conf)
        also(conf)

    return startup.load(
        argv, prog, 'steal-migrator', register, default_config_files
    )
