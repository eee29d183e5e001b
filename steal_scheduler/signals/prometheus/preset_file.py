"""A preset file, read and checked: what each of its keys says.

It is YAML; doc/source/configuration/signals.rst describes every key, and the
files that come with this package lie in ``presets/``. A file may extend
another one: what it does not set is taken from that.
"""

import pathlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from steal_scheduler.exception import ConfigError
from steal_scheduler.model.cloud import GuestKey
from steal_scheduler.signals.prometheus.parse import METRICS

SHIPPED = pathlib.Path(__file__).parent / 'presets'

#: A chain of files that extend each other; it is of two, mostly.
_MOST_FILES = 10

_MATCHER = re.compile(
    r"""\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*"""
    r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')\s*"""
)
_MATCHERS = re.compile(f'{_MATCHER.pattern}(?:,{_MATCHER.pattern})*')


def fault_of_matchers(text: str) -> str:
    """What is wrong with a list of label matchers; '' when nothing is."""
    if _MATCHERS.fullmatch(text):
        return ''
    return (
        'is no list of PromQL label matchers. Write, for example, '
        'job="guests", env=~"prod|test", without braces.'
    )


def matchers(text: str) -> list[tuple[str, str, str]]:
    """The label, operator and value of each matcher of a list."""
    return [
        (label, operator, quoted[1:-1])
        for label, operator, quoted in _MATCHER.findall(text)
    ]


def _fault_of_text(text: str) -> str:
    return ''


def _fault_of_label(text: str) -> str:
    if re.fullmatch('[A-Za-z_][A-Za-z0-9_]*', text):
        return ''
    return 'is no name of a label. Use letters, digits and underscores.'


def _fault_of_regex(text: str) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as e:
        return f'is no Python regular expression: {e}. Correct it.'
    return '' if groups else 'has no group. Put the name in parentheses.'


def _fault_of_guest_key(text: str) -> str:
    words = [*GuestKey]
    return '' if text in words else f'is unknown. Use {", ".join(words)}.'


#: The path of each key, and what tells what is wrong with a value.
KEYS: Mapping[str, Callable[[str], str]] = {
    'extends': _fault_of_text,
    'servers.label': _fault_of_label,
    'servers.needs': _fault_of_text,
    'hosts.label': _fault_of_label,
    'hosts.regex': _fault_of_regex,
    'hosts.selector': fault_of_matchers,
    'hosts.needs': _fault_of_text,
    'guests.identified_by': _fault_of_guest_key,
    'guests.label': _fault_of_label,
    'guests.regex': _fault_of_regex,
    'guests.selector': fault_of_matchers,
    'guests.needs': _fault_of_text,
    **{metric.path: _fault_of_text for metric in METRICS.values()},
}


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
    if len(extending) >= _MOST_FILES:
        raise ConfigError(
            f'{where}: more than {_MOST_FILES} files extend each other. Let '
            'this one extend a shipped one.'
        )
    values = dict(_values(_mapping(_find(preset, where), where), where))
    base = values.pop('extends', None)
    if base is None:
        return values
    inherited = read(base, f'{where}: extends = {base}', (*extending, preset))
    return inherited | values


def _find(preset: str, where: str) -> pathlib.Path:
    path = pathlib.Path(preset)
    if path.is_absolute():
        return path
    if preset not in shipped():
        raise ConfigError(
            f'{where}: there is no preset of that name. Use one of '
            f'{", ".join(shipped())}, or the absolute path of a file.'
        )
    return SHIPPED / f'{preset}.yaml'


def _mapping(path: pathlib.Path, where: str) -> dict[Any, Any]:
    try:
        text = path.read_text(encoding='utf-8')
        _check_aliases(text)
        _check_keys(yaml.compose(text, Loader=yaml.SafeLoader))
        content = yaml.safe_load(text)
    except OSError as e:
        raise ConfigError(
            f'{where}: the file cannot be read: {e}. Let this service read it.'
        ) from e
    # What is no UTF-8 is a ValueError.
    except (ValueError, RecursionError, yaml.YAMLError) as e:
        raise ConfigError(
            f'{where}: the file is no YAML: {e}. Correct it.'
        ) from e
    if not isinstance(content, dict):
        raise ConfigError(
            f'{where}: the file has no keys. Write {_siblings("")}.'
        )
    return content


def _check_aliases(text: str) -> None:
    """Refuse aliases, by which a small file can be huge or hold itself."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(
                f'it has the alias *{event.anchor}; write out what it stands '
                'for'
            )


def _check_keys(node: yaml.Node | None) -> None:
    """Refuse a key that stands twice, of which YAML takes the last."""
    if not isinstance(node, yaml.MappingNode):
        return
    found = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ValueError(
                f'the key in line {key.start_mark.line + 1} is no text'
            )
        if key.value in found:
            raise ValueError(
                f'the key {key.value!r} stands twice, the second time in '
                f'line {key.start_mark.line + 1}'
            )
        found.add(key.value)
        _check_keys(value)


def _values(
    content: Mapping[Any, Any], where: str, section: str = ''
) -> Iterator[tuple[str, str]]:
    """Every key of one file with its value, once both are checked."""
    for key, value in content.items():
        path = f'{section}{key}'
        if path in KEYS:
            if not isinstance(value, str) or not value.strip():
                raise ConfigError(
                    f'{where}: {path} = {value!r} is no text. Write some, '
                    'in quotes.'
                )
            fault = KEYS[path](value)
            if fault:
                raise ConfigError(f'{where}: {path} = {value!r} {fault}')
            yield path, value
        elif not any(known.startswith(f'{path}.') for known in KEYS):
            # A key that nobody reads is a misspelt one.
            raise ConfigError(
                f'{where}: the key {path} is unknown. Use '
                f'{_siblings(section)}.'
            )
        elif not isinstance(value, dict):
            raise ConfigError(
                f'{where}: {path} = {value!r} is no section. Write '
                f'{_siblings(f"{path}.")} below it.'
            )
        else:
            yield from _values(value, where, f'{path}.')


def _siblings(section: str) -> str:
    """The keys that a section may have, for a message."""
    below = (k.removeprefix(section) for k in KEYS if k.startswith(section))
    return ', '.join(dict.fromkeys(k.partition('.')[0] for k in below))
