"""The PromQL that is sent: templates with everything filled in."""

import re
from collections.abc import Mapping
from typing import Any

from steal_scheduler.exception import ConfigError
from steal_scheduler.model.cloud import GuestKey
from steal_scheduler.signals import selectors
from steal_scheduler.signals.names import Names
from steal_scheduler.signals.presets import (
    GUEST_PRESETS,
    GUESTS_ALONE,
    Preset,
)
from steal_scheduler.signals.quantity import QUANTITIES, About

# A bare word in braces is not PromQL, so it can only be a placeholder.
_PLACEHOLDER = re.compile(r'\{\s*([A-Za-z_]\w*)\s*\}')


def required(preset: Preset) -> frozenset[str]:
    """The options whose queries must be there, and must be answered."""
    who = 'guest_' if preset.guests_only else ''
    return frozenset({'cores_query', f'{who}used_query', f'{who}waited_query'})


def build(options: Any, preset: Preset, names: Names) -> dict[str, str]:
    """Return the queries by option.

    :raises ConfigError: an option is wrong
    """
    templates = _templates(options, preset)
    for option in required(preset):
        if option not in templates:
            raise ConfigError(
                f'[prometheus] {option} is not set, and preset = '
                f'{options.preset} has none. Set it, or choose another '
                'preset.'
            )
    needed = {
        match[1]
        for template in templates.values()
        for match in _PLACEHOLDER.finditer(template)
    }
    # A guest's uuid is its own; a name or address may be two guests', and
    # then two targets answer.
    by = [names.guest_label]
    if names.guests_by is not GuestKey.UUID:
        by += [label for label in ('instance', 'job') if label not in by]
    values = {
        'window': f'{options.window}s',
        'max_age': str(options.max_age),
        'server_label': names.server_label,
        'host_label': names.host_label,
        'guest_label': names.guest_label,
        'guest_by': ', '.join(by),
        **selectors.build(options, names, needed),
    }
    return {
        option: render(option, template, values)
        for option, template in templates.items()
    }


def _templates(options: Any, preset: Preset) -> dict[str, str]:
    """In the order of QUANTITIES, so that the same is asked every time."""
    guests = (
        GUESTS_ALONE
        if preset.guests_only
        else GUEST_PRESETS[options.guest_preset]
    )
    templates = {}
    for option, quantity in QUANTITIES.items():
        own = options[option]
        if own and preset.guests_only and quantity.about is About.SERVERS:
            raise ConfigError(
                f'[prometheus] {option} = {own!r}: preset = '
                f'{options.preset} asks guests only. Set guest_used_query and '
                'guest_waited_query, or choose another preset.'
            )
        template = own or {**preset.queries, **guests}.get(option)
        if template:
            templates[option] = template
    return templates


def render(option: str, template: str, values: Mapping[str, str]) -> str:
    """Fill the placeholders in.

    :param option: the option's name, for the message
    :raises ConfigError: the template has a placeholder that nobody fills
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise ConfigError(
                f'[prometheus] {option} = {template!r}: nobody knows the '
                f'placeholder {match[0]}. Use one of '
                f'{{{"}, {".join(values)}}}.'
            )
        return values[match[1]]

    return _PLACEHOLDER.sub(value, template)
