import itertools
import math

from oslotest import base

from steal_scheduler.exception import NovaError, NovaSilent, ServerGone
from steal_scheduler.model.cloud import Server
from steal_scheduler.nova_client.pages import Pages, all_rows
from tests.unit.make import server


class Row:
    def __init__(self, name: object) -> None:
        self._said = {'uuid': name}

    def to_dict(self) -> dict[str, object]:
        return self._said


class TestAllRows(base.BaseTestCase):
    def rows(self, *pages: object) -> list[object]:
        """Those of pages of one, which begin again at the end."""
        told = itertools.cycle(pages)

        def ask(marker: object) -> list[Row]:
            name = next(told)
            return [] if name is None else [Row(name)]

        found = itertools.islice(all_rows(ask, 'uuid'), 100)
        return [row.to_dict()['uuid'] for row in found]

    def test_all_pages(self) -> None:
        self.assertEqual(['a', 'b'], self.rows('a', 'b', None))

    def test_pages_that_come_again(self) -> None:
        self.assertEqual(['a'], self.rows('a'))
        self.assertEqual(['a', 'b', 'c'], self.rows('a', 'b', 'c'))

    def test_a_page_that_ends_in_one_without_a_name(self) -> None:
        pages = {None: ['a', None], 'a': [None, 'b'], 'b': []}
        found = all_rows(lambda marker: [*map(Row, pages[marker])], 'uuid')
        names = [row.to_dict()['uuid'] for row in found]
        self.assertEqual(['a', None, None, 'b'], names)

    def test_a_marker_that_is_none(self) -> None:
        for odd in (math.nan, [], {'a': 1}, 7, '', '\ud800'):
            self.assertEqual(['a', odd], self.rows('a', odd))


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
