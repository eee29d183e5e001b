import argparse
import re

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.edge.duration import duration
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)


class TestDuration(base.BaseTestCase):
    def test_examples(self) -> None:
        for text, seconds in (
            ('1s', 1),
            ('30m', 1800),
            ('2h', 7200),
            (' 1D12H ', 129600),
            ('3650d', 3650 * 86400),
        ):
            self.assertEqual(seconds, duration(text))

    @given(st.text(max_size=12))
    def test_any_text(self, text: str) -> None:
        try:
            found = duration(text)
        except argparse.ArgumentTypeError:
            return
        self.assertGreater(found, 0)
        self.assertIsNotNone(re.search(r'\d[dhmsDHMS]\s*\Z', text))
