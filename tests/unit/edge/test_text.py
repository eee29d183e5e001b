from oslotest import base

from steal_scheduler.edge.text import one_line


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
        ):
            self.assertEqual(expected, one_line(said))

    def test_it_has_an_end(self) -> None:
        self.assertEqual('x' * 300, one_line('x' * 5000))
        self.assertEqual('xx', one_line('xxx', most=2))
