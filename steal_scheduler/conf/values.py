"""Every value of a configuration, before it is needed."""

import configparser
import contextlib
import math
import re
from collections.abc import Iterator

from oslo_config import cfg

from steal_scheduler.exception import ConfigError


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
    parser = configparser.RawConfigParser(
        default_section='', strict=False, delimiters=('=', ':')
    )
    with contextlib.suppress(configparser.Error, OSError):
        parser.read(path, encoding='utf-8')
    return parser.get(section, option, fallback='?')
