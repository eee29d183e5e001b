"""The view as a message: ``encode`` writes it, ``decode`` reads it."""

import dataclasses
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from steal_scheduler.edge.sense import NONSENSE
from steal_scheduler.exception import StealError
from steal_scheduler.messaging import rankings_format
from steal_scheduler.model.host_view import HostView, Mover, Tier, View

#: Raised with every change that an older listener would misread. The version
#: before is still read then: nova-scheduler is upgraded first.
VERSION = 5
#: It is read as well: there the roles of all projects are the same.
BEFORE = 4


#: In the place of a view it asks who takes views; an older listener warns of
#: its version, and ignores it.
QUESTION = {'version': 'who is there'}


class ViewError(StealError):
    """A message that is not a view, or not one of our version."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f'{value!r} is not a name')
    # Kept once: 8,000 hosts lie in few zones.
    return sys.intern(value)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f'{value!r} is not a number')
    return number


#: What reads each kind of value; other kinds have a form of their own.
_READERS: Mapping[Any, Callable[[Any], Any]] = {
    str: _text,
    str | None: lambda value: None if value is None else _text(value),
    float: _number,
    float | None: lambda value: None if value is None else _number(value),
    int: int,
    Tier: Tier,
}


def _readers(kind: type) -> dict[str, Callable[[Any], Any]]:
    """By the name of its field: of a ``View`` for example ``taken_at``."""
    fields = dataclasses.fields(kind)
    return {f.name: _READERS[f.type] for f in fields if f.type in _READERS}


_VIEW, _HOST, _MOVER = map(_readers, (View, HostView, Mover))


def encode(view: View) -> dict[str, Any]:
    """A JSON-able dict, in rows: no field is named twice, numbers rounded.

    8,000 hosts and 100,000 servers have to fit into one message. For example
    hosts a, cold, and b, hot, the fields of each in the order of
    ``HostView``::

        {'hosts': {'a': [0, 0.01, ..., 'az1'], 'b': [2, 0.25, ..., 'az1']},
         ...}
    """
    # NOTE: an older listener ignores it, and places new servers there.
    more = {'emptied': sorted(view.emptied)} if view.emptied else {}
    return {
        'version': VERSION,
        **more,
        **{name: getattr(view, name) for name in _VIEW},
        'project_groups': {**(view.project_groups or {})},
        'hosts': {n: _row(host, _HOST) for n, host in view.hosts.items()},
        'roles': {role: {**counts} for role, counts in view.roles.items()},
        'movers': {s: _row(mover, _MOVER) for s, mover in view.movers.items()},
        'rankings': rankings_format.encode(view.rankings, view.hosts),
    }


def _row(value: HostView | Mover, names: Iterable[str]) -> list[Any]:
    return [_rounded(getattr(value, name), name) for name in names]


def _rounded(value: Any, name: str) -> Any:
    """A number to what matters: 2 digits of cores, 4 of a share."""
    digits = 4 if name == 'steal' else 2
    return round(value, digits) if isinstance(value, float) else value


def decode(message: Mapping[str, Any]) -> View:
    """The view that ``encode`` was given, to its rounding.

    What comes out of here is used to answer requests, so nothing that could
    fail there gets through.

    :raises ViewError: it is none, or of another version
    """
    try:
        version = message['version']
        if version not in (BEFORE, VERSION):
            behind = 'steal-migrator'
            if version > VERSION:
                behind = "this nova-scheduler's environment"
            raise ViewError(
                f'it is of version {version}, and versions {BEFORE} and '
                f'{VERSION} are read. Upgrade steal-scheduler of {behind}.'
            )
        return _view(message, version)
    except NONSENSE as error:
        raise ViewError(f'the message is no view: {error!r}.') from error


def _view(message: Mapping[str, Any], version: int) -> View:
    groups = None
    if version != BEFORE:
        groups = {
            _text(project): _text(group)
            for project, group in message['project_groups'].items()
        }
    return View(
        hosts={
            name: HostView(*_read(_HOST, row))
            for name, row in message['hosts'].items()
        },
        roles={
            role: {host: int(count) for host, count in counts.items()}
            for role, counts in message['roles'].items()
        },
        movers={
            server_id: Mover(*_read(_MOVER, row))
            for server_id, row in message['movers'].items()
        },
        project_groups=groups,
        emptied=frozenset(map(_text, message.get('emptied', ()))),
        rankings=rankings_format.decode(
            message.get('rankings'), message['hosts']
        ),
        **{name: read(message[name]) for name, read in _VIEW.items()},
    )


def _read(readers: Mapping[str, Callable[[Any], Any]], row: Any) -> list[Any]:
    return [read(v) for read, v in zip(readers.values(), row, strict=True)]
