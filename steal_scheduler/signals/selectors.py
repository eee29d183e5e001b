"""Which series of node_exporter are guests', and which are hosts'."""

import re
from collections.abc import Collection
from typing import Any

from steal_scheduler.exception import ConfigError
from steal_scheduler.signals.names import Names

_MATCHER = re.compile(
    r"""\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*"""
    r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')\s*"""
)
_LIST = re.compile(f'{_MATCHER.pattern}(?:,{_MATCHER.pattern})*')
_OPPOSITES = {'=': '!=', '!=': '=', '=~': '!~', '!~': '=~'}


def build(
    options: Any, names: Names, needed: Collection[str]
) -> dict[str, str]:
    """Return the selectors that are needed, without braces.

    :param needed: what the queries ask for
    :raises ConfigError: an option is wrong, or missing
    """
    label = names.guest_label
    # Every target has an instance.
    shared = label in ('instance', names.host_label)
    guests = _given(options, 'guest_selector') or (
        '' if shared else f'{label}!=""'
    )
    found = {
        'guest_selector': guests,
        'host_selector': _given(options, 'host_selector') or _opposite(guests),
    }
    for option in needed:
        if option in found and not found[option]:
            raise ConfigError(
                f'[prometheus] {option} is not set, and '
                + (
                    f'guest_label = {label} is a label of hosts, too.'
                    if shared and not guests
                    else f'guest_selector = {guests} has no simple opposite.'
                )
                + f' Set {option} to what only they have, for example '
                f'job="{option.removesuffix("_selector")}s".'
            )
    return {option: found[option] for option in found if found[option]}


def _given(options: Any, option: str) -> str:
    text = options[option] or ''
    if text and not _LIST.fullmatch(text):
        raise ConfigError(
            f'[prometheus] {option} = {text!r} is no list of PromQL label '
            'matchers. Use, for example, job="guests",env=~"prod|test", '
            'without braces.'
        )
    return text.strip()


def _opposite(selector: str) -> str:
    """What this does not select; '' where that is more than a matcher."""
    match = _MATCHER.fullmatch(selector)
    return f'{match[1]}{_OPPOSITES[match[2]]}{match[3]}' if match else ''
