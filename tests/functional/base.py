"""A test case with a cloud."""

import collections
import itertools
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from steal_scheduler.demo.cloud import Cloud  # isort: skip (before Nova's)

from oslotest import base
from testtools import content, content_type

from steal_scheduler.demo import deadline
from steal_scheduler.demo.servers import NewServer, Servers
from steal_scheduler.demo.settings import Settings

T = TypeVar('T')

# How much of Nova's log a failed test shows.
LOG_LINES = 200


class CloudTestCase(base.BaseTestCase):
    """Tests of one class share a cloud, which is there for the class.

    A process can have one cloud in its life: one such class a module, and
    each module in a process of its own (``tools/run_isolated.py``).
    """

    zones: ClassVar[dict[str, list[str]]] = {'az1': ['a1', 'a2']}
    settings = Settings()
    cloud: ClassVar[Cloud]
    servers: ClassVar[Servers]
    small: ClassVar[str]
    _serial = itertools.count(1)

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.cloud = Cloud(cls.zones, cls.settings)
        cls.addClassCleanup(cls.cloud.stop)
        cls.cloud.start()
        cls.servers = cls.cloud.servers
        cls.small = cls.servers.flavor('small')

    def setUp(self) -> None:
        super().setUp()
        self.addOnException(lambda _: self._show_log())

    def boot(self, **kwargs: Any) -> str:
        """Boot a small server, as `NewServer` says; its id once ACTIVE."""
        name = f'server-{next(self._serial)}'
        new = NewServer(**{'name': name, 'flavor': self.small} | kwargs)
        (id_,) = self.servers.boot_many([new])
        return id_

    def wait_for(
        self,
        predicate: Callable[[], T | None],
        what: str,
        seconds: float = 30.0,
    ) -> T:
        """What predicate returns once it is true; or fail."""
        try:
            return deadline.wait_for(predicate, seconds, what)
        except TimeoutError as error:
            self.fail(str(error))

    def _show_log(self) -> None:
        with self.cloud.nova_log.open() as log:
            last = ''.join(collections.deque(log, LOG_LINES))
        text = content.Content(content_type.UTF8_TEXT, lambda: [last.encode()])
        self.addDetail('nova.log', text)
