import concurrent.futures
import uuid
from collections.abc import Callable
from typing import Any

import fixtures
from oslotest import base

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.assignment import Rule
from steal_scheduler.orchestrators.base import DONE
from steal_scheduler.orchestrators.calls import PATIENCE, Worker
from tests.unit.fakes import dispatcher_of
from tests.unit.make import NOW, server
from tests.unit.orchestrators.test_dispatcher import Noting


class Slow(Worker):
    """A stand-in for a thread whose calls are done, and told later."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        # Nobody waits for it.
        self.took = PATIENCE
        self.done: list[tuple[Any, Any]] = []

    def submit(self, call: Callable[[], Any]) -> Any:
        future: Any = concurrent.futures.Future()
        self.done.append((future, call()))
        return future

    def tell(self) -> None:
        while self.done:
            future, said = self.done.pop()
            future.set_result(said)


class TestListing(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.each = {name: Noting(name, []) for name in 'abc'}
        self.each['a'].out, self.each['c'].out = {'x'}, {'x', 'y'}
        rules = [Rule(name) for name in 'abc']
        self.dispatcher = dispatcher_of(self.each, rules)

    def read(self, now: float) -> dict[str, str]:
        """Whom each lists, of those that were asked."""
        found = self.dispatcher.listing.read(now, {})
        return {
            name: ' '.join(mark.server_id for mark in marks)
            for name, marks in found.items()
        }

    ALL = {'a': 'x', 'b': '', 'c': 'x y'}  # noqa: RUF012

    def test_everybody_is_asked_once(self) -> None:
        self.assertEqual(self.ALL, self.read(NOW))
        self.assertEqual({}, self.read(NOW + 1))
        self.dispatcher.forget()
        self.assertEqual(self.ALL, self.read(NOW + 2))

    def test_one_is_asked_again(self) -> None:
        self.read(NOW)
        self.dispatcher.listing.again('c')
        self.assertEqual({'c': 'x y'}, self.read(NOW + 1))

    def test_and_all_from_time_to_time(self) -> None:
        """Another migrator may have lost the lock within a drain."""
        self.read(NOW)
        self.assertEqual({}, self.read(NOW + 599))
        self.assertEqual(self.ALL, self.read(NOW + 600))
        # The clock is set back.
        self.assertEqual(self.ALL, self.read(NOW - 3600))

    def test_an_outage_holds_up_nobody_else(self) -> None:
        for trouble in (OrchestratorError('down'), KeyError('a bug')):
            self.dispatcher.forget()
            self.each['b'].says = trouble
            self.assertEqual({'a': 'x', 'c': 'x y'}, self.read(NOW))
        self.each['b'].says, self.each['b'].out = None, {'z'}
        self.assertEqual({}, self.read(NOW + 1))
        self.assertEqual({'b': 'z'}, self.read(NOW + 500))
        self.assertEqual(2, self.log.output.count('did not list its drained'))

    def test_what_is_no_mark_is_an_outage(self) -> None:
        """A plug-in of somebody's, with ids that are no texts."""
        bad: Any = {uuid.UUID(int=7)}
        self.each['b'].out = bad
        self.assertEqual({'a': 'x', 'c': 'x y'}, self.read(NOW))
        self.assertIn('did not list its drained servers', self.log.output)

    def test_who_came_back_while_it_was_made(self) -> None:
        """What it says of that server is of before."""
        workers: dict[str, Slow] = {}

        def slow(name: str) -> Slow:
            return workers.setdefault(name, Slow(name))

        rules = [Rule(name) for name in 'abc']
        kind: Any = slow
        self.dispatcher = dispatcher_of(self.each, rules, worker=kind)
        self.assertEqual({}, self.read(NOW))
        one = server('x')
        self.assertIsNot(DONE, self.dispatcher.reattach(one, NOW + 3))
        for worker in workers.values():
            worker.tell()
        self.assertIs(DONE, self.dispatcher.reattach(one, NOW + 6))
        self.assertEqual({'a': '', 'b': '', 'c': 'y'}, self.read(NOW + 6))
        # It is held all the same: a later list tells.
        self.dispatcher.forget()
        self.assertEqual({}, self.read(NOW + 9))
        for worker in workers.values():
            worker.tell()
        self.assertEqual(self.ALL, self.read(NOW + 12))
