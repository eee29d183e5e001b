from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.orchestrators.backoff import FIRST, LONGEST, Backoff
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import NOW


class TestBackoff(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.backoff = Backoff()

    def pauses(self, times: int) -> list[float]:
        """Seconds after each failure until it is due again."""
        found = []
        now = NOW
        for _ in range(times):
            self.backoff.failed('s', 'no', now)
            begun = now
            while self.backoff.waiting('s', now) is not None:
                now += 1
            found.append(now - begun)
        return found

    def test_twice_as_long_each_time_and_never_longer_than_that(self) -> None:
        self.assertEqual([5, 10, 20, 40, 80, 160, 300, 300], self.pauses(8))

    def test_who_did_not_fail_is_due(self) -> None:
        self.backoff.failed('other', 'no', NOW)
        self.assertIsNone(self.backoff.waiting('s', NOW))

    def test_what_it_said(self) -> None:
        self.backoff.failed('s', 'no', NOW)
        self.backoff.failed('s', 'still no', NOW)
        self.assertEqual('still no', self.backoff.waiting('s', NOW))

    def test_forgotten(self) -> None:
        self.pauses(5)
        self.backoff.forget('s')
        self.assertIsNone(self.backoff.waiting('s', NOW))
        self.assertEqual([FIRST], self.pauses(1))

    @given(st.integers(0, 5000), st.floats(0, 10**9))
    def test_always_asked_again(self, failures: int, back: float) -> None:
        """Whatever failed before, and wherever the clock is set."""
        for _ in range(failures % 50):
            self.backoff.failed('s', 'no', NOW)
        self.assertIsNone(self.backoff.waiting('s', NOW + LONGEST))
        self.assertIsNone(self.backoff.waiting('s', NOW - LONGEST - back))
