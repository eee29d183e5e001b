"""What nova.conf tells our classes, read so that no value can break Nova."""

import dataclasses
import logging
import math
from typing import Any

import nova.conf

from steal_scheduler.conf import roles
from steal_scheduler.conf import scheduler as options
from steal_scheduler.exception import ConfigError
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
    plain = {
        field.name: _value(group, field.name)
        for field in dataclasses.fields(Settings)
        if field.name != 'role'
    }
    try:
        role = roles.rule(group, options.GROUP)
    except ConfigError as error:
        _complain(f'{error} Until then names of servers give no role.')
        role = RoleRule(group.role_metadata_key, group.role_hint)
    return Settings(role=role, **plain)


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
        value = group[name]
        # NOTE: oslo.config lets nan pass every minimum and maximum.
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(
                f'Value {value} of option {options.GROUP}.{name} is not a '
                'finite number'
            )
    except ValueError as error:
        # oslo.config's own error names the option and the value as well.
        _complain(
            f'{error}. The default ({_DEFAULTS[name]}) counts until it is '
            'corrected and nova-scheduler is restarted.'
        )
        return _DEFAULTS[name]
    return value


def _complain(text: str) -> None:
    if text not in _said:
        _said.add(text)
        LOG.error('%s', text)
