"""A cell of Nova's that is down: its database does not answer.

See "Handling Down Cells" in Nova's API guide.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, NoReturn
from unittest import mock

from nova import context as nova_context
from oslo_db import exception as db_exception


class _Away:
    """Stands for its database: whatever is asked of it fails."""

    def __getattr__(self, name: str) -> NoReturn:
        raise db_exception.DBConnectionError('the database is away')


@contextlib.contextmanager
def down() -> Iterator[None]:
    """Let Nova's API not reach the cell, whose compute services go on.

    NOTE: they run in this process, and reach it by another way.
    """
    real = nova_context.set_target_cell

    def set_target_cell(context: Any, mapping: Any) -> None:
        real(context, mapping)
        if mapping is not None and not mapping.is_cell0():
            context.db_connection = _Away()

    with mock.patch.object(nova_context, 'set_target_cell', set_target_cell):
        yield
