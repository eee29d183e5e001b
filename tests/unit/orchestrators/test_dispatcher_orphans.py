import fixtures
from oslotest import base

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.assignment import Rule
from tests.unit.fakes import dispatcher_of
from tests.unit.make import NOW
from tests.unit.orchestrators.test_dispatcher import Noting


class TestOrphans(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.each = {name: Noting(name, []) for name in 'abc'}
        self.each['a'].out, self.each['c'].out = {'x'}, {'x', 'y'}
        rules = [Rule(name) for name in 'abc']
        self.dispatcher = dispatcher_of(self.each, rules)

    def test_everybody_is_asked_once(self) -> None:
        self.assertEqual({'x', 'y'}, self.dispatcher.orphans(NOW))
        self.assertEqual(frozenset(), self.dispatcher.orphans(NOW + 1))
        self.dispatcher.forget()
        self.assertEqual({'x', 'y'}, self.dispatcher.orphans(NOW + 2))

    def test_and_again_from_time_to_time(self) -> None:
        """Another migrator may have lost the lock within a drain."""
        self.dispatcher.orphans(NOW)
        self.assertEqual(frozenset(), self.dispatcher.orphans(NOW + 599))
        self.assertEqual({'x', 'y'}, self.dispatcher.orphans(NOW + 600))
        # The clock is set back.
        self.assertEqual({'x', 'y'}, self.dispatcher.orphans(NOW - 3600))

    def test_an_outage_holds_up_nobody_else(self) -> None:
        for trouble in (OrchestratorError('down'), KeyError('a bug')):
            self.dispatcher.forget()
            self.each['b'].says = trouble
            self.assertEqual({'x', 'y'}, self.dispatcher.orphans(NOW))
        self.each['b'].says, self.each['b'].out = None, {'z'}
        self.assertEqual(frozenset(), self.dispatcher.orphans(NOW + 1))
        self.assertEqual({'z'}, self.dispatcher.orphans(NOW + 500))
        self.assertEqual(2, self.log.output.count('did not list its drained'))
