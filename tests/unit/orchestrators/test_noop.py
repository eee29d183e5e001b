from oslotest import base

from steal_scheduler.orchestrators.base import State
from steal_scheduler.orchestrators.noop import Noop
from tests.unit.make import server


class TestNoop(base.BaseTestCase):
    def test_it_is_always_done(self) -> None:
        noop = Noop({'n': None}, 'n')
        self.assertIs(State.DONE, noop.drain(server(), 'node').state)
        self.assertIs(State.DONE, noop.reattach(server(), 'node').state)
        self.assertEqual(frozenset(), noop.detached())
