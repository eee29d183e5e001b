"""The stand-in of Nova does what Nova does; see ``tests/contract``."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from oslotest import base

from steal_scheduler.model.progress import Copied
from tests.contract.nova import NovaContract
from tests.unit import fakes, make


class TestFakeNova(NovaContract, base.BaseTestCase):
    source = 'a'

    def setUp(self) -> None:
        super().setUp()
        self.nova = fakes.FakeNova()
        self.nova.raises = True
        self.goes: dict[str, str] = {}
        self._numbers = itertools.count()

    def boot(self, goes: str = '') -> str:
        # Not in the order in which they come.
        server_id = f's{9 - next(self._numbers)}'
        self.nova.create(make.server(server_id))
        self.goes[server_id] = goes
        return server_id

    def become(self, server_id: str, status: str) -> None:
        host = None if status == 'SHELVED_OFFLOADED' else self.source
        self.nova.change(server_id, status=status, host=host)

    def lose(self, server_id: str) -> None:
        self.nova.crashed.add(server_id)

    def delete(self, server_id: str) -> None:
        self.nova.delete(server_id)

    @contextlib.contextmanager
    def cell_down(self) -> Iterator[None]:
        self.nova.cell_down = {*self.nova.servers}
        yield
        self.nova.cell_down = set()

    def until(self, predicate: Callable[[], Any], what: str) -> Any:
        """What is under way goes a step further at each look."""
        for _ in range(10):
            if found := predicate():
                return found
            self.nova.now += 1
            for server_id, goes in self.goes.items():
                self._proceed(server_id, goes)
        self.fail(f'{what} did not come')

    def _proceed(self, server_id: str, goes: str) -> None:
        going_on = self.nova.going_on(server_id)
        if going_on is None:
            return
        if goes == 'precheck':
            self.nova.proceed('error', server_id)
        elif going_on.status != 'running':
            self.nova.proceed('running', server_id)
            self.nova.copies[server_id] = Copied(100.0, 3996.0)
        elif goes != 'never':
            if goes == 'run':
                self.nova.fail(server_id)
            else:
                self.nova.proceed('completed', server_id)

    def now(self) -> float:
        return self.nova.now
