"""Time that passes when the run says so, and threads that do not run.

While it is in force, what our code and its libraries measure and wait for is
this clock's; so a run takes no time, and takes the same course each time.
"""

import concurrent.futures
import contextlib
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self
from unittest import mock

from steal_scheduler.edge import http


class Clock:
    def __init__(self, now: float) -> None:
        """:param now: epoch seconds"""
        self.now = now
        #: Goes on whatever the other is set to.
        self.monotonic = 10_000.0
        #: Seconds by which the clock of whoever runs is ahead.
        self.skew = 0.0
        self._ids = 0

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.monotonic += seconds

    @contextlib.contextmanager
    def in_force(self) -> Iterator[None]:
        """Let everybody look at this clock, and do one thing at a time."""
        with contextlib.ExitStack() as stack:
            for module, name, new in (
                (time, 'time', lambda: self.now + self.skew),
                (time, 'monotonic', lambda: self.monotonic),
                (time, 'clock_gettime', lambda clock: self.monotonic),
                (time, 'sleep', self.sleep),
                (http, '_End', _Never),
                (concurrent.futures, 'ThreadPoolExecutor', _Serial),
                (secrets, 'token_hex', self._token_hex),
            ):
                stack.enter_context(mock.patch.object(module, name, new))
            yield

    def _token_hex(self, size: int = 16) -> str:
        self._ids += 1
        return f'{self._ids:0{2 * size}x}'


class _Never:
    """Stands for the end of an exchange that takes too long: none does."""

    has_come = False

    def __init__(self, seconds: float) -> None:
        """Take what an end takes."""

    def start(self) -> None:
        """Wait for nothing."""

    def add(self, made: object) -> None:
        """Nobody hangs up."""

    def forget(self) -> None:
        """There is nothing to cancel."""


class _Serial:
    """Stands for a pool of threads: each call is made when it is asked for."""

    def __init__(self, *args: Any, **more: Any) -> None:
        """Take what a pool takes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """There is no thread to wait for."""

    def map(self, call: Callable[..., Any], *values: Iterable[Any]) -> Any:
        return [call(*each) for each in zip(*values, strict=False)]

    def submit(self, call: Callable[..., Any], *args: Any, **more: Any) -> Any:
        future: Any = concurrent.futures.Future()
        try:
            future.set_result(call(*args, **more))
        except Exception as error:
            future.set_exception(error)
        return future
