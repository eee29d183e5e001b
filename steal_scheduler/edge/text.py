"""What others say, fit for a log line and a terminal."""

import json
import re
from collections.abc import Sequence
from typing import Any

#: What shows as nothing, or as a space, and is printable all the same.
_INVISIBLE = re.compile(
    '[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164'
    '\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]'
)
#: Of each answer another one.
_REQUEST_ID = re.compile(r'\(Request-ID: [^)]*\)')


def one_line(said: object, most: int = 300) -> str:
    r"""One printable line of it, and no more than that.

    A tenant's, or a stranger's, word would else move the cursor, pass for a
    line of ours, or for a word that it is not::

        'no\r\n ERROR all is lost'  ->  'no ERROR all is lost'
        'a\x1b[2Jb'                 ->  'a?[2Jb'
        'web\u202e\u200b'           ->  'web??'

    Whatever comes from outside and reaches a log or a terminal passes here,
    where it enters.

    :param most: characters
    """
    # Not all of a text that may be megabytes is looked at.
    text = ' '.join(str(said)[: 10 * most].split())[:most]
    if not text.isprintable():
        text = ''.join(c if c.isprintable() else '?' for c in text)
    return text if text.isascii() else _INVISIBLE.sub('?', text)


def without_request_id(said: object) -> str:
    """The same for two answers that say the same: to say it once.

    ``No (HTTP 500) (Request-ID: req-1f)``  ->  ``No (HTTP 500)``
    """
    return _REQUEST_ID.sub('', str(said)).strip()


def several(names: Sequence[str], most: int = 5) -> str:
    """A sentence's worth of them: 'a, b, c, d, e and 3 more'."""
    more = f' and {len(names) - most} more' if len(names) > most else ''
    return f'{", ".join(names[:most])}{more}'


def last_line(said: str) -> str:
    """The last line that is not empty: there a program says what is wrong."""
    return one_line((said.strip().splitlines() or [''])[-1], 200)


def json_object(said: bytes | str) -> dict[str, Any]:
    """A JSON object; empty where it is none, as there is nothing in it.

    Of ``{"message": "no"}`` it is that, of ``[]`` and of ``<html>`` it is
    ``{}``. One that is nested as deep as to end our stack is none, too.
    """
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
