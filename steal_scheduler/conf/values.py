"""Every value of a configuration, before it is needed."""

import math

from oslo_config import cfg

from steal_scheduler.exception import ConfigError


def judge(conf: cfg.ConfigOpts) -> None:
    """Look at all values now: oslo.config does so when one is asked for.

    :raises ConfigError: a value is not of its option's kind, or no finite
        number: oslo.config lets nan pass every minimum and maximum
    """
    try:
        for name in conf:
            value = conf[name]
            if isinstance(value, cfg.ConfigOpts.GroupAttr):
                for option in value:
                    _check_finite(name, option, value[option])
    except cfg.Error as error:
        raise ConfigError(str(error)) from error


def _check_finite(group: str, option: str, value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(
            f'[{group}] {option} = {value} is not a finite number: write one, '
            'or leave the option out.'
        )
