"""The view as a message: ``encode`` writes it, ``decode`` reads it."""

import math
from collections.abc import Mapping
from typing import Any

from steal_scheduler.exception import StealError
from steal_scheduler.model.host_view import HostView, Mover, Tier, View

#: Raised with every change that an older listener would misread.
VERSION = 3


class ViewError(StealError):
    """A message that is not a view, or not one of our version."""


def encode(view: View) -> dict[str, Any]:
    """A JSON-able dict, in columns: names once, numbers rounded.

    8,000 hosts and 100,000 servers have to fit into one message.
    """
    names = list(view.hosts)
    index = {name: i for i, name in enumerate(names)}
    hosts = view.hosts.values()
    zones = sorted({h.zone for h in hosts if h.zone is not None})
    zone_index = {zone: i for i, zone in enumerate(zones)}
    return {
        'version': VERSION,
        'taken_at': view.taken_at,
        'steal_band': view.steal_band,
        'target_demand': view.target_demand,
        'max_arrivals': view.max_arrivals,
        'steal_threshold': view.steal_threshold,
        'hosts': names,
        'tier': [int(h.tier) for h in hosts],
        'steal': [round(h.steal, 4) for h in hosts],
        'demand': [round(h.demand, 2) for h in hosts],
        'cores': [round(h.cores, 2) for h in hosts],
        'credit': [round(h.credit, 2) for h in hosts],
        'arrivals': [h.arrivals for h in hosts],
        'runnable': [
            None if h.runnable is None else round(h.runnable, 2) for h in hosts
        ],
        'zones': zones,
        'zone': [
            None if h.zone is None else zone_index[h.zone] for h in hosts
        ],
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
        map(Tier, message['tier']),
        map(_number, message['steal']),
        map(_number, message['demand']),
        map(_number, message['cores']),
        map(_number, message['credit']),
        map(int, message['arrivals']),
        map(_number_or_none, message['runnable']),
        (None if i is None else zones[i] for i in message['zone']),
        strict=True,
    )
    return View(
        taken_at=_number(message['taken_at']),
        hosts={
            name: HostView(*column)
            for name, column in zip(names, columns, strict=True)
        },
        roles={
            role: _counts(names, flat)
            for role, flat in message['roles'].items()
        },
        movers={
            server_id: Mover(role, zone, _text(source), _number(demand))
            for server_id, (role, zone, source, demand) in (
                message['movers'].items()
            )
        },
        steal_band=_positive(message['steal_band']),
        target_demand=_positive(message['target_demand']),
        max_arrivals=int(message['max_arrivals']),
        steal_threshold=_number(message['steal_threshold']),
    )


def _counts(names: list[str], flat: list[int]) -> dict[str, int]:
    return {
        names[index]: int(count)
        for index, count in zip(flat[::2], flat[1::2], strict=True)
    }


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f'{value!r} is not a name')
    return value


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f'{value!r} is not a number')
    return number


def _number_or_none(value: Any) -> float | None:
    return None if value is None else _number(value)


def _positive(value: Any) -> float:
    number = _number(value)
    if number <= 0:
        raise ValueError(f'{value!r} is not positive')
    return number
