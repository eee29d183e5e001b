"""What Nova's database holds after a crash of one of its services."""

import contextlib
import datetime
from collections.abc import Iterator
from typing import Any

from nova import context, objects
from nova.db.main import api as db
from nova.db.main import models


@contextlib.contextmanager
def _cell_of(server_id: str) -> Iterator[Any]:
    admin = context.get_admin_context()
    found = objects.InstanceMapping.get_by_instance_uuid(admin, server_id)
    with context.target_cell(admin, found.cell_mapping) as cell:
        yield cell


def set_task_state(server_id: str, task_state: str | None) -> None:
    with _cell_of(server_id) as cell:
        instance = objects.Instance.get_by_uuid(cell, server_id)
        instance.task_state = task_state
        instance.save()


def record(server_id: str, status: str, since: float) -> None:
    """A live migration that has not changed since, in epoch seconds."""
    with _cell_of(server_id) as cell:
        instance = objects.Instance.get_by_uuid(cell, server_id)
        objects.Migration(
            cell,
            instance_uuid=server_id,
            source_compute=instance.host,
            source_node=instance.node,
            status=status,
            migration_type='live-migration',
            user_id=instance.user_id,
            project_id=instance.project_id,
        ).create()
        at = datetime.datetime.fromtimestamp(since, datetime.UTC)
        _update(cell, server_id, updated_at=at.replace(tzinfo=None))


def end_records(server_id: str) -> None:
    with _cell_of(server_id) as cell:
        _update(cell, server_id, status='error')


def _update(cell: Any, server_id: str, **values: Any) -> None:
    with db.get_context_manager(cell).writer.using(cell):
        records = cell.session.query(models.Migration)
        records.filter_by(instance_uuid=server_id).update(values)
