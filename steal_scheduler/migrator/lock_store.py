"""Lock stores: who of the controllers leads, and what proves it.

Each kind says whether the lock is *still* held, as the store itself sees it
now. A driver of tooz that cannot (mysql, memcached, ...) is refused: "cannot
tell" would have to be taken for yes or for no, and either is wrong.
"""

import contextlib
import functools
import importlib
import math
import os
import pathlib
import re
import socket
import urllib.parse
from collections.abc import Iterator
from typing import Any, ClassVar

import stevedore.exception
from tooz import coordination

from steal_scheduler.exception import ConfigError, StealError

LOCK = b'steal-migrator'
#: Seconds that the store may take for an answer.
TIMEOUT = 5


class StoreError(StealError):
    """The store did not answer: whether the lock is held, nobody can tell."""


class LockStore:
    """tooz's lock: file://, which the kernel holds for as long as we live.

    On one machine only. What is asked raises StoreError.
    """

    #: What it needs, as pip calls it.
    package: ClassVar[str] = 'tooz'
    #: A lock may be forgotten while somebody holds it.
    forgets: ClassVar[bool] = False

    def __init__(self, coordinator: Any) -> None:
        self._coordinator = coordinator
        self._lock = coordinator.get_lock(LOCK)
        self._inode = 0
        #: Somebody may have led before.
        self.had_leader = True

    @staticmethod
    def prepare(coordinator: Any) -> None:
        """Make it fit for us, before it starts."""

    def acquire(self) -> bool:
        """Take the lock if it is free, without waiting for it."""
        with _answers():
            return bool(self._lock.acquire(blocking=False)) and self._took()

    def renew(self) -> bool:
        """Whether the lock is held, and for the whole lease from now on."""
        # Another process locks another file, if this one was removed.
        return self._is_there() == self._inode

    def next_number(self, now: float) -> int:
        """A number above those of all leaders before; while the lock is held.

        It is the time, or one more than the last number where a clock is
        behind. So it grows though clocks differ, and though a store forgets.
        """
        with _answers():
            last = self._number()
            self.had_leader = last > 0 or self.forgets
            number = max(int(now), last + 1)
            self._keep(number)
        return number

    def close(self) -> None:
        """Give the lock back, if it is held, and go."""
        for last in (self._release, self._coordinator.stop):
            with contextlib.suppress(StoreError), _answers():
                last()

    def _release(self) -> None:
        if self._lock.acquired:
            self._lock.release()

    def _took(self) -> bool:
        self._inode = self._is_there()
        return bool(self._inode)

    def _is_there(self) -> int:
        try:
            return os.stat(self._lock.name).st_ino
        except OSError:
            return 0

    def _number(self) -> int:
        file = self._number_file()
        text = file.read_text(errors='replace') if file.exists() else ''
        return int(text) if re.fullmatch('[0-9]{1,12}', text) else 0

    def _keep(self, number: int) -> None:
        self._number_file().write_text(str(number))

    def _number_file(self) -> pathlib.Path:
        # NOTE: not the lock's own file. POSIX ends a process' lock when it
        # closes that file, however often it has opened it.
        return pathlib.Path(f'{self._lock.name}.leadership')


class Redis(LockStore):
    """A key that expires, and is renewed by who knows its token.

    NOTE: a redis that was restarted or has failed over may have forgotten
    the key, and gives the lock away while its holder's lease goes on.
    """

    package = 'tooz[redis]'
    forgets = True
    _KEY = b'steal-migrator-leadership'

    @staticmethod
    def prepare(coordinator: Any) -> None:
        """Let the client ask once where tooz asks again itself.

        It would ask eleven times, and tooz fifteen times that: whether a
        redis is down, or a password wrong, was known after a minute.
        """
        backoff = importlib.import_module('redis.backoff').NoBackoff()
        once = importlib.import_module('redis.retry').Retry(backoff, 0)
        make = coordinator._make_client

        def make_client(*args: Any) -> Any:
            client = make(*args)
            client.set_retry(once)
            return client

        # NOTE: tooz takes no option for it.
        coordinator._make_client = make_client

    def renew(self) -> bool:
        try:
            with _answers():
                return bool(self._lock.heartbeat())
        except StoreError as error:
            # It answered, and says that the lock is not ours.
            if type(error.__cause__) is coordination.ToozError:
                return False
            raise

    def _took(self) -> bool:
        return True

    @property
    def _client(self) -> Any:
        # NOTE: tooz has no door to it; a test with a real redis holds it.
        return self._coordinator._client

    def _number(self) -> int:
        return int(self._client.get(self._KEY) or 0)

    def _keep(self, number: int) -> None:
        self._client.set(self._KEY, number)


