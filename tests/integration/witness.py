"""Sees whether a server is in service while it migrates."""

import contextlib
from collections.abc import Callable
from typing import Any, Self
from unittest import mock

import requests

from steal_scheduler.demo.driver import DemoDriver


class Witness:
    """Looks whenever a hypervisor begins to migrate a server."""

    def __init__(self, is_out: Callable[[str], bool]) -> None:
        """:param is_out: of service, by the id of the server"""
        self._is_out = is_out
        self._stack = contextlib.ExitStack()
        #: What it saw that should not be; empty it before each run.
        self.saw: list[str] = []

    def __enter__(self) -> Self:
        migrate, look = DemoDriver.live_migration, self._look

        def watched(
            driver: DemoDriver,
            context: Any,
            instance: Any,
            dest: str,
            *args: Any,
            **kwargs: Any,
        ) -> None:
            look(instance.uuid)
            migrate(driver, context, instance, dest, *args, **kwargs)

        self._stack.enter_context(
            mock.patch.object(DemoDriver, 'live_migration', watched)
        )
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def _look(self, id_: str) -> None:
        # In an outage nobody can tell.
        with contextlib.suppress(requests.RequestException):
            if not self._is_out(id_):
                self.saw.append(f'{id_} began to migrate in service')
