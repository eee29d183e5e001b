from oslotest import base

from steal_scheduler.exception import NovaError, NovaSilent, ServerGone
from steal_scheduler.model.cloud import Server
from steal_scheduler.nova_client.pages import Pages
from tests.unit.make import server


class TestPages(base.BaseTestCase):
    """Servers a to e, two on a page."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[str | None] = []
        #: What each page ends in that begins after one of these.
        self.faults: dict[str | None, Exception] = {}
        self.pages = Pages(self.page)

    def page(self, marker: str | None) -> list[Server]:
        self.asked.append(marker)
        if marker in self.faults:
            raise self.faults[marker]
        begin = 'abcde'.index(marker) + 1 if marker else 0
        return [server(s) for s in 'abcde'[begin : begin + 2]]

    def read(self) -> str:
        return ''.join(s.server_id for s in self.pages.read())

    def test_round_after_round(self) -> None:
        for _ in range(2):
            found = [self.read() for _ in range(4)]
            self.assertEqual(['ab', 'cd', 'e', ''], found)
            self.pages.met.add('a')
            self.assertEqual({'a'}, self.pages.end())

    def test_it_begins_again(self) -> None:
        """Its marker was deleted, or is of a cell that is down."""
        for fault in (ServerGone('400'), NovaError('500')):
            self.read()
            self.pages.met.add('a')
            self.faults = {'b': fault}
            self.assertEqual('ab', self.read())
            self.assertEqual(1, self.pages.restarts)
            self.faults = {}
            self.assertEqual('cd', self.read())
            self.assertEqual(set(), self.pages.end())
            self.assertEqual(0, self.pages.restarts)

    def test_nova_is_silent(self) -> None:
        """It is not asked again at once: each call takes its time-out."""
        self.read()
        self.faults = {'b': NovaSilent('no answer')}
        self.assertRaises(NovaSilent, self.read)
        self.assertEqual([None, 'b'], self.asked)
        self.assertEqual('ab', self.read())

    def test_nothing_can_be_read(self) -> None:
        self.faults = {None: NovaError('500')}
        self.assertRaises(NovaError, self.read)
        self.assertEqual([None], self.asked)

    def test_a_page_that_comes_again(self) -> None:
        pages = Pages(lambda marker: [server('a'), server('b')])
        self.assertEqual([2, 0], [len(pages.read()) for _ in range(2)])
