"""The view as a message: ``encode`` writes it, ``decode`` reads it."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from steal_scheduler.exception import StealError
from steal_scheduler.model.host_view import HostView, Mover, Tier, View

#: Raised with every change that an older listener would misread.
VERSION = 3


class ViewError(StealError):
    """A message that is not a view, or not one of our version."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f'{value!r} is not a name')
    return value


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f'{value!r} is not a number')
    return number


#: What reads each kind of value; other kinds have a form of their own.
_READERS: Mapping[Any, Callable[[Any], Any]] = {
    float: _number,
    float | None: lambda value: None if value is None else _number(value),
    int: int,
    Tier: Tier,
}


def _readers(kind: type) -> dict[str, Callable[[Any], Any]]:
    """By the name of its field: of a ``View`` for example ``taken_at``."""
    fields = dataclasses.fields(kind)
    return {f.name: _READERS[f.type] for f in fields if f.type in _READERS}


#: Of the view itself, and of each host in the order of ``HostView``.
_NUMBERS, _COLUMNS = _readers(View), _readers(HostView)


def encode(view: View) -> dict[str, Any]:
    """A JSON-able dict, in columns: names once, numbers rounded.

    8,000 hosts and 100,000 servers have to fit into one message. For example
    hosts a, cold, and b, hot, both in zone az1::

        {'hosts': ['a', 'b'], 'tier': [0, 2], 'zones': ['az1'],
         'zone': [0, 0], 'steal': [0.01, 0.25], ...}
    """
    index = {name: i for i, name in enumerate(view.hosts)}
    hosts = view.hosts.values()
    zones = sorted({h.zone for h in hosts if h.zone is not None})
    zone_index = {None: None} | {zone: i for i, zone in enumerate(zones)}
    return {
        'version': VERSION,
        **{name: getattr(view, name) for name in _NUMBERS},
        'hosts': list(index),
        **{
            name: [_rounded(getattr(host, name), name) for host in hosts]
            for name in _COLUMNS
        },
        'zones': zones,
        'zone': [zone_index[host.zone] for host in hosts],
        'roles': {
            role: [
                part
                for name, count in counts.items()
                if name in index
                for part in (index[name], count)
            ]
            for role, counts in view.roles.items()
        },
        'movers': {
            server_id: [m.role, m.zone, m.source, round(m.demand, 2)]
            for server_id, m in view.movers.items()
        },
    }


def _rounded(value: float | None, name: str) -> float | None:
    """To what matters: 2 digits of cores, 4 of a share."""
    return None if value is None else round(value, 4 if name == 'steal' else 2)


def decode(message: Mapping[str, Any]) -> View:
    """The view that ``encode`` was given, to its rounding.

    What comes out of here is used to answer requests, so nothing that could
    fail there gets through.

    :raises ViewError: it is none, or of another version
    """
    try:
        if message['version'] != VERSION:
            raise ViewError(
                f'version {message["version"]} instead of {VERSION}. Run '
                'the same steal-scheduler on all controllers.'
            )
        return _view(message)
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        raise ViewError(f'the message is no view: {error!r}.') from error


def _view(message: Mapping[str, Any]) -> View:
    names = [_text(name) for name in message['hosts']]
    zones = [_text(name) for name in message['zones']]
    columns = zip(
        *(map(read, message[name]) for name, read in _COLUMNS.items()),
        (None if i is None else zones[i] for i in message['zone']),
        strict=True,
    )
    view = View(
        hosts={
            name: HostView(*column)
            for name, column in zip(names, columns, strict=True)
        },
        roles={
            role: {
                names[index]: int(count)
                for index, count in zip(flat[::2], flat[1::2], strict=True)
            }
            for role, flat in message['roles'].items()
        },
        movers={
            server_id: Mover(role, zone, _text(source), _number(demand))
            for server_id, (role, zone, source, demand) in (
                message['movers'].items()
            )
        },
        **{name: read(message[name]) for name, read in _NUMBERS.items()},
    )
    if min(view.steal_band, view.target_demand) <= 0:
        raise ValueError('steal_band or target_demand is not positive')
    return view
