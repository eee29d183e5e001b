"""Until when: see also ``test_pause.py``, which reads the same values."""

import math

from hypothesis import example, given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.model.until import LONGEST_VALUE, Until, read_value


class Held(Until):
    def __init__(self, until: float) -> None:
        self.until = until


class TestReadValue(base.BaseTestCase):
    def test_what_cannot_be_read_is_no_time(self) -> None:
        for value in ('2h', '', '2026-11-29 14:00 PST', '2026-13-29T14:00Z'):
            until, reason, unclear = read_value(value)
            self.assertIsNone(until, value)
            self.assertEqual('', reason)
            self.assertIn('write for example', unclear)

    @given(st.text(max_size=LONGEST_VALUE))
    @example('1969')
    def test_nothing_is_raised_whatever_somebody_wrote(
        self, value: str
    ) -> None:
        until, reason, unclear = read_value(value)
        self.assertEqual(until is None, bool(unclear))
        self.assertIn(reason, value)

    @given(st.integers(1_000_000_000, 4_000_000_000), st.text('ab: ,;-'))
    def test_what_was_written_is_read(self, until: int, reason: str) -> None:
        reason = reason.strip(' :;,')
        value = Held(until).value(reason)
        self.assertEqual((until, reason, ''), read_value(value))


class TestUntil(base.BaseTestCase):
    def test_somebody_has_to_end_what_has_no_end(self) -> None:
        held = Held(math.inf)
        self.assertTrue(held.in_force(1e12))
        self.assertFalse(held.has_end)
        self.assertEqual('forever bob', held.value('bob'))

    def test_what_is_off_is_not_in_force(self) -> None:
        self.assertFalse(Held(0.0).in_force(0.0))
        self.assertFalse(Held(0.0).has_end)
