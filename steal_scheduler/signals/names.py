"""Labels, and the names of servers, hosts and guests in them."""

import dataclasses
import re
from typing import Any

from steal_scheduler.exception import ConfigError
from steal_scheduler.model.cloud import GuestKey
from steal_scheduler.signals.lost import Lost
from steal_scheduler.signals.presets import Preset
from steal_scheduler.signals.sample import Sample

#: Where guests are found when ``guest_label`` is unset.
GUEST_LABELS = {
    GuestKey.UUID: 'instance_id',
    GuestKey.NAME: 'instance',
    GuestKey.ADDRESS: 'instance',
}


@dataclasses.dataclass(frozen=True, slots=True)
class Names:
    """How labels become names."""

    server_label: str
    host_label: str
    guest_label: str
    guests_by: GuestKey
    #: The first group is Nova's name of the host, or what the guest is known
    #: by.
    host_regex: re.Pattern[str]
    guest_regex: re.Pattern[str]

    def server(self, sample: Sample) -> str | Lost:
        return sample.labels.get(self.server_label) or Lost.UNNAMED

    def host(self, sample: Sample) -> str | Lost:
        return _first_group(self.host_regex, self.host_label, sample)

    def guest(self, sample: Sample) -> str | Lost:
        return _first_group(self.guest_regex, self.guest_label, sample)


def _first_group(
    regex: re.Pattern[str], label: str, sample: Sample
) -> str | Lost:
    text = sample.labels.get(label)
    if not text:
        return Lost.UNNAMED
    match = regex.fullmatch(text)
    return (match and match[1]) or Lost.FOREIGN


def build(options: Any, preset: Preset) -> Names:
    """Take the options, and the preset's labels where they are unset.

    :raises ConfigError: an option is wrong
    """
    key = GuestKey(options.guest_key)
    labels = {
        'server_label': options.server_label or preset.server_label,
        'host_label': options.host_label or preset.host_label,
        'guest_label': options.guest_label or GUEST_LABELS[key],
    }
    for option, label in labels.items():
        if not re.fullmatch('[A-Za-z_][A-Za-z0-9_]*', label):
            raise ConfigError(
                f'[prometheus] {option} = {label!r} is no name of a label. '
                'Use letters, digits and underscores.'
            )
    return Names(
        guests_by=key,
        host_regex=_regex('host_regex', options.host_regex),
        guest_regex=_regex('guest_regex', options.guest_regex),
        **labels,
    )


def _regex(option: str, text: str) -> re.Pattern[str]:
    try:
        regex = re.compile(text)
    except re.error as e:
        raise ConfigError(
            f'[prometheus] {option} = {text!r}: {e}. Use a Python regular '
            'expression with a group.'
        ) from e
    if not regex.groups:
        raise ConfigError(
            f'[prometheus] {option} = {text!r} has no group. Put the name '
            'in parentheses.'
        )
    return regex
