"""Nova's databases: created, migrated, and mapped as one cell."""

from __future__ import annotations

import pathlib
import uuid

from nova import context as nova_context
from nova import objects
from nova.db import migration

from steal_scheduler.demo import sqlite

_NAMES = ('nova_api', 'nova_cell0', 'nova_cell1', 'placement')


def create_files(workdir: pathlib.Path) -> None:
    """Make the empty database files that the configuration names."""
    for name in _NAMES:
        sqlite.create(_path(workdir, name))


def url(workdir: pathlib.Path, name: str) -> str:
    """How to connect to the database of this name."""
    return sqlite.url(_path(workdir, name))


def _path(workdir: pathlib.Path, name: str) -> pathlib.Path:
    return workdir / f'{name}.sqlite'


def migrate(workdir: pathlib.Path) -> None:
    """Bring Nova's schema up to date and map cell0 and cell1."""
    migration.db_sync(database='main')
    # Both cells have one schema, and nothing has been written yet.
    cell0 = _path(workdir, 'nova_cell0')
    sqlite.copy(_path(workdir, 'nova_cell1'), cell0)
    migration.db_sync(database='api')
    context = nova_context.get_admin_context()
    for name, id_, transport in (
        ('cell0', objects.CellMapping.CELL0_UUID, 'none:///'),
        ('cell1', str(uuid.uuid4()), 'fake:/'),
    ):
        objects.CellMapping(
            context,
            uuid=id_,
            name=name,
            transport_url=transport,
            database_connection=url(workdir, f'nova_{name}'),
        ).create()
