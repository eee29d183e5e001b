"""The cast of the demo: three zones, twelve hosts, and shops on them.

Shops of one kind peak at the same hour. By bad luck most of a kind share a
host, and the emptiest host of the zone holds one more of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

#: Cores of every host.
CORES = 16
ZONES: Mapping[str, tuple[str, ...]] = {
    zone: tuple(f'{zone}-host{n}' for n in range(1, 5))
    for zone in ('tokyo', 'osaka', 'fukuoka')
}
#: What the shops of each zone sell, and so when they peak. Each kind is a
#: project of its own.
KINDS: Mapping[str, str] = {
    'tokyo': 'books',
    'osaka': 'shoes',
    'fukuoka': 'music',
}


@dataclasses.dataclass(frozen=True)
class Member:
    """A server of the demo, and the cores it asks for."""

    name: str
    host: str
    flavor: str
    role: str
    project: str
    calm: float
    peak: float
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    locked: bool = False


#: name: vCPUs, RAM in MiB, local disk in GiB.
FLAVORS: Mapping[str, tuple[int, int, int]] = {
    'shop': (4, 4096, 2),
    'big-shop': (4, 16384, 40),
    'other': (4, 4096, 2),
    'build': (12, 4096, 2),
}
#: Asked for this much, the build server of a zone makes its host hot.
BUILD_PEAK = 12.0


def cast() -> list[Member]:
    """Every server. One host a zone is asked for 22.4 of its 16 cores."""
    return [member for zone in ZONES for member in _zone(zone)]


def _zone(zone: str) -> list[Member]:
    crowded, empty, *others = ZONES[zone]
    kind = KINDS[zone]
    shops = [
        Member(f'{kind}-shop{n}', crowded, 'shop', kind, kind, 0.4, 3.6)
        for n in range(1, 4)
    ]
    shops += [
        # As hungry, and nine times as heavy to move.
        Member(f'{kind}-shop4', crowded, 'big-shop', kind, kind, 0.4, 3.6),
        Member(
            f'{kind}-shop5',
            crowded,
            'shop',
            kind,
            kind,
            0.4,
            4.0,
            metadata={'steal:migrate': 'never'},
        ),
        Member(
            f'{kind}-shop6',
            crowded,
            'shop',
            kind,
            kind,
            0.4,
            4.0,
            locked=True,
        ),
        Member(f'{kind}-shop7', empty, 'shop', kind, kind, 0.4, 3.6),
    ]
    return shops + [
        Member(f'{zone}-{work}', host, flavor, work, 'office', cores, cores)
        for host, work, flavor, cores in (
            (others[0], 'mail', 'other', 3.0),
            (others[0], 'build', 'build', 2.0),
            (others[1], 'wiki', 'other', 3.0),
            (others[1], 'stats', 'other', 3.0),
        )
    ]
