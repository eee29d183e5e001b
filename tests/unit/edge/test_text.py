from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.edge.text import one_line, without_request_id
from tests.hostile import HOSTILE, SHOWN
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)


class TestOneLine(base.BaseTestCase):
    def test_what_it_makes_of_it(self) -> None:
        for said, expected in (
            ('', ''),
            ('  busy \n', 'busy'),
            ('no\r\n ERROR all is lost', 'no ERROR all is lost'),
            ('a\x1b[2Jb\x00', 'a?[2Jb?'),
            ('\N{RIGHT-TO-LEFT OVERRIDE}x', '?x'),
            ('größer', 'größer'),
            (ValueError('no'), 'no'),
            # Controls of eight bits, and what has no width or no ink.
            ('\x9b31m', '?31m'),
            ('a\u200b\u2060\ufeffb', 'a???b'),
            ('a\u3164\u2800\ufe0fb', 'a???b'),
            ('\u2066x\u2069', '?x?'),
            # Spaces and ends of lines of all kinds are spaces.
            ('a\u3000\u2028\x85b', 'a b'),
            ('\ud800', '?'),
            (HOSTILE, SHOWN),
        ):
            self.assertEqual(expected, one_line(said))

    def test_it_has_an_end(self) -> None:
        self.assertEqual('x' * 300, one_line('x' * 5000))
        self.assertEqual('xx', one_line('xxx', most=2))
        self.assertEqual('', one_line(' ' * 5000 + 'x'))

    @given(st.text())
    def test_whatever_it_is(self, said: str) -> None:
        shown = one_line(said)
        self.assertTrue(shown.isprintable(), repr(shown))
        self.assertLessEqual(len(shown), len(said))
        self.assertEqual(shown, one_line(shown))


class TestWithoutRequestId(base.BaseTestCase):
    def test_what_it_makes_of_it(self) -> None:
        one, other = (
            f'Nova failed: no (HTTP 500) (Request-ID: req-{n})' for n in (1, 2)
        )
        self.assertEqual('Nova failed: no (HTTP 500)', without_request_id(one))
        self.assertEqual(without_request_id(one), without_request_id(other))
        self.assertEqual('(no)', without_request_id(ValueError('(no)')))
