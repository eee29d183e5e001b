from oslotest import base

from steal_scheduler.edge.text import one_line, without_request_id


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


class TestWithoutRequestId(base.BaseTestCase):
    def test_what_it_makes_of_it(self) -> None:
        one, other = (
            f'Nova failed: no (HTTP 500) (Request-ID: req-{n})' for n in (1, 2)
        )
        self.assertEqual('Nova failed: no (HTTP 500)', without_request_id(one))
        self.assertEqual(without_request_id(one), without_request_id(other))
        self.assertEqual('(no)', without_request_id(ValueError('(no)')))
