"""Lock stores: who of the controllers leads, and what proves it.

Each kind says whether the lock is *still* held, as the store itself sees it
now. A driver of tooz that cannot (mysql, memcached, ...) is refused: "cannot
tell" would have to be taken for yes or for no, and either is wrong.
"""

import contextlib
import importlib
import math
import os
import pathlib
import re
import socket
import urllib.parse
from typing import Any, ClassVar

import stevedore.exception
from tooz import coordination

from steal_scheduler.edge import checks
from steal_scheduler.exception import ConfigError, told_as
from steal_scheduler.migrator.store_errors import (
    StoreError,
    answers,
    said_of,
    silences,
)

LOCK = b'steal-migrator'
#: Held by nobody for longer than it takes to give it back.
PROBE = b'steal-migrator-probe'
#: Seconds that the store may take for an answer.
TIMEOUT = 5


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

    def probe(self) -> None:
        """Take and give back what stands for the lock: is that allowed?

        :raises ConfigError: it is a file, and cannot be written
        """
        lock = pathlib.Path(self._lock.name)
        probe = lock.with_name(PROBE.decode())
        with told_as(
            '[migrator] lock_url: ',
            ConfigError,
            f'. Let this service write to {lock.parent}.',
        ):
            probe.touch()
            probe.unlink(missing_ok=True)
            # NOTE: not opened, see ``_number_file``.
            if lock.exists() and not os.access(lock, os.W_OK):
                raise PermissionError(f'{lock} is not writable')

    def acquire(self) -> bool:
        """Take the lock if it is free, without waiting for it."""
        with answers():
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
        with answers():
            last = self._number()
            self.had_leader = last > 0 or self.forgets
            number = max(int(now), last + 1)
            self._keep(number)
        return number

    def close(self) -> None:
        """Give the lock back, if it is held, and go."""
        for last in (self._release, self._coordinator.stop):
            with contextlib.suppress(StoreError), answers():
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


class _Remote(LockStore):
    """In a store of a network."""

    def probe(self) -> None:
        with answers():
            lock = self._coordinator.get_lock(PROBE)
            # Where it is not free, somebody else asks the same just now.
            if lock.acquire(blocking=False):
                lock.release()


class Redis(_Remote):
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
            with answers():
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


class Etcd(_Remote):
    """A key that lives as long as its lease, which etcd keeps on disk."""

    package = 'tooz[etcd3gw]'
    _KEY = b'steal-migrator/leadership'

    @staticmethod
    def prepare(coordinator: Any) -> None:
        """Take no proxy and no CA from the environment: the URL says it."""
        coordinator.client.session.trust_env = False

    def renew(self) -> bool:
        """Look at the lease and the key; tooz ignores what etcd answers."""
        with answers():
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
    where = f'[migrator] lock_url = {checks.without_password(url)!r}'
    kind = KINDS.get(scheme)
    if kind is None:
        raise ConfigError(
            f'{where} cannot be used: '
            f'{f"{scheme}:// is" if scheme else "it names"} no store that '
            'can prove who leads. Use etcd3+http://, etcd3+https:// or '
            'redis://, or file:// for one controller.'
        )
    member = f'{socket.gethostname()}:{os.getpid()}'.encode()
    # Whole seconds, and never fewer than the lease has.
    options: Any = {'timeout': TIMEOUT, 'lock_timeout': math.ceil(seconds)}
    # A file always answers.
    silent = () if scheme == 'file' else silences()
    try:
        coordinator = coordination.get_coordinator(url, member, **options)
        kind.prepare(coordinator)
        coordinator.start()
    except (stevedore.exception.NoUniqueMatch, ImportError) as error:
        raise ConfigError(
            f'{where} needs a package that is not installed: {error}. Run '
            f"pip install '{kind.package}'."
        ) from error
    except silent as error:
        said = said_of(error, url).removesuffix('.')
        raise StoreError(
            f'{where}: {said}. Check that it runs, and that this host can '
            'reach it.'
        ) from error
    except (coordination.ToozError, OSError, ValueError) as error:
        raise ConfigError(
            f'{where} cannot be used: {said_of(error, url)}. Correct it. A '
            'directory must be one that this service may write to.'
        ) from error
    return kind(coordinator)
