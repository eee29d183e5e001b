"""An answer of the migrator that leads, as a message of its own version.

It is never an error of RPC, which another version may not know::

    {'version': 1, 'answer': {...}}
    {'version': 1, 'packed': 'eJz...'}    one that is large
    {'version': 1, 'refused': {'reason': 'conflict', 'text': 'it is locked'}}
"""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from steal_scheduler.edge.sense import NONSENSE
from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import NoLeader, RequestRefused

#: Raised with every change that an older client would misread.
VERSION = 1
#: Characters from which on an answer is packed: a broker may take no more
#: than 16 MiB, and what is told of 100,000 servers are 40.
LARGE = 64 * 1024
#: Bytes of one that was packed, at most.
_MOST = 256 * 1024 * 1024


def encode(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A message with the answer.

    :raises TypeError, ValueError: it is no JSON, which knows no infinity
    """
    said = json.dumps(answer, allow_nan=False)
    if len(said) < LARGE:
        return {'version': VERSION, 'answer': answer}
    small = zlib.compress(said.encode(), 1)
    return {'version': VERSION, 'packed': base64.b64encode(small).decode()}


def refused(reason: str, text: str) -> dict[str, Any]:
    """A message that says no; see ``RequestRefused``."""
    return {'version': VERSION, 'refused': {'reason': reason, 'text': text}}


def decode(message: Any) -> dict[str, Any]:
    """The answer in a message.

    :raises RequestRefused: it says no
    :raises NoLeader: it is no answer, or one of another version
    """
    try:
        if message['version'] == VERSION:
            if 'refused' in message:
                said = message['refused']
                text = one_line(said['text'], 2000)
                raise RequestRefused(one_line(said['reason'], 80), text)
            found = message.get('answer')
            if found is None:
                found = _unpacked(message['packed'])
            if isinstance(found, dict):
                return found
    except (*NONSENSE, zlib.error):
        pass
    raise NoLeader(
        'The steal-migrator that leads does not answer as this program '
        'expects: let both be of the same version.'
    )


def _unpacked(packed: str) -> Any:
    packing = zlib.decompressobj()
    return json.loads(packing.decompress(base64.b64decode(packed), _MOST))
