"""What Prometheus is asked, and how answers are read: a preset file applied.

The PromQL of the file is a template; everything is filled in here.
"""

import dataclasses
import re
from collections.abc import Mapping

from steal_scheduler.exception import ConfigError
from steal_scheduler.model.cloud import GuestKey
from steal_scheduler.signals.prometheus import preset_file
from steal_scheduler.signals.prometheus.parse import METRICS, Names, Subject

#: Strips a port.
HOST_REGEX = r'(.+?)(?::\d+)?'
#: Strips a port, and the brackets around an IPv6 address.
GUEST_REGEX = r'\[?([^]:]+|[^]]*:[^]]*:[^]]*)\]?(?::\d+)?'

_PLACEHOLDER = re.compile(r'\$([A-Za-z_]\w*)')

_OPPOSITES = {'=': '!=', '!=': '=', '=~': '!~', '!~': '=~'}

#: What a placeholder stands for that a key of the file says.
PLACEHOLDER_KEYS: Mapping[str, str] = {
    'server_label': 'servers.label',
    'host_label': 'hosts.label',
    'host_selector': 'hosts.selector',
    'guest_label': 'guests.label',
    'guest_selector': 'guests.selector',
    'guest_by': 'guests.label',
}
#: All, with those that options and the key ``guests.identified_by`` say.
PLACEHOLDERS = ('window', 'max_age', 'selector', *PLACEHOLDER_KEYS)


@dataclasses.dataclass(frozen=True, slots=True)
class Preset:
    """What is asked, and how answers are read."""

    names: Names
    #: PromQL with everything filled in, by the metric's name.
    queries: Mapping[str, str]
    #: What must run for the queries to be answered, where the file says it.
    needs: Mapping[Subject, str]

    @property
    def guests_only(self) -> bool:
        """Nothing but the guests tells of servers."""
        return 'servers.used' not in self.queries

    @property
    def required(self) -> frozenset[str]:
        """The metrics without which nothing is known."""
        return _required(self.guests_only)


def load(preset: str, window: int, max_age: int, selector: str) -> Preset:
    """Read the preset file, and fill its queries in.

    :param preset: name of a shipped file, or a path
    :param window: seconds
    :param max_age: seconds
    :param selector: label matchers for every query; '' for none
    :raises ConfigError: a file or a parameter is wrong
    """
    where = f'[prometheus] preset = {preset}'
    fault = preset_file.fault_of_matchers(selector) if selector else ''
    if fault:
        raise ConfigError(f'[prometheus] selector = {selector!r} {fault}')
    keys = preset_file.read(preset, where)
    _check_complete(where, keys)
    names = Names(
        server_label=keys.get('servers.label', ''),
        host_label=keys['hosts.label'],
        guest_label=keys.get('guests.label', ''),
        guests_by=GuestKey(keys.get('guests.identified_by', GuestKey.UUID)),
        host_regex=re.compile(keys.get('hosts.regex', HOST_REGEX)),
        guest_regex=re.compile(keys.get('guests.regex', GUEST_REGEX)),
    )
    values = {
        name: keys.get(key, '') for name, key in PLACEHOLDER_KEYS.items()
    } | {
        'guest_by': _guest_by(names),
        'window': f'{window}s',
        'max_age': str(max_age),
        'selector': selector,
    }
    queries = {
        name: _fill(f'{where}: {metric.path}', keys[metric.path], values)
        for name, metric in METRICS.items()
        if metric.path in keys
    }
    _check_who_is_a_guest(where, keys)
    needs = {
        section: keys[f'{section}.needs']
        for section in Subject
        if f'{section}.needs' in keys
    }
    return Preset(names, queries, needs)


def _required(guests_only: bool) -> frozenset[str]:
    who = Subject.GUESTS if guests_only else Subject.SERVERS
    return frozenset({'hosts.cores', f'{who}.used', f'{who}.waited'})


def _check_complete(where: str, keys: Mapping[str, str]) -> None:
    """Look for what no file may lack, and for what its queries need."""
    asked = {m.subject for m in METRICS.values() if m.path in keys}
    needed = [
        METRICS[name].path
        for name in sorted(_required(Subject.SERVERS not in asked))
    ]
    needed += [f'{section}.label' for section in Subject if section in asked]
    if Subject.GUESTS in asked:
        needed.append('guests.identified_by')
    for path in needed:
        if path not in keys:
            raise ConfigError(
                f'{where}: the key {path} is missing. Write it, or let the '
                'file extend another one.'
            )


def _guest_by(names: Names) -> str:
    # A guest's uuid is its own; a name or address may be two guests', and
    # then two targets answer.
    by = [names.guest_label]
    if names.guests_by is not GuestKey.UUID:
        by += [label for label in ('instance', 'job') if label not in by]
    return ', '.join(by)


def _fill(where: str, template: str, values: Mapping[str, str]) -> str:
    """Fill the placeholders of a query in."""
    used = _placeholders(template)
    for name in sorted(used):
        if name not in values:
            raise ConfigError(
                f'{where} has the placeholder ${name}, which is unknown. Use '
                f'${", $".join(PLACEHOLDERS)}.'
            )
        if name in PLACEHOLDER_KEYS and not values[name]:
            raise ConfigError(
                f'{where} has the placeholder ${name}, and '
                f'{PLACEHOLDER_KEYS[name]} is missing. Write it.'
            )
    if values['selector'] and 'selector' not in used:
        raise ConfigError(
            f'{where} has no placeholder $selector, so [prometheus] selector '
            f'= {values["selector"]} would not hold for it. Write $selector '
            'between the braces of each series.'
        )
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template).strip()


def _placeholders(template: str) -> set[str]:
    return {match[1] for match in _PLACEHOLDER.finditer(template)}


def _check_who_is_a_guest(where: str, keys: Mapping[str, str]) -> None:
    """Else the cores of guests could be taken for those of hosts."""
    used = set().union(
        *(
            _placeholders(keys.get(metric.path, ''))
            for metric in METRICS.values()
        )
    )
    if not {'guest_selector', 'host_selector'} <= used:
        return
    guests, hosts = keys['guests.selector'], keys['hosts.selector']
    if not _exclude_each_other(guests, hosts):
        raise ConfigError(
            f'{where}: hosts.selector = {hosts} and guests.selector = '
            f'{guests} may select the same series. Give hosts.selector the '
            'opposite of a matcher of guests.selector, such as '
            'job!="guests" for job="guests".'
        )


def _exclude_each_other(one: str, other: str) -> bool:
    """Whether two matchers contradict each other, as far as text can tell."""
    return any(
        mine != theirs if (a, b) == ('=', '=') else _OPPOSITES[a] == b
        for label, a, mine in preset_file.matchers(one)
        for other_label, b, theirs in preset_file.matchers(other)
        if label == other_label and (mine == theirs or (a, b) == ('=', '='))
    )
