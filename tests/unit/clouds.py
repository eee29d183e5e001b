"""Small clouds as hypothesis makes them up: with findings, or measured."""

import dataclasses
from typing import Any

from hypothesis import strategies as st

from steal_scheduler.model.cloud import Fleet, Host, Server, Signals
from steal_scheduler.model.finding import Finding
from steal_scheduler.model.host_view import HostView, Lately, Tier, View
from steal_scheduler.model.move import Move, Stage
from tests.unit.make import (
    NOW,
    finding,
    fleet,
    host_signal,
    migration,
    move,
    server,
    signal,
    signals,
)

HOSTS = ('a', 'b', 'c', 'd')
SERVERS = tuple(f's{n}' for n in range(8))
ZONES = ('az1', 'az2')


@dataclasses.dataclass(frozen=True)
class Cloud:
    fleet: Fleet
    view: View
    findings: tuple[Finding, ...]
    moves: dict[str, Move]


def quarters(least: int, most: int) -> st.SearchStrategy[float]:
    """Numbers that add up exactly."""
    return st.integers(least * 4, most * 4).map(lambda n: n / 4)


@st.composite
def clouds(draw: st.DrawFn, in_flight: bool = True) -> Cloud:
    zones = {name: draw(st.sampled_from(ZONES)) for name in HOSTS}
    target_demand = draw(st.sampled_from((50.0, 90.0, 100.0, 150.0)))
    host_view: dict[str, Any] = {
        'tier': st.sampled_from((Tier.COLD, Tier.COLD, *Tier)),
        'steal': st.sampled_from((0.0, 0.01, 0.03, 0.2)),
        'demand': quarters(0, 20),
        'cores': st.just(16.0),
        'credit': quarters(0, 4),
        'arrivals': st.sampled_from((0, 0, 0, 1)),
        'bad_seconds': st.none()
        | st.builds(Lately, st.sampled_from((0.0, 0.06, 0.2)), st.just(9)),
    }
    hosts = {name: draw(st.builds(HostView, **host_view)) for name in HOSTS}
    servers, findings, moves = {}, [], {}
    for server_id in draw(st.lists(st.sampled_from(SERVERS), unique=True)):
        host = draw(st.sampled_from(HOSTS))
        servers[server_id] = server(
            server_id,
            host=host,
            zone=zones[host],
            role=draw(st.none() | st.sampled_from(('web', 'db'))),
            ram_mb=draw(st.integers(1, 8)) * 1024,
            disk_gb=draw(st.sampled_from((0, 0, 100))),
        )
        kind = draw(st.sampled_from('fffm' if in_flight else 'f'))
        demand = draw(quarters(0, 8))
        if kind == 'f':
            findings.append(finding(server_id, host=host, demand=demand))
        else:
            moves[server_id] = move(
                server_id,
                source=host,
                zone=zones[host],
                demand=demand,
                stage=draw(st.sampled_from(Stage)),
            )
    return Cloud(
        Fleet(
            servers,
            {
                name: Host(
                    name, zone, draw(st.sampled_from((True, True, False)))
                )
                for name, zone in zones.items()
            },
            {},
        ),
        View(
            NOW,
            hosts,
            {'web': {'a': 1, 'b': 2}},
            {},
            target_demand=target_demand,
        ),
        tuple(findings),
        moves,
    )


@dataclasses.dataclass(frozen=True)
class Measured:
    """A fleet, and two readings of it that need not agree."""

    fleet: Fleet
    moves: dict[str, Move]
    one: Signals
    other: Signals


def usually(value: Any, *others: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from((*[value] * 9, *others))


#: What is drawn often is made once: hypothesis takes its time to make it.
_NAMES = st.sampled_from(HOSTS)
_TIMES = usually(NOW, NOW - 30, NOW - 500, NOW + 500)
_TOLD = usually(True, False)
_HOST = st.fixed_dictionaries(
    {
        'cores': usually(8.0, 16.0, 0.0),
        'at': _TIMES,
        'used': st.sampled_from((None, 2.0, 20.0)),
        'runnable': st.sampled_from((None, 0.5, 1.0, 3.0)),
        'clock_offset': usually(None, 0.0, 99.0),
        'reliable': usually(True, False),
    }
)
_SERVER = st.fixed_dictionaries(
    {
        'used': st.sampled_from((0.0, 0.5, 4.0, 8.0)),
        'waited': st.sampled_from((0.0, 0.0, 0.25, 4.0)),
        'at': _TIMES,
        'bad_seconds': st.sampled_from((None, 0.0, 0.5)),
        'guest_waited': st.sampled_from((None, 0.25, 4.0)),
    }
)
_RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            'status': usually('completed', 'error', 'running'),
            'updated_at': st.integers(0, 150).map(lambda ago: NOW - ago),
        }
    ),
    max_size=2,
)
_STAGES = st.none() | st.sampled_from(Stage)
_DEMANDS = st.sampled_from((0.0, 2.0, 8.0))


@st.composite
def readings(draw: st.DrawFn, servers: list[Server]) -> Signals:
    found = [
        # Some source does not know the host, or knows another.
        signal(
            one.server_id,
            host=draw(usually(one.host, 'a', None)),
            **draw(_SERVER),
        )
        for one in servers
        if draw(_TOLD)
    ]
    told = {
        name: host_signal(name, **draw(_HOST)) for name in HOSTS if draw(_TOLD)
    }
    return signals(*found, hosts=told, window=draw(usually(60.0, 0.0)))


@st.composite
def measured(draw: st.DrawFn) -> Measured:
    servers, moves, records = [], {}, []
    for server_id in SERVERS[:6]:
        host, target = draw(_NAMES), draw(_NAMES)
        servers.append(server(server_id, host=host, role='web'))
        for values in draw(_RECORDS):
            number = len(records)
            values |= {'migration_id': number, 'target': target}
            records.append(migration(server_id, **values))
        stage = draw(_STAGES)
        if stage is not None:
            moves[server_id] = move(
                server_id,
                source=host,
                target=target,
                stage=stage,
                demand=draw(_DEMANDS),
            )
    zones = dict.fromkeys(HOSTS, 'az1')
    return Measured(
        fleet(*servers, hosts=zones, migrations=tuple(records)),
        moves,
        draw(readings(servers)),
        draw(readings(servers)),
    )
