"""What nova.conf tells our classes, read so that no value can break Nova."""

import dataclasses
import functools
import logging
from typing import Any

import nova.conf
from oslo_config import cfg

from steal_scheduler.conf import scheduler as options
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.model.scheduler import CLASSES

LOG = logging.getLogger(__name__)

nova.conf.CONF.register_opts(options.OPTS, group=options.GROUP)


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The options of ``[steal_scheduler]``; names and units are theirs."""

    steal_weight_multiplier: float
    view_max_age: int
    role_lookup: bool
    strict_moves: bool
    strict_boots: bool
    role: RoleRule


def load() -> Settings:
    """Read the options; a wrong one is logged and its default taken.

    Refusing to start would be clearer, but after a restart no server of the
    cloud could be created or moved because of a mistake in an option that
    only makes a good choice better.
    """
    group = nova.conf.CONF[options.GROUP]
    values = {opt.name: _value(group, opt) for opt in options.OPTS}
    role = {opt.name: values.pop(opt.name) for opt in options.ROLE_OPTS}
    return Settings(**values, role=RoleRule(**role))


def enabled() -> list[str]:
    """Which of our classes nova.conf enables."""
    group = nova.conf.CONF.filter_scheduler
    # A weigher with its module, ``steal_scheduler...weighers.StealWeigher``.
    weighers = [name.rpartition('.')[2] for name in group.weight_classes]
    named = {*group.enabled_filters, *weighers}
    return [name for name in CLASSES if name in named]


@functools.cache
def log_once(level: int, text: str) -> None:
    """Log it, unless this process has done so.

    Nova builds each class of ours several times, and each reads the options.
    """
    LOG.log(level, text)


def _value(group: Any, opt: cfg.Opt) -> Any:
    try:
        return group[opt.name]
    except (cfg.NoSuchOptError, cfg.NoSuchGroupError):
        # Of an option that the value refers to.
        text = (
            f'A $ in option {options.GROUP}.{opt.name} refers to another '
            'option, and there is none of that name. Write $$ for a $'
        )
    except ValueError as error:
        # oslo.config's own error names the option and the value as well.
        text = str(error)
    log_once(
        logging.ERROR,
        f'{text}. The default ({opt.default!r}) counts until it is corrected '
        'and nova-scheduler is restarted.',
    )
    return opt.default
