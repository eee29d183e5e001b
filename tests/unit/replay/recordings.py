"""Recordings for the tests, in one line each."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from steal_scheduler.replay.recording import (
    Group,
    RecordedHost,
    RecordedServer,
    Recording,
)


def host(name: str, **other: Any) -> RecordedHost:
    values: dict[str, Any] = {
        'zone': 'az1',
        'cores': 4.0,
        'ram_mb': 64 * 1024.0,
        'disk_gb': 1000.0,
    }
    return RecordedHost(name, **(values | other))


def server(server_id: str, host: str, **other: Any) -> RecordedServer:
    values: dict[str, Any] = {
        'name': f'name of {server_id}',
        'project': 'p',
        'role': None,
        'vcpus': 4,
        'ram_mb': 4096,
        'disk_gb': 0,
        'work': 'queueing',
    }
    return RecordedServer(server_id, host=host, **(values | other))


def recording(
    hosts: Sequence[RecordedHost],
    wants: dict[RecordedServer, float | Sequence[float]],
    minutes: int = 15,
    groups: Sequence[Group] = (),
) -> Recording:
    """:param wants: cores, all the time or in rows of five minutes"""
    rows = max(
        len(w) if isinstance(w, Sequence) else 1 for w in wants.values()
    )
    demand = np.array(
        [w if isinstance(w, Sequence) else [w] * rows for w in wants.values()]
    ).T
    return Recording(
        tuple(hosts),
        tuple(wants),
        tuple(groups),
        np.arange(rows) * 300.0,
        max(minutes * 60.0, rows * 300.0),
        demand.astype(float),
    )
