"""What nova.conf tells our classes, read so that no value can break Nova."""

import dataclasses
import logging
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


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The options of ``[steal_scheduler]``; names and units are theirs."""

    steal_weight_multiplier: float
    view_max_age: int
    boot_role_lookup: bool
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
        role = roles.rule(group)
    except ConfigError as error:
        _complain(
            f'[{options.GROUP}] {error} Until then names of servers give no '
            'role.'
        )
        role = RoleRule(group.role_metadata_key, group.role_hint)
    return Settings(role=role, **plain)


def _value(group: Any, name: str) -> Any:
    try:
        return group[name]
    except ValueError as error:
        # oslo.config's own error, which names the option and the value.
        _complain(
            f'{error}. Until it is corrected and nova-scheduler restarted, '
            f'the default ({_DEFAULTS[name]}) counts.'
        )
        return _DEFAULTS[name]


def _complain(text: str) -> None:
    if text not in _said:
        _said.add(text)
        LOG.error('%s', text)
