"""Small clouds as hypothesis makes them up, with findings in them."""

import dataclasses
from typing import Any

from hypothesis import strategies as st

from steal_scheduler.model import Finding, Fleet, Host
from steal_scheduler.move import Move, Stage
from steal_scheduler.view import HostView, Tier, View
from tests.unit.make import NOW, finding, move, server

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
