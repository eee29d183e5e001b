"""Signals out of a JSON file: the commented example of a signal source.

To write a source of your own, copy this file, give ``read`` your own way to
know, and name your class in the entry-point group
``steal_scheduler.signals`` of your package; the entry point's name is what
``[signals] source`` then says, and the group your options are found in.

Besides, a script that knows your cloud can write the file every minute (to
a temporary name beside it, then rename it, so that no half is ever read)::

    {
        'taken_at': 1767225600.0,
        'window': 60,
        'servers': {
            'c7b0...': {
                'host': 'compute-1',
                'used': 1.5,
                'waited': 0.4,
                'load': 2.1,
                'throttled': 0.0,
                'bad_seconds': 0.2,
                'guest_waited': 0.41,
            }
        },
        'hosts': {
            'compute-1': {
                'cores': 16,
                'used': 12.5,
                'runnable': 1.1,
                'clock_offset': -0.2,
                'reliable': true,
            }
        },
    }

``taken_at`` is in epoch seconds. The values are means over the ``window``
seconds up to it; without ``window`` they are taken for means over a minute.
Units are those of ``ServerSignal`` and ``HostSignal`` in ``model/cloud.py``. A
server must have ``used`` and ``waited``, a host
``cores``; the rest may be missing or null.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg

from steal_scheduler.exception import ConfigError, SignalError
from steal_scheduler.model.cloud import HostSignal, ServerSignal, Signals
from steal_scheduler.signals.base import SignalSource

OPTS = [
    cfg.StrOpt(
        'path',
        help="""
File that the static source reads, anew for every reading.

Possible values:

* The path of a JSON file; steal_scheduler/signals/static.py documents it

Related options:

* ``[signals] source``, ``[signals] max_age``: the file must be written more
  often
""",
    ),
]

_ANY = sys.float_info.max
#: Seconds; of a file that does not say over what its values are means.
_WINDOW = 60.0

#: Keys and the highest value of each; what may not be missing.
_SERVER = {
    'used': _ANY,
    'waited': _ANY,
    'throttled': _ANY,
    'bad_seconds': 1.0,
    'load': _ANY,
    'guest_waited': _ANY,
}
_HOST = {'cores': _ANY, 'used': _ANY, 'runnable': _ANY, 'clock_offset': _ANY}
#: What may be less than 0.
_SIGNED = {'clock_offset'}


class StaticSource(SignalSource):
    # These are registered in the group [static] before __init__ is called:
    # the group's name is the entry point's.
    OPTS = OPTS

    def __init__(self, conf: Any) -> None:
        super().__init__(conf)
        # Only what can be told without I/O is judged here: whether the file
        # exists may change while the service runs, so read() finds out.
        if not conf.static.path:
            raise ConfigError(
                '[static] path is not set. Give the path of a JSON file.'
            )

    def read(self, now: float) -> Signals:
        path = self.conf.static.path
        # Every failure becomes a SignalError that says what to do. Never
        # return nothing instead: that would mean that no server waits.
        try:
            with open(path, encoding='utf-8') as file:
                content = json.load(file, object_pairs_hook=_unique)
            return _signals(content, now, self.conf.signals.max_age)
        except OSError as e:
            raise SignalError(
                f'[static] path = {path} cannot be read: {e}. Let this '
                'service read it, and let something write it.'
            ) from e
        # What is no JSON, or no UTF-8, is a ValueError too.
        except ValueError as e:
            raise SignalError(
                f'[static] path = {path} holds no signals: {e}. '
                'steal_scheduler/signals/static.py documents its form.'
            ) from e


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice, which JSON readers let pass.

    A server that stands twice is claimed twice.
    """
    unique = dict(pairs)
    if len(unique) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f'the key {twice!r} stands twice')
    return unique


def _signals(content: Any, now: float, max_age: int) -> Signals:
    top = _object(
        'the file', content, {'taken_at', 'window', 'servers', 'hosts'}
    )
    taken_at = _number('taken_at', top.get('taken_at'), _ANY)
    # Signals from the past say nothing about now, however good they were.
    if abs(now - taken_at) > max_age:
        raise ValueError(
            f'taken_at = {taken_at} is {now - taken_at:.0f} seconds ago, '
            f'and [signals] max_age = {max_age} seconds'
        )
    servers = {}
    for name, server in _items('servers', top):
        where = f'servers.{name}'
        keys = _object(where, server, {'host', *_SERVER})
        host = keys.get('host')
        if not isinstance(host, str | None):
            raise ValueError(f'{where}.host is {host!r}, not a name')
        servers[name] = ServerSignal(
            server_id=name,
            # None is for a source inside the guests, which cannot know.
            host=host,
            at=taken_at,
            **_numbers(where, keys, _SERVER, needed={'used', 'waited'}),
        )
    hosts = {}
    for name, host in _items('hosts', top):
        where = f'hosts.{name}'
        keys = _object(where, host, {'reliable', *_HOST})
        reliable = keys.get('reliable', True)
        if not isinstance(reliable, bool):
            raise ValueError(
                f'{where}.reliable is {reliable!r}, not a boolean'
            )
        hosts[name] = HostSignal(
            host=name,
            at=taken_at,
            reliable=reliable,
            **_numbers(where, keys, _HOST, needed={'cores'}),
        )
    window = _number('window', top.get('window', _WINDOW), _ANY)
    return Signals(servers, hosts, taken_at, window=window)


def _items(name: str, top: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return list(_object(name, top.get(name), None).items())


def _object(
    where: str, value: Any, allowed: set[str] | None
) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f'{where} is {value!r}, not an object')
    # A key that nobody reads is a misspelt one.
    unknown = value.keys() - allowed if allowed else ()
    if unknown:
        raise ValueError(
            f'{where} has the key {min(unknown)!r}, which is unknown'
        )
    return value


def _numbers(
    where: str,
    keys: Mapping[str, Any],
    highest: Mapping[str, float],
    needed: set[str],
) -> dict[str, Any]:
    return {
        key: _number(
            f'{where}.{key}',
            keys.get(key),
            most,
            least=-most if key in _SIGNED else 0,
        )
        for key, most in highest.items()
        if key in needed or keys.get(key) is not None
    }


def _number(where: str, value: Any, most: float, least: float = 0) -> float:
    # In Python, true is a number, and in its JSON, so are NaN and Infinity.
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not least <= value <= most
    ):
        raise ValueError(f'{where} is {value!r}, not in {least:g} to {most:g}')
    return float(value)
