"""What each program does first: read its options, set up its log."""

import contextlib
import gc
import io
import logging
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence

from oslo_config import cfg
from oslo_log import log

from steal_scheduler import version
from steal_scheduler.exception import ConfigError

PROJECT = 'steal-scheduler'
#: Objects that come and stay before cycles are looked for among them.
YOUNG = 50_000

#: NOTE: oslo.config ends the program so, instead of raising its error, if
#: the option can stand on the command line too, as debug can.
_WRONG_VALUE = 1


def load(
    argv: Sequence[str],
    prog: str,
    name: str,
    register: Callable[[cfg.ConfigOpts], None],
    kind: type[cfg.ConfigOpts] = cfg.ConfigOpts,
) -> cfg.ConfigOpts:
    """Parse the command line and the configuration files.

    :param name: of the file NAME.conf that is read without ``--config-file``,
        in ~/.steal-scheduler, ~, /etc/steal-scheduler or /etc; the
        directories NAME.conf.d beside it are read without ``--config-dir``
    :param register: declares the options
    :param kind: of what is returned
    :raises ConfigError: a file cannot be read, or a value of an option that
        the command line knows too is wrong
    """
    conf = kind()
    log.register_options(conf)
    register(conf)
    files = cfg.find_config_files(PROJECT, name)
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


def collect_rarely() -> None:
    """Look for cycles of garbage after 50,000 new objects, not after 700.

    A decision makes as many objects as the cloud has servers, in no cycles:
    they die with their last reference. By its defaults Python looks at all
    that is known of a cloud once or more in each decision, for 100 ms where
    that is 8,000 hosts. Cycles, such as of an exception and its traceback,
    are still found; until then they are a few MiB.
    """
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])


def hush() -> None:
    """Do not warn of what a broker sends over a connection that closes.

    For programs that have no log: those that have one leave it to
    ``default_log_levels``.
    """
    logging.getLogger('amqp').setLevel(logging.ERROR)


def check_values(conf: cfg.ConfigOpts) -> None:
    """Look at all values now: oslo.config does so when one is asked for.

    :raises ConfigError: a value is not of its option's kind, or no finite
        number: oslo.config lets nan pass every minimum and maximum, and
        makes None of a number that is left empty
    """
    for name in conf:
        with _explained('DEFAULT', name):
            group = conf[name]
        if not isinstance(group, cfg.ConfigOpts.GroupAttr):
            continue
        for option in group:
            fault = ''
            with _explained(name, option):
                value = group[option]
            if value is None:
                found = conf.get_location(option, name)
                if found and found.location.is_user_controlled:
                    fault = 'is empty'
            if isinstance(value, str) and '\0' in value:
                # No path and no name has one; the kernel's calls refuse it.
                fault = 'has a NUL byte in it'
            if isinstance(value, float) and not math.isfinite(value):
                fault = f'= {value} is not a finite number'
            if fault:
                raise ConfigError(
                    f'[{name}] {option} {fault}: write a value, or leave the '
                    'option out.'
                )


@contextlib.contextmanager
def _explained(section: str, option: str) -> Iterator[None]:
    """Name the section, the option, its value and what is wrong with it."""
    try:
        yield
    except (cfg.NoSuchOptError, cfg.NoSuchGroupError) as error:
        # The option is there. What is missing may be a piece of a password.
        raise ConfigError(
            f'[{section}] {option}: a $ in it refers to another option, and '
            'there is none of that name. Write $$ for a $.'
        ) from error
    except RecursionError as error:
        raise ConfigError(
            f'[{section}] {option}: a $ in it refers to itself, or to an '
            'option that refers to it. Write $$ for a $.'
        ) from error
    except cfg.Error as error:
        file = re.search(r"detail='([^']+)'", str(error))
        if file is None:
            raise ConfigError(f'[{section}] {option}: {error}') from error
        raise ConfigError(
            f'[{section}] {option} = {_as_written(file[1], section, option)}: '
            f'{error.__context__}. Correct it in {file[1]}.'
        ) from error


def _as_written(path: str, section: str, option: str) -> str:
    """What the file says; no password, for those are of no wrong kind."""
    sections: dict[str, dict[str, list[str]]] = {}
    cfg.ConfigParser(path, sections).parse()
    # Of several lines the last one counts.
    return sections.get(section, {}).get(option, ['?'])[-1]


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
