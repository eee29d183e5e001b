"""The rankings as a part of the view's message.

A nova-scheduler of before does not look for it, and takes the view without;
one that hears a migrator of before misses it, and does without. So the two
are upgraded in any order.
"""

import base64
import math
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from steal_scheduler.model.rankings import (
    NO_RANKINGS,
    HostSet,
    Ranking,
    Rankings,
    places,
)

#: Of this part alone. A listener that does not know it leaves the part out.
VERSION = 1


def encode(rankings: Rankings, hosts: Collection[str]) -> dict[str, Any]:
    """A JSON-able dict, with the places of hosts instead of their names.

    For example of hosts a, b, c, d: d is best for a server, then b and c
    alike; it may go to no other::

        {
            'version': 1,
            'at': 1795339291.2,
            'servers': {'6f70...': [[[3], [1, 2]], 'Dg==']},
        }

    The text is base64 of one bit for each host, the lowest one first.

    :param hosts: all of the view
    """
    known = places(hosts) if rankings.of else {}
    return {
        'version': VERSION,
        'at': rankings.at,
        'servers': {
            server_id: [
                [[known[host] for host in alike] for alike in ranking.best],
                _text(ranking.feasible, known),
            ]
            for server_id, ranking in rankings.of.items()
        },
    }


def decode(message: Any, hosts: Collection[str]) -> Rankings:
    """The rankings that ``encode`` was given.

    :param message: None where the migrator makes none
    :raises ArithmeticError, AttributeError, LookupError, TypeError,
        ValueError: it is neither that, nor of another version
    """
    if message is None or message['version'] != VERSION:
        return NO_RANKINGS
    at, servers = float(message['at']), message['servers'].items()
    if not math.isfinite(at):
        raise ValueError(f'{at!r} is no time')
    known = places(hosts) if servers else {}
    names = list(known)
    return Rankings(
        at,
        {
            server_id: Ranking(
                tuple(
                    tuple(_host(place, names) for place in alike)
                    for alike in best
                ),
                _hosts(text, known),
            )
            for server_id, (best, text) in servers
        },
    )


def _text(hosts: AbstractSet[str], known: Mapping[str, int]) -> str:
    bits = bytearray(_length(known))
    for host in hosts:
        at = known[host]
        bits[at >> 3] |= 1 << (at & 7)
    return base64.b64encode(bits).decode('ascii')


def _hosts(text: str, known: Mapping[str, int]) -> HostSet:
    bits = base64.b64decode(text, validate=True)
    if len(bits) != _length(known):
        raise ValueError(f'{len(bits)} bytes are not of {len(known)} hosts')
    return HostSet(known, bits)


def _length(known: Mapping[str, int]) -> int:
    return (len(known) + 7) // 8


def _host(at: int, names: Sequence[str]) -> str:
    if at < 0:
        raise IndexError(f'{at} is no place of a host')
    return names[at]
