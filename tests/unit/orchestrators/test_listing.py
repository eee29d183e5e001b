import fixtures
from oslotest import base

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.assignment import Rule
from tests.unit.fakes import dispatcher_of
from tests.unit.make import NOW
from tests.unit.orchestrators.test_dispatcher import Noting


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
