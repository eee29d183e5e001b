"""Orders to empty a host; of their values see ``test_until.py``."""

import math

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.model import emptying
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.emptying import Emptying
from steal_scheduler.model.until import KEY_PATTERN

AT = 1_795_960_800.0


def ours(**values: str) -> Aggregate:
    metadata = {f'steal:drain:host:{host}': v for host, v in values.items()}
    return Aggregate(1, 'steal-scheduler', (), metadata)


class TestRead(base.BaseTestCase):
    def test_what_an_operator_writes(self) -> None:
        for value, until, reason in (
            ('true', math.inf, ''),
            ('forever bob: new memory', math.inf, 'bob: new memory'),
            ('2026-11-29T14:00Z bob', AT, 'bob'),
            ('no', 0.0, ''),
        ):
            found = emptying.read('steal:drain:host:a1', value)
            self.assertEqual(
                ('a1', until, reason, ''),
                (found.host, found.until, found.reason, found.unclear),
            )

    def test_what_cannot_be_read_empties_nothing(self) -> None:
        for key, value, cure in (
            ('steal:drain:host:a1', 'soon', 'write for example 2026'),
            ('steal:drain:host:a1', '', 'write for example 2026'),
            # Of a pause these mean: from now on.
            ('steal:drain:host:a1', 'on 3 December', 'write for example 2026'),
            (
                'steal:drain:host:a1',
                '1 h from 14:00',
                'write for example 2026',
            ),
            ('steal:drain', 'true', 'write steal:drain:host:NAME'),
            ('steal:drain:zone:az1', 'true', 'write steal:drain:host:NAME'),
            ('steal:drain:host:', 'true', 'write steal:drain:host:NAME'),
        ):
            found = emptying.read(key, value)
            self.assertFalse(found.in_force(0.0), (key, value))
            self.assertIn(cure, found.told(0.0))
            self.assertIn(f'not emptied by {key} of', found.told(0.0))

    def test_nor_does_an_order_of_another_aggregate(self) -> None:
        rack = Aggregate(2, 'rack7', ('a', 'b'), {'steal:drain:host:a': '1'})
        (found,) = emptying.read_all([rack])
        self.assertFalse(found.in_force(0.0))
        self.assertEqual('rack7', found.aggregate)
        self.assertIn('in aggregate steal-scheduler alone', found.unclear)

    def test_other_keys_are_none(self) -> None:
        said = {'steal:pause:host:a': 'true', 'drain': 'true', 'x': ''}
        found = emptying.read_all([Aggregate(1, 'steal-scheduler', (), said)])
        self.assertEqual((), found)

    def test_case_is_nobodys_matter(self) -> None:
        (found,) = emptying.read_all([ours(A1='true')])
        self.assertTrue(found.about('a1'))
        self.assertFalse(found.about('a10'))
        self.assertFalse(emptying.read('steal:drain', 'true').about(''))

    def test_for_a_person(self) -> None:
        found = emptying.read('steal:drain:host:a1', '2026-11-29T14:00Z bob')
        where = 'by steal:drain:host:a1 of aggregate steal-scheduler'
        for now, said in (
            (AT - 1, f'emptied until 2026-11-29 14:00 UTC {where} (bob)'),
            (AT, f'over since 2026-11-29 14:00 UTC {where} (bob)'),
        ):
            self.assertEqual(said, found.told(now))
        off = emptying.read('steal:drain:host:a1', 'off')
        self.assertEqual(f'off {where}', off.told(AT))
        for_ever = emptying.read('steal:drain:host:a1', 'true')
        self.assertEqual(
            f'emptied until somebody ends it {where}', for_ever.told(AT)
        )

    @given(
        st.from_regex(r'\A[A-Za-z0-9][\w.-]{0,50}\Z'),
        st.integers(1_000_000_000, 4_000_000_000) | st.just(math.inf),
        st.sampled_from(['', 'bob: new memory', 'true']),
    )
    def test_what_was_written_is_read(
        self, host: str, until: float, reason: str
    ) -> None:
        meant = Emptying(host, until, reason)
        key, value = emptying.written(meant)
        found = emptying.read(key, value)
        self.assertEqual(
            (host, until, reason, ''),
            (found.host, found.until, found.reason, found.unclear),
        )
        if host.isascii():
            self.assertRegex(key, KEY_PATTERN)
