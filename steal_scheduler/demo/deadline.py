"""Waiting for something to come true, but not for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar('_T')


def wait_for(
    predicate: Callable[[], _T | None],
    seconds: float,
    what: str,
    every: float = 0.1,
) -> _T:
    """Ask again and again until the answer is true, and return it.

    Raises TimeoutError, which says what was awaited, after seconds.
    """
    deadline = time.monotonic() + seconds
    never = threading.Event()
    while not (answer := predicate()):
        if time.monotonic() > deadline:
            raise TimeoutError(f'waited {seconds} s for {what}')
        never.wait(every)
    return answer
