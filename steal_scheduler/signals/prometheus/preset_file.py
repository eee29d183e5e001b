"""A preset file, read and checked: what each of its keys says.

It is YAML; doc/source/configuration/signals.rst describes every key, and the
files that come with this package lie in ``presets/``. A file may extend
another one: what it does not set is taken from that.
"""

import pathlib
import re
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import ConfigError
from steal_scheduler.model.guest import GuestKey
from steal_scheduler.signals.prometheus.parse import METRICS, Subject

SHIPPED = pathlib.Path(__file__).parent / 'presets'

#: A PromQL label matcher: a label, its operator and its value in quotes.
MATCHER = (
    r"""\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*"""
    r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')\s*"""
)

#: The query that tells which server a domain is: no metric, for what counts
#: are its labels.
INFO = 'servers.info'
#: The label of a domain, in that answer and in those that count.
DOMAIN = 'servers.domain_label'

#: What a value has to match, by the last part of its key, and what to say of
#: one that does not. A value of any other key is any text.
_FORMS: Mapping[str, tuple[str, str]] = {
    'label': (
        '[A-Za-z_][A-Za-z0-9_]*',
        'is no name of a label. Use letters, digits and underscores.',
    ),
    'domain_label': (
        '[A-Za-z_][A-Za-z0-9_]*',
        'is no name of a label. Use letters, digits and underscores.',
    ),
    'identified_by': (
        '|'.join(GuestKey),
        f'is unknown. Use {", ".join(GuestKey)}.',
    ),
    'selector': (
        MATCHER,
        'is no PromQL label matcher. Write one, without braces, such as '
        'job="guests".',
    ),
}

#: The query that tells what kernels call themselves: no metric, for what
#: counts is a label.
NODENAMES = 'hosts.nodenames'

#: The queries that tell what servers used while they did not wait, the one
#: that costs less first.
HISTORY = ('servers.recorded', 'servers.history')

#: The path of each key that a file may have.
KEYS = (
    'extends',
    *(f'servers.{key}' for key in ('label', 'needs')),
    DOMAIN,
    INFO,
    *(f'hosts.{key}' for key in ('label', 'needs')),
    NODENAMES,
    *HISTORY,
    *(
        f'guests.{key}'
        for key in ('identified_by', 'label', 'regex', 'selector', 'needs')
    ),
    *METRICS,
)


def shipped() -> list[str]:
    """The names of the files that come with this package."""
    return sorted(path.stem for path in SHIPPED.glob('*.yaml'))


def read(
    preset: str, where: str, extending: tuple[str, ...] = ()
) -> dict[str, str]:
    """What a file says, and what those say that it extends, by path.

    :param preset: name of a shipped file, or a path
    :param where: beginning of every message
    :param extending: the files that extend this one
    :raises ConfigError: a file cannot be read, or has a wrong key or value
    """
    if preset in extending:
        raise ConfigError(f'{where}: it extends itself. Remove "extends".')
    values = dict(_flat(_content(preset, where)))
    for path, value in values.items():
        check(f'{where}: {path}', path, value)
    base = values.pop('extends', None)
    if base is None:
        return values
    inherited = read(base, f'{where}: extends = {base}', (*extending, preset))
    return inherited | values


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML takes the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: list[Any] = []
        for key, _ in node.value:
            if key.value in seen:
                raise ValueError(
                    f'the key {key.value!r} stands twice, the second time in '
                    f'line {key.start_mark.line + 1}'
                )
            seen.append(key.value)
        return super().construct_mapping(node, deep)


def _content(preset: str, where: str) -> dict[Any, Any]:
    path = pathlib.Path(preset)
    if not path.is_absolute():
        if preset not in shipped():
            raise ConfigError(
                f'{where}: there is no preset of that name. Use one of '
                f'{", ".join(shipped())}, or the absolute path of a file.'
            )
        path = SHIPPED / f'{preset}.yaml'
    try:
        content = _Loader(path.read_text(encoding='utf-8')).get_single_data()
    except OSError as e:
        raise ConfigError(
            f'{where}: the file cannot be read: {e}. Let this service read it.'
        ) from e
    # What is no UTF-8 is a ValueError.
    except (ValueError, RecursionError, yaml.YAMLError) as e:
        raise ConfigError(
            f'{where}: the file is no YAML: {one_line(e)}. Correct it.'
        ) from e
    if not isinstance(content, dict):
        raise ConfigError(
            f'{where}: the file has no keys. Write {", ".join(KEYS)}.'
        )
    return content


def _flat(content: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Each key of a file by its path, with its value.

    Of ``hosts: {label: instance}`` it is ``('hosts.label', 'instance')``. What
    is no section is not entered: by YAML's aliases a small file can be huge,
    or hold itself.
    """
    for section, value in content.items():
        if isinstance(value, dict) and section in [*Subject]:
            yield from ((f'{section}.{key}', value[key]) for key in value)
        else:
            yield str(section), value


def check(where: str, path: str, value: Any) -> None:
    """Look at one key, and at what it says.

    :param where: what says it, for the message
    :raises ConfigError: the key is unknown, or the value is wrong
    """
    shown = repr(value) if isinstance(value, str) else reprlib.repr(value)
    if path not in KEYS:
        # A key that nobody reads is a misspelt one.
        section, _, _ = path.partition('.')
        known = [key for key in KEYS if key.startswith(f'{section}.')]
        raise ConfigError(
            f'{where} = {shown} is none of the keys of a preset file. Use '
            f'{", ".join(known or KEYS)}.'
        )
    _, _, kind = path.rpartition('.')
    form, fault = _FORMS.get(kind, ('', ''))
    if not isinstance(value, str) or not value.strip():
        fault = 'is no text. Write some, in quotes.'
    elif kind == 'regex':
        try:
            if not re.compile(value).groups:
                fault = 'has no group. Put the name in parentheses.'
        except re.error as e:
            fault = f'is no Python regular expression: {e}. Correct it.'
    elif not form or re.fullmatch(form, value):
        return
    if fault:
        raise ConfigError(f'{where} = {shown} {fault}')
