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
                'worst_used': 0.6,
                'worst_waited': 0.3,
                'threads_used': 0.2,
                'threads_waited': 0.05,
                'history': [1.9, 2.0],
            }
        },
        'hosts': {
            'compute-1': {
                'cores': 16,
                'used': 12.5,
                'runnable': 1.1,
                'clock_offset': -0.2,
                'reliable': true,
                'network': 0.3,
            }
        },
    }

``taken_at`` is in epoch seconds. The values are means over the ``window``
seconds up to it; without ``window`` they are taken for means over a minute.
Units are those of ``ServerSignal`` and ``HostSignal`` in ``model/cloud.py``. A
server must have ``used`` and ``waited``, a host
``cores``; the rest may be missing or null. ``worst`` is the vCPU that waits
most, ``threads`` are those that are no vCPUs. ``history`` is what the server
used while it did not wait: means over five minutes of the last four hours.
"""

import json
import sys
from collections.abc import Mapping, Set
from typing import Any

from oslo_config import cfg

from steal_scheduler.exception import ConfigError, SignalError
from steal_scheduler.model import threads
from steal_scheduler.model.cloud import HostSignal, ServerSignal, Signals
from steal_scheduler.model.demand import History
from steal_scheduler.signals.base import SignalSource

#: Seconds; of a file that does not say over what its values are means.
_WINDOW = 60.0

#: What a key may tell, if not a number from 0: a type, or the least and the
#: most of a number.
_FORMS: Mapping[str, Any] = {
    'servers': dict,
    'hosts': dict,
    'history': list,
    'host': str,
    'reliable': bool,
    'bad_seconds': (0.0, 1.0),
    'network': (0.0, 1.0),
    'clock_offset': (-sys.float_info.max, sys.float_info.max),
}
_TYPES = {str: 'a name', bool: 'a boolean', dict: 'an object', list: 'a list'}


class StaticSource(SignalSource):
    # These are registered in the group [static] before __init__ is called:
    # the group's name is the entry point's.
    OPTS = (
        cfg.StrOpt(
            'path',
            help="""
JSON file that the static source reads, anew for every reading. It must be
written more often than ``[signals] max_age``; its form stands in
steal_scheduler/signals/static.py.
""",
        ),
    )

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
                # With whole numbers as floats, true is no number.
                content = json.load(
                    file, object_pairs_hook=_unique, parse_int=float
                )
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
    top = _keys('', content, {'taken_at', 'servers', 'hosts'}, {'window'})
    taken_at = top['taken_at']
    # Signals from the past say nothing about now, however good they were.
    if abs(now - taken_at) > max_age:
        raise ValueError(
            f'taken_at = {taken_at} is {now - taken_at:.0f} seconds ago, '
            f'and [signals] max_age = {max_age} seconds'
        )
    more = {'host', 'throttled', 'bad_seconds', 'load', 'guest_waited'}
    more |= {'worst_used', 'worst_waited', 'threads_used', 'threads_waited'}
    servers, history = {}, {}
    for name, told in top['servers'].items():
        where = f'servers.{name}'
        keys = _keys(where, told, {'used', 'waited'}, more | {'history'})
        if 'history' in keys:
            history[name] = _history(f'{where}.history', keys.pop('history'))
        # None is for a source inside the guests, which cannot know.
        keys.setdefault('host', None)
        of_threads = threads.take(keys)
        servers[name] = ServerSignal(
            name, at=taken_at, threads=of_threads, **keys
        )
    more = {'used', 'runnable', 'clock_offset', 'reliable', 'network'}
    hosts = {}
    for name, told in top['hosts'].items():
        keys = _keys(f'hosts.{name}', told, {'cores'}, more)
        hosts[name] = HostSignal(name, at=taken_at, **keys)
    return Signals(
        servers,
        hosts,
        taken_at,
        window=top.get('window', _WINDOW),
        history=history,
    )


def _history(where: str, cores: list[Any]) -> History:
    for one in cores:
        if not isinstance(one, float) or not 0 <= one <= sys.float_info.max:
            raise ValueError(f'{where} has {one!r}, not numbers from 0')
    return History(tuple(cores))


def _keys(
    where: str, value: Any, needed: Set[str], more: Set[str]
) -> dict[str, Any]:
    """The keys of an object that are not null, each of its kind.

    Of ``{"used": 1.5, "waited": 1, "load": null}`` they are
    ``{'used': 1.5, 'waited': 1.0}``.
    """
    if not isinstance(value, dict):
        raise ValueError(f'{where or "the file"} is {value!r}, not an object')
    # A key that nobody reads is a misspelt one.
    for key in sorted(value.keys() - needed - more):
        raise ValueError(
            f'{where or "the file"} has the key {key!r}, which is unknown'
        )
    told = {key: value[key] for key in value if value[key] is not None}
    for key in sorted(needed - told.keys()):
        raise ValueError(f'{where}.{key} is missing'.removeprefix('.'))
    for key, one in told.items():
        form = _FORMS.get(key, (0.0, sys.float_info.max))
        if form in _TYPES:
            right, kind = isinstance(one, form), _TYPES[form]
        else:
            least, most = form
            # In Python's JSON, NaN and Infinity are numbers.
            right = isinstance(one, float) and least <= one <= most
            kind = f'in {least:g} to {most:g}'
        if not right:
            fault = f'{where}.{key} is {one!r}, not {kind}'
            raise ValueError(fault.removeprefix('.'))
    return told
