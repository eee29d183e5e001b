"""What Prometheus is asked, and how answers are read: a preset file applied.

The PromQL of the file is a template; everything is filled in here.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from steal_scheduler.exception import ConfigError
from steal_scheduler.model.guest import GuestKey
from steal_scheduler.signals.prometheus import preset_file
from steal_scheduler.signals.prometheus.labels import Label
from steal_scheduler.signals.prometheus.parse import METRICS, Subject

#: Of a label where the file gives no regex. A server's id is all of it; of a
#: host's and a guest's a port is stripped, and the brackets around an IPv6
#: address: ``[2001:db8::1]:9100`` is ``2001:db8::1``.
_ADDRESS = r'\[?([^]:]+|[^]]*:[^]]*:[^]]*)\]?(?::\d+)?'
_REGEXES = {
    Subject.SERVERS: r'(?s:(.+))',
    Subject.HOSTS: _ADDRESS,
    Subject.GUESTS: _ADDRESS,
}

#: Of ``job="guests"`` ``job!="guests"`` is the opposite.
_OPPOSITES = {'=': '!=', '!=': '=', '=~': '!~', '!~': '=~'}

_PLACEHOLDER = re.compile(r'\$([A-Za-z_]\w*)')
#: A text of PromQL.
_QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
#: What a placeholder stands for that a key of the file says.
PLACEHOLDER_KEYS: Mapping[str, str] = {
    'server_label': 'servers.label',
    'domain_label': preset_file.DOMAIN,
    'host_label': 'hosts.label',
    'host_selector': 'guests.selector',
    'guest_label': 'guests.label',
    'guest_selector': 'guests.selector',
    'guest_by': 'guests.label',
}
#: All, with those that options and the key ``guests.identified_by`` say.
PLACEHOLDERS = (
    'window',
    'max_age',
    'selector',
    'no_guests',
    'servers',
    *PLACEHOLDER_KEYS,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Preset:
    """What is asked, and how answers are read."""

    labels: Mapping[Subject, Label]
    guests_by: GuestKey
    #: PromQL with everything filled in but $window, by the metric's name, and
    #: by ``preset_file.INFO`` and ``preset_file.NODENAMES``.
    queries: Mapping[str, str]
    #: The same of ``preset_file.HISTORY``, but for $servers.
    histories: Mapping[str, str]
    #: What the file says, by key: among it what must run (``servers.needs``).
    keys: Mapping[str, str]
    #: Who tells of servers: hypervisors, or nobody but the guests.
    who: Subject
    #: The metrics without which nothing is known.
    required: frozenset[str]

    def promql(self, window: float) -> dict[str, str]:
        """The queries, with rates over so many seconds."""
        return {
            name: query.replace('$window', f'{window:g}s')
            for name, query in self.queries.items()
        }


def load(conf: Any) -> Preset:
    """Read the preset file that the options name, and fill its queries in.

    :raises ConfigError: a file or an option is wrong
    """
    options, max_age = conf.prometheus, conf.signals.max_age
    where = f'[prometheus] preset = {options.preset}'
    one, selector = preset_file.MATCHER, options.selector
    if selector and not re.fullmatch(f'{one}(?:,{one})*', selector):
        raise ConfigError(
            f'[prometheus] selector = {selector!r} is no list of PromQL label '
            'matchers. Write, for example, region="r1", env=~"prod|test", '
            'without braces.'
        )
    keys = preset_file.read(options.preset, where)
    asked = {METRICS[name].subject for name in METRICS.keys() & keys.keys()}
    who = Subject.SERVERS if Subject.SERVERS in asked else Subject.GUESTS
    required = frozenset({'hosts.cores', f'{who}.used', f'{who}.waited'})
    by_domain = {preset_file.DOMAIN, preset_file.INFO}
    # What no file may lack, and what its queries need.
    needed = required | {f'{subject}.label' for subject in asked}
    if Subject.GUESTS in asked:
        needed |= {'guests.identified_by'}
    if Subject.SERVERS in asked and by_domain & keys.keys():
        needed |= by_domain
    for path in sorted(needed - keys.keys()):
        raise ConfigError(
            f'{where}: the key {path} is missing. Write it, or let the file '
            'extend another one.'
        )
    labels = {
        subject: Label(
            keys[f'{subject}.label'],
            re.compile(keys.get(f'{subject}.regex', regex)),
        )
        for subject, regex in _REGEXES.items()
        if subject in asked
    }
    guests_by = GuestKey(keys.get('guests.identified_by', GuestKey.UUID))
    values = {
        # It hangs on the scrape interval, see ``promql``.
        'window': '$window',
        'max_age': str(max_age),
        'selector': selector,
        'no_guests': '',
        'servers': '$servers',
        **{n: keys[key] for n, key in PLACEHOLDER_KEYS.items() if key in keys},
    }
    # So no series of a guest is taken for one of a host. Where the file says
    # that guests' are those with vm!="", $host_selector is vm="".
    if matcher := re.fullmatch(one, keys.get('guests.selector', '')):
        label, operator, value = matcher.groups()
        values['host_selector'] = f'{label}{_OPPOSITES[operator]}{value}'
        values['no_guests'] = f'{values["host_selector"]}, '
    # A guest's uuid is its own; a name or address may be two guests', and
    # then two targets answer.
    if guests_by is not GuestKey.UUID and 'guest_label' in values:
        by = (values['guest_label'], 'instance', 'job')
        values['guest_by'] = ', '.join(dict.fromkeys(by))
    # That series has the server's label from its exporter. Where guests are
    # known by the same label, it says nothing; but of a domain that no
    # hypervisor measures nobody asks whose it is.
    known_by = matcher.group(1) if matcher else ''
    info = known_by == keys.get('servers.label') and {'no_guests': ''}
    queries = {
        name: _fill(
            f'{where}: {name}',
            keys[name],
            values | (info if info and name == preset_file.INFO else {}),
        )
        for name in (preset_file.INFO, *METRICS, preset_file.NODENAMES)
        if name in keys
    }
    histories = {
        name: _fill(f'{where}: {name}', keys[name], values)
        for name in preset_file.HISTORY
        if name in keys
    }
    return Preset(labels, guests_by, queries, histories, keys, who, required)


def _fill(where: str, template: str, values: Mapping[str, str]) -> str:
    """Fill the placeholders of a query in.

    With a window of 60 seconds, ``rate(x{$selector}[$window])`` is
    ``rate(x{}[60s])``. A ``$1`` of PromQL's label_replace is none.
    """
    used = set(_PLACEHOLDER.findall(template))
    for name in sorted(used - values.keys()):
        fault = f'which is unknown. Use ${", $".join(PLACEHOLDERS)}.'
        if key := PLACEHOLDER_KEYS.get(name):
            fault = f'and {key} is missing. Write it.'
        raise ConfigError(f'{where} has the placeholder ${name}, {fault}')
    # What stands in quotes has other braces.
    braces = re.findall(r'\{[^}]*\}', re.sub(_QUOTED, '', template)) or ['']
    if values['selector'] and not all('$selector' in one for one in braces):
        raise ConfigError(
            f'{where} has a series without the placeholder $selector, so '
            f'[prometheus] selector = {values["selector"]} would not hold for '
            'it. Write $selector between the braces of each series.'
        )
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template).strip()
