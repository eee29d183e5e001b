"""What several test modules of one process use, started and stopped once."""

import contextlib
import unittest
from collections.abc import Callable
from contextlib import AbstractContextManager

#: Seconds that only what hangs takes, on however busy a machine.
PATIENCE = 200.0


class Shared:
    """Entered for the first module that needs it, left after the last.

    In each module of the group (see ``tools/run_isolated.py``)::

        setUpModule = nova.set_up()

    All modules of a process are imported before the first test runs, so it is
    known which one is the last. What fails to start is not tried again: the
    other modules fail at once.
    """

    def __init__(
        self, make: Callable[[], AbstractContextManager[object]]
    ) -> None:
        self._make = make
        self._stack = contextlib.ExitStack()
        self._modules = 0
        self._begun = self._there = False

    def set_up(self) -> Callable[[], None]:
        """Return the ``setUpModule`` of the module that calls this."""
        self._modules += 1
        return self._set_up

    def _set_up(self) -> None:
        # Also called if what follows fails, unlike a tearDownModule.
        unittest.addModuleCleanup(self._leave)
        if not self._begun:
            self._begun = True
            self._stack.enter_context(self._make())
            self._there = True
        if not self._there:
            raise RuntimeError('It did not start for the first module.')

    def _leave(self) -> None:
        self._modules -= 1
        if not self._modules:
            self._stack.close()
