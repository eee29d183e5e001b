"""Every value of a configuration, before it is needed."""

from oslo_config import cfg

from steal_scheduler.exception import ConfigError


def judge(conf: cfg.ConfigOpts) -> None:
    """Look at all values now: oslo.config does so when one is asked for.

    :raises ConfigError: a value is not of its option's kind
    """
    try:
        for name in conf:
            value = conf[name]
            if isinstance(value, cfg.ConfigOpts.GroupAttr):
                for option in value:
                    value[option]
    except cfg.Error as error:
        raise ConfigError(str(error)) from error
