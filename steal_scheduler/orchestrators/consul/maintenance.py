"""The reason of our maintenance, by which it is known as ours."""

import re
import time
from typing import Any

#: How our reasons begin.
_OURS = 'steal-scheduler'


def reason(server_id: str, now: float) -> str:
    """:param now: for the operator to read; nothing is decided by it"""
    since = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(now))
    return f'{_OURS}: server {server_id} moves, since {since}'


def server_of(check: dict[str, Any] | None) -> str | None:
    """The id of the server for which we wrote it; None if not we."""
    found = re.fullmatch(
        rf'{_OURS}: server (\S+) moves, since \S+', notes(check) or ''
    )
    return found and found[1]


def notes(check: dict[str, Any] | None) -> str | None:
    """The reason; None where there is no maintenance."""
    return None if check is None else str(check.get('Notes') or '')
