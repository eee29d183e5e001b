"""Leadership: of all migrators one leads, the one that holds the lock.

Fails closed: without the lock, or without an answer about it, nothing moves.
"""

import contextlib
import os
import re
import socket
from typing import Any

import stevedore.exception
import tooz
from oslo_log import log
from tooz import coordination

from steal_scheduler.exception import ConfigError, LockLost

LOG = log.getLogger(__name__)

LOCK = b'steal-migrator'


class Leader:
    """A tooz lock. tooz elections do not work on every driver; locks do."""

    def __init__(self, conf: Any) -> None:
        self._url: str = conf.migrator.lock_url
        self._coordinator: Any = None
        self._lock: Any = None
        self._waits = False
        #: It was held at the last try.
        self._led = False

    def acquire(self) -> bool:
        """Hold the lock, or try to get it; never waits for it.

        After a loss it says no once, even where the lock is free again:
        another migrator may have led, and what is remembered of
        the moves is void.

        :raises ConfigError: ``lock_url`` cannot be used
        """
        try:
            if self._coordinator is None:
                self._connect()
            if self._held():
                return True
            if self._led:
                LOG.warning('Lost leadership: the lock is not held any more.')
                self._led = False
                return False
            held = bool(self._lock.acquire(blocking=False))
        except coordination.ToozError as error:
            LOG.error('Migrator suspended: the lock failed: %s', error)
            self._led = False
            self._drop()
            return False
        if held or not self._waits:
            LOG.info(
                'Acquired leadership.'
                if held
                else 'Standby: another migrator leads.'
            )
        self._waits, self._led = not held, held
        return held

    def probe(self) -> None:
        """Whether there can be a lock; takes none.

        :raises ConfigError: ``lock_url`` cannot be used
        """
        self._connect()
        self._drop()

    def check_held(self) -> None:
        """Right before a side effect: is the lock still held?

        :raises LockLost: it is not, or nobody can tell
        """
        try:
            if self._coordinator is not None and self._held():
                return
        except coordination.ToozError as error:
            self._drop()
            raise LockLost(f'The lock does not answer: {error}') from error
        raise LockLost('The lock is not held any more.')

    def release(self) -> None:
        """Let another migrator begin at once."""
        if self._coordinator is None:
            return
        self._led = False
        self._drop()

    def _connect(self) -> None:
        member = f'{socket.gethostname()}:{os.getpid()}'.encode()
        try:
            coordinator = coordination.get_coordinator(self._url, member)
            # The heart beats in a thread of its own: a tick may be long.
            coordinator.start(start_heart=True)
        except (
            coordination.ToozError,
            # No driver of that name, or its client library is missing.
            stevedore.exception.NoUniqueMatch,
            ImportError,
            OSError,
            ValueError,
        ) as error:
            raise ConfigError(
                f'[migrator] lock_url = {_without_password(self._url)!r} '
                f'cannot be used: {_said(error, self._url)}. Correct it. A '
                'directory must be one that this service may write to. A lock '
                'other than file:// needs a package of its own, such as '
                'tooz[etcd3gw].'
            ) from error
        self._coordinator = coordinator
        self._lock = coordinator.get_lock(LOCK)

    def _held(self) -> bool:
        if not self._lock.acquired:
            return False
        try:
            return bool(self._lock.is_still_owner())
        except tooz.NotImplemented:
            return True

    def _drop(self) -> None:
        coordinator, self._coordinator = self._coordinator, None
        lock, self._lock = self._lock, None
        with contextlib.suppress(coordination.ToozError):
            if lock.acquired:
                lock.release()
        with contextlib.suppress(coordination.ToozError):
            coordinator.stop()


def _without_password(url: str) -> str:
    return re.sub('//.*@', '//***@', url)


def _said(error: Exception, url: str) -> str:
    """Its text, unless it quotes a password with a / for a port."""
    if isinstance(error, ValueError) and '@' in url:
        return 'it is no URL; in a password, write %2F for / and %40 for @'
    return str(error)
