"""The folder of a recording: how it is read, and written.

It has two files:

``cluster.json``
    ``{"step_s": 300, "hosts": [{"name", "zone", "cores", "ram_mb",
    "disk_gb"}], "servers": [{"id", "name", "project", "role", "vcpus",
    "ram_mb", "disk_gb", "host", "work"}]}``, and if there are any ``"groups":
    [{"policy", "servers"}]``, hard ones only.
``demand.csv``, or ``demand.csv.xz``
    ``seconds,ID,ID,...`` and then a row for each step: the cores that each
    server wants from then on, until the next row.
"""

import csv
import dataclasses
import json
import lzma
import math
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

import numpy as np

from steal_scheduler.exception import StealError
from steal_scheduler.model.room import HARD
from steal_scheduler.replay.recording import (
    Floats,
    Group,
    RecordedHost,
    RecordedServer,
    Recording,
)

#: What can become of work that its host cannot do at once.
WORKS = ('queueing', 'batch')


class RecordingError(StealError):
    """A recording cannot be read; says which file, what in it, and why."""


def read(folder: str) -> Recording:
    """Read the files of a folder.

    :raises RecordingError: one cannot be read, or is none
    """
    top = pathlib.Path(folder)
    cluster = top / 'cluster.json'
    try:
        document = json.loads(cluster.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise RecordingError(f'{cluster}: {error}') from error
    step = _number(_mapping(document, cluster), 'step_s', cluster)
    if not step:
        raise RecordingError(f'{cluster}: step_s must be more than 0 seconds.')
    hosts = tuple(_hosts(document, cluster))
    servers = tuple(_servers(document, {h.name for h in hosts}, cluster))
    index = {server.id: n for n, server in enumerate(servers)}
    seconds, demand = _demand(top, index)
    return Recording(
        hosts,
        servers,
        tuple(_groups(document, index, cluster)),
        seconds,
        float(seconds[-1]) + step,
        demand,
    )


def write(recording: Recording, folder: str) -> None:
    """Write the files of a folder, which is made if it is not there.

    :raises RecordingError: they cannot be written, or are there
    """
    top = pathlib.Path(folder)
    cluster = top / 'cluster.json'
    ids = [server.id for server in recording.servers]
    document = {
        'step_s': recording.end - float(recording.seconds[-1]),
        'hosts': [*map(dataclasses.asdict, recording.hosts)],
        'servers': [*map(dataclasses.asdict, recording.servers)],
    }
    if recording.groups:
        document['groups'] = [
            {'policy': g.policy, 'servers': [ids[n] for n in g.servers]}
            for g in recording.groups
        ]
    try:
        top.mkdir(parents=True, exist_ok=True)
        with cluster.open('x', encoding='utf-8') as file:
            json.dump(document, file, indent=1)
        with lzma.open(
            top / 'demand.csv.xz', 'wt', encoding='utf-8', newline=''
        ) as packed:
            lines = csv.writer(packed)
            lines.writerow(['seconds', *ids])
            for second, row in zip(
                recording.seconds, recording.demand, strict=True
            ):
                lines.writerow([second, *(f'{value:.4g}' for value in row)])
    except FileExistsError as error:
        raise RecordingError(
            f'{cluster}: there is a recording already. Name another folder.'
        ) from error
    except OSError as error:
        raise RecordingError(f'{folder}: {error}') from error


def _hosts(document: Any, path: pathlib.Path) -> Iterator[RecordedHost]:
    names = set[str]()
    for n, each in enumerate(_list(document, 'hosts', path)):
        where = f'{path}: hosts[{n}]'
        host = RecordedHost(
            _text(each, 'name', where),
            _text(each, 'zone', where),
            _number(each, 'cores', where),
            _number(each, 'ram_mb', where),
            _number(each, 'disk_gb', where),
        )
        if host.name in names:
            raise RecordingError(f'{where}: {host.name} is there twice.')
        names.add(host.name)
        yield host


def _servers(
    document: Any, hosts: set[str], path: pathlib.Path
) -> Iterator[RecordedServer]:
    ids = set[str]()
    for n, each in enumerate(_list(document, 'servers', path)):
        where = f'{path}: servers[{n}]'
        server = RecordedServer(
            id=_text(each, 'id', where),
            name=_text(each, 'name', where),
            project=_text(each, 'project', where),
            role=each.get('role') and _text(each, 'role', where),
            vcpus=int(_number(each, 'vcpus', where)),
            ram_mb=int(_number(each, 'ram_mb', where)),
            disk_gb=int(_number(each, 'disk_gb', where)),
            host=_text(each, 'host', where),
            work=_text(each, 'work', where),
        )
        if server.id in ids:
            raise RecordingError(f'{where}: {server.id} is there twice.')
        if server.host not in hosts:
            raise RecordingError(f'{where}: no host is called {server.host}.')
        if server.work not in WORKS:
            raise RecordingError(
                f'{where}: work is {server.work}, and not one of '
                f'{", ".join(WORKS)}.'
            )
        if not server.vcpus:
            raise RecordingError(f'{where}: vcpus must be 1 or more.')
        ids.add(server.id)
        yield server


def _groups(
    document: Any, index: Mapping[str, int], path: pathlib.Path
) -> Iterator[Group]:
    if 'groups' not in document:
        return
    for n, each in enumerate(_list(document, 'groups', path)):
        where = f'{path}: groups[{n}]'
        policy = _text(each, 'policy', where)
        if policy not in HARD:
            raise RecordingError(
                f'{where}: policy is {policy}, and not one of '
                f'{", ".join(HARD)}.'
            )
        ids = _list(each, 'servers', where)
        if unknown := [i for i in ids if i not in index]:
            raise RecordingError(f'{where}: no server is {unknown[0]!r}.')
        yield Group(policy, tuple(index[i] for i in ids))


def _demand(
    top: pathlib.Path, index: Mapping[str, int]
) -> tuple[Floats, Floats]:
    """Read ``demand.csv``: when its rows begin, and the rows."""
    path = top / 'demand.csv'
    packed = top / 'demand.csv.xz'
    if not path.exists() and packed.exists():
        path = packed
    try:
        with _open(path) as file:
            return _rows(csv.reader(file), index, path)
    except (OSError, ValueError, csv.Error, lzma.LZMAError, EOFError) as error:
        raise RecordingError(f'{path}: {error}') from error


def _open(path: pathlib.Path) -> TextIO:
    if path.suffix == '.xz':
        return lzma.open(path, 'rt', encoding='utf-8', newline='')
    return path.open(encoding='utf-8', newline='')


def _rows(
    lines: Iterator[Sequence[str]],
    index: Mapping[str, int],
    path: pathlib.Path,
) -> tuple[Floats, Floats]:
    first, *ids = next(lines, [''])
    if first != 'seconds' or sorted(ids) != sorted(index):
        raise RecordingError(
            f'{path}: the first line must be "seconds" and the ids of all '
            'servers of cluster.json, once each.'
        )
    columns = np.empty(len(ids), dtype=np.int64)
    for column, server_id in enumerate(ids):
        columns[index[server_id]] = column
    rows = []
    for number, line in enumerate(lines, start=2):
        values = np.array(line, dtype=np.float64)
        if len(values) != len(ids) + 1:
            raise RecordingError(
                f'{path}, line {number}: {len(values)} values, and not '
                f'{len(ids) + 1}.'
            )
        if not np.isfinite(values).all() or (values < 0).any():
            raise RecordingError(
                f'{path}, line {number}: each value must be a number of 0 '
                'or more.'
            )
        rows.append(values)
    if not rows:
        raise RecordingError(f'{path}: it has no row.')
    table = np.array(rows)
    seconds = table[:, 0]
    if seconds[0] or (np.diff(seconds) <= 0).any():
        raise RecordingError(
            f'{path}: the seconds must begin with 0, and grow.'
        )
    return seconds, np.ascontiguousarray(table[:, 1:][:, columns])


def _mapping(value: Any, where: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RecordingError(f'{where}: it must be an object.')
    return value


def _list(value: Any, key: str, where: object) -> Sequence[Any]:
    found = _mapping(value, where).get(key)
    if not isinstance(found, list) or not found:
        raise RecordingError(f'{where}: {key} must be a list, and not empty.')
    return found


def _text(value: Any, key: str, where: object) -> str:
    found = _mapping(value, where).get(key)
    if not isinstance(found, str) or not found:
        raise RecordingError(f'{where}: {key} must be a text, not {found!r}.')
    return found


def _number(value: Any, key: str, where: object) -> float:
    found = _mapping(value, where).get(key)
    if (
        isinstance(found, bool)
        or not isinstance(found, int | float)
        or not 0 <= found < math.inf
    ):
        raise RecordingError(
            f'{where}: {key} must be a number of 0 or more, not {found!r}.'
        )
    return float(found)