class Etcd(LockStore):
    """A key that lives as long as its lease, which etcd keeps on disk."""

    package = 'tooz[etcd3gw]'
    _KEY = b'steal-migrator/leadership'

    @staticmethod
    def prepare(coordinator: Any) -> None:
        """Take no proxy and no CA from the environment: the URL says it."""
        coordinator.client.session.trust_env = False

    def renew(self) -> bool:
        """Look at the lease and the key; tooz ignores what etcd answers."""
        with _answers():
            url = self._client.get_url('/lease/keepalive')
            said = self._client.post(url, json={'ID': self._lease})
            # None where it has expired.
            left = int(said['result'].get('TTL', 0))
            return left > 0 and self._revision() == self._held

    def _took(self) -> bool:
        self._path = self._lock.LOCK_PREFIX + LOCK
        (_, key) = self._client.get(self._path, metadata=True)[0]
        self._lease, self._held = key['lease'], key['create_revision']
        return True

    @property
    def _client(self) -> Any:
        return self._coordinator.client

    def _revision(self) -> str | None:
        found = self._client.get(self._path, metadata=True)
        return found[0][1]['create_revision'] if found else None

    def _number(self) -> int:
        found = self._client.get(self._KEY)
        return int(found[0]) if found else 0

    def _keep(self, number: int) -> None:
        self._client.put(self._KEY, str(number))


KINDS: dict[str, type[LockStore]] = {
    'file': LockStore,
    'etcd3+http': Etcd,
    'etcd3+https': Etcd,
    'redis': Redis,
}


def connect(url: str, seconds: float) -> LockStore:
    """Open the store of ``lock_url``.

    :param seconds: of the lease
    :raises ConfigError: it cannot be used
    :raises StoreError: it does not answer
    """
    scheme = urllib.parse.urlsplit(url).scheme
    where = f'[migrator] lock_url = {_without_password(url)!r}'
    kind = KINDS.get(scheme)
    if kind is None:
        raise ConfigError(
            f'{where} cannot be used: {scheme or "nothing"}:// is no store '
            'that can prove who leads. Use etcd3+http://, etcd3+https:// or '
            'redis://, or file:// for one controller.'
        )
    member = f'{socket.gethostname()}:{os.getpid()}'.encode()
    # Whole seconds, and never fewer than the lease has.
    options: Any = {'timeout': TIMEOUT, 'lock_timeout': math.ceil(seconds)}
    # A file always answers.
    silences = () if scheme == 'file' else _silences()
    try:
        coordinator = coordination.get_coordinator(url, member, **options)
        kind.prepare(coordinator)
        coordinator.start()
    except (stevedore.exception.NoUniqueMatch, ImportError) as error:
        raise ConfigError(
            f'{where} needs a package that is not installed: {error}. Run '
            f"pip install '{kind.package}'."
        ) from error
    except silences as error:
        raise StoreError(f'{where}: {_said(error, url)}') from error
    except (coordination.ToozError, OSError, ValueError) as error:
        raise ConfigError(
            f'{where} cannot be used: {_said(error, url)}. Correct it. A '
            'directory must be one that this service may write to.'
        ) from error
    return kind(coordinator)


@functools.cache
def _silences() -> tuple[type[Exception], ...]:
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
def _answers() -> Iterator[None]:
    """:raises StoreError: whatever the store's client raises inside"""
    # The last two are answers of somebody else.
    others = (coordination.ToozError, OSError, ValueError, LookupError)
    try:
        yield
    except _silences() + others as error:
        raise StoreError(_text(error)) from error


def _text(error: BaseException) -> str:
    """What it says; etcd's client keeps that beside the error."""
    cause = error.__cause__ or error
    detail = getattr(error, 'detail_text', getattr(cause, 'detail_text', ''))
    return str(error) or detail or type(error).__name__


def _without_password(url: str) -> str:
    return re.sub('//.*@', '//***@', url)


def _said(error: Exception, url: str) -> str:
    """Its text, unless it quotes a password with a / for a port."""
    if isinstance(error, ValueError) and '@' in url:
        return 'it is no URL; in a password, write %2F for / and %40 for @'
    return _text(error)
