"""A right answer made wrong, in one place, as a seed says."""

import dataclasses
import json
import random
from collections.abc import Iterator
from typing import Any

#: Where something stands in a JSON document.
Path = tuple[Any, ...]

#: What no JSON writer of ours makes, by what stands for it until then.
_RAW = {
    '"@deep@"': '[' * 100_000 + ']' * 100_000,
    '"@deep object@"': '{"a":' * 20_000 + '1' + '}' * 20_000,
    '"@digits@"': '9' * 100_000,
    '"@exponent@"': '1e999',
}
#: Texts that a terminal, a log or a number cannot take.
TEXTS = (
    '',
    ' ',
    '\x1b[2J\x1b[31mred',
    'a\r\nERROR all is lost',
    '\x00',
    '\x7f\x85\u2028\u2029',
    '\u202eesrever\u202c\u2066',
    '\ud800',
    'Ünïcödé \U0001f4a9 \u0000',
    'x' * 65_536,
    'a' + '\u0301' * 1_000,
    '../../etc/passwd',
    '${jndi:ldap://x}',
    '%s%s%n',
    '{0.__class__}',
    "'; DROP TABLE instances; --",
    '<html>',
)
OTHERS = (
    *(None, True, False, 0, -1, 1, 1.5, -0.0, 10**18, -(10**18), 10**400),
    *(float('nan'), float('inf'), float('-inf'), 1e308, 5e-324),
    *([], {}, [None], [[]], {'': None}, {'id': 'x'}, ['x'], [{}]),
    *('@deep@', '@deep object@', '@digits@', '@exponent@'),
    *('0', '-1', 'nan', 'True', '2026-01-01T00:00:00', '١٢٣', '1_000'),
    *TEXTS,
)
#: What is done to a part of a document, and to its bytes.
PARTS = ('drop', 'null', 'other', 'other', 'rename', 'twice', 'turn')
BYTES = ('cut', 'noise', 'empty', 'page', 'long', 'latin')


@dataclasses.dataclass(frozen=True)
class Mutation:
    """One of an answer."""

    #: Which answer, in the order of the calls; -1: each of them.
    call: int
    how: str
    seed: int


def drawn(rng: random.Random, calls: int) -> Mutation:
    how = rng.choice(PARTS * 3 + BYTES)
    call = rng.randrange(-1, calls)
    return Mutation(call, how, rng.randrange(1_000_000))


def mutated(body: Any, mutation: Mutation) -> tuple[bytes, Path]:
    """The bytes of the document, and where they are wrong; () for all."""
    rng = random.Random(mutation.seed)
    if mutation.how in BYTES:
        return _bytes(_written(body), mutation.how, rng), ()
    # No part of it is in two places, as a copy's may be.
    body = json.loads(json.dumps(body))
    paths = [*_paths(body)]
    if not paths:
        return _written(rng.choice(OTHERS)), ()
    path = rng.choice(paths)
    holder = body
    for key in path[:-1]:
        holder = holder[key]
    _part(holder, path[-1], mutation.how, rng)
    sent = _written(body)
    # Python reads no document that has such a number, or is that deep.
    return sent, path if len(sent) < 100_000 else ()


def _part(holder: Any, key: Any, how: str, rng: random.Random) -> None:
    if how == 'drop':
        del holder[key]
    elif how == 'null':
        holder[key] = None
    elif how == 'other':
        holder[key] = rng.choice(OTHERS)
    elif isinstance(holder, dict):
        # Under another name; or in another order, which means nothing.
        holder[rng.choice(TEXTS)] = holder.pop(key)
    elif how == 'turn':
        holder.reverse()
    else:
        holder.insert(rng.randrange(len(holder) + 1), holder[key])


def _bytes(sent: bytes, how: str, rng: random.Random) -> bytes:
    if how == 'cut':
        return sent[: rng.randrange(len(sent) + 1)]
    if how == 'noise':
        return rng.randbytes(rng.randrange(1, 500))
    if how == 'page':
        return b'<html><body>Welcome</body></html>'
    if how == 'long':
        return sent + b' ' * 5_000_000
    if how == 'latin':
        return sent.replace(b'a', b'\xe4')
    return b''


def _paths(body: Any, path: Path = ()) -> Iterator[Path]:
    inside: Any = ()
    if isinstance(body, dict):
        inside = body.items()
    elif isinstance(body, list):
        inside = enumerate(body)
    for key, value in inside:
        yield (*path, key)
        yield from _paths(value, (*path, key))


def _written(body: Any) -> bytes:
    text = json.dumps(body)
    for stands, means in _RAW.items():
        text = text.replace(stands, means)
    return text.encode()
