"""Configuration for the tests of sources."""

from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from steal_scheduler.conf import signals


def configuration(
    group: str, opts: Sequence[Any], **values: Any
) -> cfg.ConfigOpts:
    """Return a configuration with these options in this group."""
    conf = cfg.ConfigOpts()
    conf.register_opts(signals.OPTS, group=signals.GROUP)
    conf.register_opts(opts, group=group)
    conf([], default_config_files=[])
    for name, value in values.items():
        conf.set_override(name, value, group=group)
    return conf
