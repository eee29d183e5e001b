import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.api import answers, calls
from steal_scheduler.api.answers import shaped

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(['server_id', 'servers', 'moves', 'project_id'])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def keys(schema: Any, found: Any) -> bool:
    """Whether an answer has the keys of its schema, at every depth."""
    if 'oneOf' in schema:
        return found is None or keys(schema['oneOf'][0], found)
    if 'properties' in schema:
        of = schema['properties']
        if found is None:
            # It is of nobody, or of another project.
            return 'project_id' in of
        return [*of] == [*found] and all(keys(of[k], found[k]) for k in of)
    if schema['type'] == 'array':
        return all(keys(schema['items'], row) for row in found)
    if 'object' in schema['type'] and found is not None:
        of = schema['additionalProperties']
        return all(keys(of, value) for value in found.values())
    return True


class TestShaped(base.BaseTestCase):
    def test_all_keys_are_there_and_no_other(self) -> None:
        said = {'reason': 'locked', 'key': 'hush'}
        self.assertEqual(
            {'reason': 'locked', 'detail': None},
            shaped(answers.REASONED, said),
        )

    def test_another_kind_is_unknown(self) -> None:
        for schema, said in (
            (answers.TEXT, 7),
            (answers.NUMBER, '7'),
            (answers.NUMBER, True),
            (answers.NUMBER, math.inf),
            (answers.NUMBER, math.nan),
            (answers.COUNT, 7.5),
            (answers.FLAG, 1),
        ):
            self.assertIsNone(shaped(schema, said))
        self.assertEqual(7, shaped(answers.NUMBER, 7))
        self.assertEqual(7, shaped(answers.COUNT, 7))
        self.assertIs(False, shaped(answers.FLAG, False))

    def test_a_row_of_another_project(self) -> None:
        [schema] = [c.answer for c in calls.CALLS if c.name == 'moves']
        rows = [{'project_id': p, 'name': p} for p in ('p1', 'p2', None)]
        for project_id, expected in (
            (None, ['p1', 'p2', None]),
            ('p1', ['p1']),
            ('p3', []),
        ):
            found = shaped(schema, {'moves': rows}, project_id)
            self.assertEqual(expected, [m['name'] for m in found['moves']])

    def test_what_only_operators_see(self) -> None:
        said = {'moves': [], 'notes': ['host a1 is down']}
        self.assertEqual([], shaped(answers.HISTORY, said, 'p1')['notes'])
        self.assertEqual(said, shaped(answers.HISTORY, said))

    @settings(deadline=None)
    @given(JSON, st.sampled_from(calls.CALLS), st.sampled_from([None, 'p1']))
    def test_whatever_the_leader_says(
        self, said: Any, call: calls.Call, project_id: str | None
    ) -> None:
        found = shaped(call.answer, said, project_id)
        self.assertTrue(keys(call.answer, found), found)
        self.assertEqual(found, shaped(call.answer, found, project_id))
