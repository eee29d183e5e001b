from oslotest import base

from steal_scheduler.moves import marks
from steal_scheduler.moves.marks import Mark, Said
from steal_scheduler.moves.tags import Signer
from tests.unit.make import move, server

SIGNER = Signer((b'new', b'old'), lambda: 7)
YES = Mark(Said.APPROVED, 1795334400.0, 'a')


class TestMarks(base.BaseTestCase):
    def read(self, *tags: str, host: str | None = 'a') -> list[Mark | None]:
        found = marks.read(server('s', tags=tags, host=host), SIGNER)
        return [*found.values()]

    def test_the_example(self) -> None:
        text = YES.text('s', SIGNER)
        self.assertRegex(
            text, r'\Asteal:approved:1795334400:[0-9a-f]{8}:[-\w]{16}\Z'
        )
        self.assertEqual([YES], self.read('blue', text))

    def test_all_of_them_fit(self) -> None:
        for said in Said:
            mark = Mark(said, 9_999_999_999.0, 'a' * 255)
            text = mark.text('s', SIGNER)
            self.assertLessEqual(len(text), 60)
            self.assertEqual([mark], self.read(text, host=mark.host))

    def test_another_host(self) -> None:
        text = YES.text('s', SIGNER)
        for host in ('b', '', None):
            self.assertEqual([None], self.read(text, host=host))

    def test_what_none_of_us_wrote(self) -> None:
        text = YES.text('s', SIGNER)
        for forged in (
            YES.text('t', SIGNER),
            YES.text('s', Signer((b'other',))),
            text.replace('approved', 'rejected'),
            text.replace('17', '18'),
            text + 'x',
            text[:-1],
            'steal:approved',
            '',
        ):
            self.assertEqual([], self.read(forged), forged)

    def test_an_older_key(self) -> None:
        text = YES.text('s', Signer((b'old',)))
        self.assertEqual([YES], self.read(text))

    def test_it_is_no_tag_of_a_move(self) -> None:
        """Of none, nor of a version to come; nor is one of those a mark."""
        text = YES.text('s', SIGNER)
        both = server('s', tags=(text, SIGNER.tag(move('s'))))
        known, newer = SIGNER.read_all([both])
        self.assertEqual('drain', known['s'].stage)
        self.assertEqual({}, newer)
        self.assertEqual([text], [*marks.read(both, SIGNER)])
