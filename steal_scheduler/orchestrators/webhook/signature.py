"""The signature of a request, and the keys that make it.

It is that of the open specification Standard Webhooks 1.0
(https://www.standardwebhooks.com), which has libraries for receivers.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable

from steal_scheduler.edge.secret_file import UnusableFile, read_lines

#: Bytes of a key: what the specification allows.
_KEY = range(24, 65)
_PREFIX = 'whsec_'


def read_keys(path: str) -> list[bytes]:
    """The keys of a file, one a line; all of them sign.

    :raises UnusableFile: what is wrong with it; it does not tell the key
    """
    return [_key(path, line) for line in read_lines(path)]


def _key(path: str, line: str) -> bytes:
    # Unpadded base64 is common.
    text = line.removeprefix(_PREFIX).rstrip('=')
    try:
        key = base64.b64decode(text + '=' * (-len(text) % 4), validate=True)
    except ValueError:
        key = b''
    if not line.startswith(_PREFIX) or len(key) not in _KEY:
        raise UnusableFile(
            f'{path!r}: a line of the file is not {_PREFIX} and the base64 of '
            f'{_KEY[0]} to {_KEY[-1]} bytes'
        )
    return key


def sign(
    keys: Iterable[bytes], message_id: str, at: int, body: bytes
) -> dict[str, str]:
    """The three headers of the specification.

    :param at: epoch seconds; receivers allow for five minutes
    """
    signed = f'{message_id}.{at}.'.encode() + body
    signatures = [
        base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        for key in keys
    ]
    return {
        'webhook-id': message_id,
        'webhook-timestamp': str(at),
        'webhook-signature': ' '.join(f'v1,{s}' for s in signatures),
    }
