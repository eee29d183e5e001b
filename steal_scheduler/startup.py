"""What each program does first: read its options, set up its log."""

import contextlib
import io
import sys
from collections.abc import Callable, Iterable, Sequence

from oslo_config import cfg
from oslo_log import log

from steal_scheduler import version
from steal_scheduler.exception import ConfigError

PROJECT = 'steal-scheduler'

#: NOTE: oslo.config ends the program so, instead of raising its error, if
#: the option can stand on the command line too, as debug can.
_WRONG_VALUE = 1


def load(
    argv: Sequence[str],
    prog: str,
    name: str,
    register: Callable[[cfg.ConfigOpts], None],
    default_config_files: Iterable[str] | None = None,
) -> cfg.ConfigOpts:
    """Parse the command line and the configuration files.

    :param name: of the file NAME.conf that is read without ``--config-file``,
        in ~/.steal-scheduler, ~, /etc/steal-scheduler or /etc; the
        directories NAME.conf.d beside it are read without ``--config-dir``
    :param register: declares the options
    :raises ConfigError: a file cannot be read, or a value of an option that
        the command line knows too is wrong
    """
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    register(conf)
    if default_config_files is None:
        default_config_files = cfg.find_config_files(PROJECT, name)
    files = [*default_config_files]
    given = ' '.join(argv) or ', '.join(files)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            conf(
                argv,
                project=PROJECT,
                prog=prog,
                version=version.version_string(),
                default_config_files=files,
                default_config_dirs=cfg.find_config_dirs(PROJECT, name),
            )
    except cfg.Error as error:
        raise ConfigError(str(error)) from error
    # What is no UTF-8 is a ValueError.
    except (OSError, ValueError) as error:
        raise ConfigError(
            f'The configuration ({given}) cannot be read: {error}. Give '
            'files of UTF-8 text that this user may read.'
        ) from error
    except SystemExit as ended:
        if ended.code != _WRONG_VALUE:
            sys.stderr.write(said.getvalue())
            raise
        text = said.getvalue().strip().removeprefix('argument --')
        raise ConfigError(
            f'[DEFAULT] {text}. Correct it there: {given}.'
        ) from ended
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
