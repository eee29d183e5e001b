"""What nova.conf tells our classes, read so that no value can break Nova."""

import dataclasses
import logging
import types
from typing import Any

import nova.conf
from oslo_config import cfg

from steal_scheduler.conf import roles
from steal_scheduler.conf import scheduler as options
from steal_scheduler.model.roles import RoleRule

LOG = logging.getLogger(__name__)

options.register(nova.conf.CONF)

_DEFAULTS = {opt.name: opt.default for opt in options.OPTS}
#: Complaints that were logged: each class of ours reads the options.
_said: set[str] = set()
_announced: set[str] = set()


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
    values = types.SimpleNamespace(
        **{opt.name: _value(group, opt.name) for opt in options.OPTS}
    )
    values.role = roles.rule(values)
    names = [field.name for field in dataclasses.fields(Settings)]
    return Settings(**{name: getattr(values, name) for name in names})


def announce(name: str, does: str) -> bool:
    """Log what a class will do, when it is first built in a process.

    :returns: whether this was the first time
    """
    if name in _announced:
        return False
    _announced.add(name)
    LOG.info('%s is enabled: %s', name, does)
    return True


def _value(group: Any, name: str) -> Any:
    try:
        return group[name]
    except (cfg.NoSuchOptError, cfg.NoSuchGroupError):
        # Of an option that the value refers to.
        text = (
            f'A $ in option {options.GROUP}.{name} refers to another option, '
            'and there is none of that name. Write $$ for a $'
        )
    except ValueError as error:
        # oslo.config's own error names the option and the value as well.
        text = str(error)
    default = _DEFAULTS[name]
    if text not in _said:
        _said.add(text)
        LOG.error(
            '%s. The default (%r) counts until it is corrected and '
            'nova-scheduler is restarted.',
            text,
            default,
        )
    return default
