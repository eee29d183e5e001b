"""sqlite files that bear many threads of Nova and Placement."""

from __future__ import annotations

import contextlib
import pathlib
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

import sqlalchemy
from oslo_db.sqlalchemy import enginefacade

_PLUGIN = 'steal_scheduler_demo'


def url(path: pathlib.Path) -> str:
    """The SQLAlchemy URL of a database file made by `create`."""
    return f'sqlite:///{path}?plugin={_PLUGIN}'


def create(path: pathlib.Path) -> None:
    """Make an empty database file in which readers never wait for a writer."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute('PRAGMA journal_mode = WAL')


def copy(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copy all of a database into another one, over what is there."""
    with (
        contextlib.closing(sqlite3.connect(source)) as from_,
        contextlib.closing(sqlite3.connect(target)) as to,
    ):
        from_.backup(to)


class KeepConnections(sqlalchemy.CreateEnginePlugin):
    """Keep sqlite connections open between transactions.

    oslo.db opens a new one for each transaction, and each new one reads the
    whole schema again: that was a third of the time of a boot.
    """

    def __init__(self, url: sqlalchemy.URL, kwargs: dict[str, Any]) -> None:
        super().__init__(url, kwargs)
        kwargs['poolclass'] = sqlalchemy.QueuePool
        kwargs['pool_size'] = 8
        kwargs['max_overflow'] = -1

    def update_url(self, url: sqlalchemy.URL) -> sqlalchemy.URL:
        """The URL holds no arguments of ours."""
        return url


def install() -> None:
    """Prepare this process for such databases; once, before the first use."""
    sqlalchemy.dialects.plugins.register(
        _PLUGIN, __name__, KeepConnections.__name__
    )
    _serialise_writers()


def _serialise_writers() -> None:
    """Let one writer at a time into each database.

    sqlite gives up with "database is locked" when a transaction that has read
    wants to write after another one did; so a writer has to wait before it
    begins, and oslo.db alone knows that a transaction is going to write.
    """
    manager: Any = enginefacade._TransactionContextManager
    unlocked = manager._transaction_scope
    guard = threading.Lock()
    locks: dict[str, threading.RLock] = {}

    @contextlib.contextmanager
    def scope(self: Any, context: Any) -> Iterator[Any]:
        if self._mode is not enginefacade._WRITER:
            with unlocked(self, context) as resource:
                yield resource
            return
        database = self.writer.get_engine().url.database
        with guard:
            lock = locks.setdefault(database, threading.RLock())
        with lock, unlocked(self, context) as resource:
            yield resource

    manager._transaction_scope = scope
