from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.model.move import Stage
from steal_scheduler.moves import tags
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import move, server

SIGNER = tags.Signer((b'new', b'old'), lambda: 7)


def made(stage=Stage.DRAIN, since=100.0, steal_before=None, signer=SIGNER):
    return signer.tag(
        move(stage=stage, since=since, steal_before=steal_before)
    )


class TestTags(base.BaseTestCase):
    def read(self, *found, **changes):
        return SIGNER.read(server('s', tags=found, **changes))

    def test_the_example(self):
        found = made(Stage.MIGRATE, 1795334400.9, 0.261)
        self.assertRegex(
            found, r'\Asteal:migrate:1795334400:261:7:[-\w]{16}\Z'
        )
        self.assertRegex(made(Stage.UNDO, 7.0), r'\Asteal:undo:7::7:[-\w]{16}')

    @given(
        st.sampled_from(Stage),
        st.floats(0, 9_999_999_999),
        st.none() | st.floats(0, 1),
        st.integers(0, 9_999_999_999),
    )
    def test_it_says_what_was_written(self, stage, since, steal, number):
        signer = tags.Signer((b'key',), lambda: number)
        found = made(stage, since, steal, signer)
        # Nova's limit, and what it does not take in a tag.
        self.assertLessEqual(len(found), 60)
        self.assertNotIn('/', found)
        self.assertNotIn(',', found)
        said = signer.read(server('s', tags=('other', found)))
        self.assertEqual((stage, int(since)), (said.stage, said.since))
        self.assertEqual(number, said.leadership)
        if steal is None:
            self.assertIsNone(said.steal_before)
        else:
            self.assertAlmostEqual(steal, said.steal_before, delta=0.001)

    def test_the_furthest_of_two_counts(self):
        for first, second in (
            (made(Stage.DRAIN, 100), made(Stage.REQUEST, 101)),
            (made(Stage.REQUEST, 100), made(Stage.UNDO, 100)),
            (made(Stage.VERIFY, 99), made(Stage.DRAIN, 100)),
        ):
            expected = self.read(second)
            self.assertEqual(expected, self.read(first, second))
            self.assertEqual(expected, self.read(second, first))

    def test_any_key_verifies_and_the_first_one_signs(self):
        old = tags.Signer((b'old',), lambda: 6)
        self.assertEqual(6, self.read(made(signer=old)).leadership)
        self.assertIsNone(old.read(server('s', tags=(made(),))))

    def test_what_is_not_signed_counts_for_nothing(self):
        genuine = made(Stage.REQUEST, 100)
        strange = tags.Signer((b'guess',), lambda: 7)
        for tag in (
            'web',
            'steal:',
            'steal:drain:100',
            'steal:drain:100::7:',
            made(signer=strange),
            genuine.replace('request', 'migrate'),
            genuine.replace(':100:', ':101:'),
            genuine.replace(':7:', ':8:'),
            genuine[:-1],
            f'{genuine}:',
            'steal:drain:100::7:ü' + 15 * 'x',
        ):
            self.assertIsNone(self.read(tag), tag)
        said = self.read('steal:undo:999', genuine)
        self.assertIs(Stage.REQUEST, said.stage)

    def test_it_is_of_one_server(self):
        other = server('other', tags=(made(),))
        self.assertIsNone(SIGNER.read(other))

    @given(st.lists(st.text(max_size=60).map('steal:'.__add__)))
    def test_any_text_is_taken(self, found):
        self.assertIsNone(self.read(*found))

    def test_ours(self):
        found = tags.ours(['steal:x', 'stealth', 'a:steal:', 'steal:drain:1'])
        self.assertEqual(['steal:drain:1'], found)


class TestVersions(base.BaseTestCase):
    """Controllers are upgraded one after the other."""

    SERVER = '4c4956c8-5013-4507-b8f1-1522155be707'
    SAMPLES = Path(__file__).parents[2] / 'data/formats/tag-1.txt'

    def setUp(self):
        super().setUp()
        self.signer = tags.Signer((b'key of the samples',), lambda: 7)

    def server(self, *found):
        return server(self.SERVER, tags=found)

    def newer(self, *found):
        _, newer = self.signer.read_all([self.server(*found)])
        return newer.get(self.SERVER, [])

    def signed(self, said):
        """What a version of the future writes."""
        return said + tags._signature(self.signer.keys[0], self.SERVER, said)

    def test_those_of_the_first_version_are_read(self):
        """As it wrote them; what reads them no more breaks an upgrade."""
        found = [
            self.signer.read(self.server(text))
            for text in self.SAMPLES.read_text().split()
        ]
        steals = (0.261, None, 1.0, 0.0, 0.05, 0.5)
        self.assertEqual(
            [
                tags.Tag(stage, 1795334400.0 + n, steal, 1795330001)
                for n, (stage, steal) in enumerate(
                    zip(Stage, steals, strict=True)
                )
            ],
            found,
        )

    def test_those_of_a_newer_version_are_known_as_such(self):
        for said in (
            'steal2:migrate:1795334400:261:1795330001:',
            'steal2:',
            'steal17:anything at all:',
            # One more field, a number of another kind, or a new stage.
            'steal:migrate:1795334400:261:1795330001:x:',
            'steal:migrate:1795334400.5:261:1795330001:',
            'steal:copy:1795334400:261:1795330001:',
        ):
            text = self.signed(said)
            tagged = self.server('web', text)
            self.assertIsNone(self.signer.read(tagged), said)
            self.assertEqual([text], self.newer(text), said)
            # As one that is not signed it is nobody's.
            for forged in (text[:-1], said, text.replace('a', 'b')):
                if forged != text:
                    self.assertEqual([], self.newer(forged))

    def test_those_of_this_version_are_not_newer(self):
        texts = self.SAMPLES.read_text().split()
        self.assertEqual([], self.newer(*texts, 'steal:x'))

    def test_it_does_not_hide_ours(self):
        ours = self.SAMPLES.read_text().split()[0]
        newer = self.signed('steal:drain:1:2:3:4:')
        both = self.server(ours, newer)
        self.assertIs(Stage.DRAIN, self.signer.read(both).stage)
        self.assertEqual([newer], self.newer(*both.tags))
        self.assertEqual([ours], tags.ours(both.tags, [newer]))

    @given(st.lists(st.text(max_size=60).map('steal2:'.__add__)))
    def test_any_text_is_taken(self, found):
        self.assertEqual([], self.newer(*found))
