from oslotest import base

from steal_scheduler.decision.detector import measured
from steal_scheduler.model.move import Outcome
from tests.unit.make import rules, signal

RULES = rules(steal_threshold=25.0, bad_seconds_threshold=12.5).detection


class TestHelped(base.BaseTestCase):
    def helped(self, waited: float, bad: float | None = None) -> bool:
        """Of four cores that it asks for."""
        seen = signal(used=4.0 - waited, waited=waited, bad_seconds=bad)
        return measured(seen, RULES)[0] is Outcome.HELPED

    def test_it_waits_no_more(self) -> None:
        self.assertTrue(self.helped(0.99))
        self.assertFalse(self.helped(1.0))

    def test_no_more_of_its_seconds_are_bad(self) -> None:
        self.assertTrue(self.helped(0.0, 0.0))
        self.assertTrue(self.helped(0.0, 0.124))
        self.assertFalse(self.helped(0.0, 0.125))
        self.assertFalse(self.helped(1.0, 0.0))

    def test_what_its_own_quota_holds_back_is_no_wait(self) -> None:
        for waited, bad in ((3.0, None), (0.01, 0.9)):
            seen = signal(
                used=1.0, waited=waited, throttled=waited, bad_seconds=bad
            )
            outcome, told = measured(seen, RULES)
            self.assertIs(Outcome.HELPED, outcome)
            self.assertEqual('it waits 0% of its time now', told)
