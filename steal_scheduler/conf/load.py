"""Build the configuration of a program; it is returned, never global."""

from collections.abc import Callable, Sequence

from oslo_config import cfg
from oslo_log import log

from steal_scheduler import version
from steal_scheduler.conf import opts
from steal_scheduler.exception import ConfigError

PROJECT = 'steal-scheduler'


def load(
    argv: Sequence[str],
    prog: str,
    default_config_files: Sequence[str] | None = None,
    register: Callable[[cfg.ConfigOpts], None] | None = None,
) -> cfg.ConfigOpts:
    """Parse the command line and the configuration files.

    Without ``--config-file`` it is steal-migrator.conf, in
    ~/.steal-scheduler, ~, /etc/steal-scheduler or /etc, and the directories
    steal-migrator.conf.d beside them.

    :param register: adds to what the command line takes
    :raises ConfigError: a file cannot be read
    """
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    log.set_defaults(
        default_log_levels=[
            *log.get_default_log_levels(),
            'novaclient=WARN',
            'oslo_messaging=WARN',
            'keystoneauth=WARN',
        ]
    )
    opts.register(conf)
    if register:
        register(conf)
    name = 'steal-migrator'
    files = default_config_files
    if files is None:
        files = cfg.find_config_files(PROJECT, name)
    try:
        conf(
            argv,
            project=PROJECT,
            prog=prog,
            version=version.version_string(),
            default_config_files=list(files),
            default_config_dirs=cfg.find_config_dirs(PROJECT, name),
        )
    except cfg.Error as error:
        raise ConfigError(str(error)) from error
    # What is no UTF-8 is a ValueError.
    except (OSError, ValueError) as error:
        raise ConfigError(
            f'The configuration ({" ".join(argv) or ", ".join(files)}) '
            f'cannot be read: {error}. Give files of UTF-8 text that this '
            'user may read.'
        ) from error
    return conf


def set_up_log(conf: cfg.ConfigOpts) -> None:
    """Log as the options say.

    :raises ConfigError: a file of theirs cannot be read or written
    """
    try:
        log.setup(conf, PROJECT)
    except (log.LogConfigError, OSError) as error:
        raise ConfigError(
            f'[DEFAULT] log_config_append = {conf.log_config_append!r}, '
            f'log_file = {conf.log_file!r}, log_dir = {conf.log_dir!r}: '
            f'this cannot be logged to: {error}. Give a file that this user '
            'may read or write, or leave the option out to log to stderr.'
        ) from error
