"""What the client of a lock store raises, as one error of ours."""

import contextlib
import functools
import importlib
from collections.abc import Iterator

from tooz import coordination

from steal_scheduler.exception import StealError


class StoreError(StealError):
    """The store did not answer: whether the lock is held, nobody can tell."""


@functools.cache
def silences() -> tuple[type[Exception], ...]:
    """What a call of a store that does not answer ends in."""
    found: tuple[type[Exception], ...]
    found = coordination.ToozConnectionError, coordination.OperationTimedOut
    # tooz lets its clients' own errors through, and we ask them ourselves.
    for module, error in (
        ('etcd3gw.exceptions', 'Etcd3Exception'),
        ('redis.exceptions', 'RedisError'),
    ):
        with contextlib.suppress(ImportError):
            found += (getattr(importlib.import_module(module), error),)
    return found


@contextlib.contextmanager
def answers() -> Iterator[None]:
    """:raises StoreError: whatever the store's client raises inside"""
    # The last two are answers of somebody else.
    others = (coordination.ToozError, OSError, ValueError, LookupError)
    try:
        yield
    except silences() + others as error:
        raise StoreError(_text(error)) from error


def _text(error: BaseException) -> str:
    """What it says; etcd's client keeps that beside the error."""
    cause = error.__cause__ or error
    detail = getattr(error, 'detail_text', getattr(cause, 'detail_text', ''))
    # Around that of a file tooz says no more than "error opening file".
    said = cause if isinstance(cause, OSError) else error
    return str(said) or detail or type(error).__name__


def said_of(error: Exception, url: str) -> str:
    """Its text, unless it quotes a password with a / for a port."""
    if isinstance(error, ValueError) and '@' in url:
        return 'it is no URL; in a password, write %2F for / and %40 for @'
    return _text(error)
