from oslotest import base

from steal_scheduler.moves.deadlines import Deadlines
from tests.unit.make import signal


class TestHelped(base.BaseTestCase):
    def helped(self, waited: float, bad: float | None = None) -> bool:
        """Of four cores that it asks for."""
        seen = signal(used=4.0 - waited, waited=waited, bad_seconds=bad)
        rules = Deadlines(steal_threshold=25.0, bad_seconds_threshold=12.5)
        return rules.helped(seen)

    def test_it_waits_no_more(self) -> None:
        self.assertTrue(self.helped(0.99))
        self.assertFalse(self.helped(1.0))

    def test_no_more_of_its_seconds_are_bad(self) -> None:
        self.assertTrue(self.helped(0.0, 0.0))
        self.assertTrue(self.helped(0.0, 0.124))
        self.assertFalse(self.helped(0.0, 0.125))
        self.assertFalse(self.helped(1.0, 0.0))
