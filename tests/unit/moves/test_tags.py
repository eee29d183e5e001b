from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.model.move import Stage
from steal_scheduler.moves import tags
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import move


class TestTags(base.BaseTestCase):
    def test_the_example(self):
        made = tags.of_move(
            move(stage=Stage.MIGRATE, since=1795334400.9, steal_before=0.261)
        )
        self.assertEqual('steal:migrate:1795334400:26.1', made)
        made = tags.of_move(move(stage=Stage.UNDO, since=7.0))
        self.assertEqual('steal:undo:7', made)

    @given(
        st.sampled_from(Stage),
        st.floats(0, 9_999_999_999),
        st.none() | st.floats(0, 1),
    )
    def test_it_says_what_was_written(self, stage, since, steal):
        made = tags.of_move(move(stage=stage, since=since, steal_before=steal))
        # Nova's limit, and what it does not take in a tag.
        self.assertLessEqual(len(made), 60)
        self.assertNotIn('/', made)
        self.assertNotIn(',', made)
        found = tags.parse(['other', made])
        self.assertEqual((stage, int(since)), found[:2])
        if steal is None:
            self.assertIsNone(found[2])
        else:
            self.assertAlmostEqual(steal, found[2], delta=0.001)

    def test_the_furthest_of_two_counts(self):
        for first, second in (
            ('steal:drain:100', 'steal:request:101'),
            ('steal:request:100', 'steal:undo:100'),
            ('steal:verify:99', 'steal:drain:100'),
        ):
            expected = tags.parse([second])
            self.assertEqual(expected, tags.parse([first, second]))
            self.assertEqual(expected, tags.parse([second, first]))

    def test_nonsense_counts_as_none(self):
        for tag in (
            'steal:',
            'steal:drain',
            'steal:drain:',
            'steal:drain:now',
            'steal:fly:100',
            'steal:drain:100:much',
            'web',
        ):
            self.assertIsNone(tags.parse([tag]), tag)
        found = tags.parse(['steal:fly:200', 'steal:drain:100'])
        self.assertEqual((Stage.DRAIN, 100.0, None), found)

    @given(st.lists(st.text(max_size=60).map('steal:'.__add__)))
    def test_any_text_is_taken(self, found):
        tags.parse(found)

    def test_ours(self):
        found = tags.ours(['steal:x', 'stealth', 'a:steal:', 'steal:drain:1'])
        self.assertEqual(['steal:x', 'steal:drain:1'], found)
