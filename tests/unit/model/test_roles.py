import re

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.model.roles import RoleRule
from tests.hostile import HOSTILE, SHOWN

NUMBERED = re.compile(r'^(\w+)-\d+$')


class TestRole(base.BaseTestCase):
    def test_metadata(self) -> None:
        self.assertEqual('web', RoleRule().role_of({'role': 'web'}))

    def test_another_key(self) -> None:
        rule = RoleRule(role_metadata_key='tier')
        metadata = {'role': 'web', 'tier': 'front'}
        self.assertEqual('front', rule.role_of(metadata))

    def test_hint(self) -> None:
        self.assertEqual('web', RoleRule().role_of(hint='web'))

    def test_metadata_comes_before_the_hint(self) -> None:
        self.assertEqual('db', RoleRule().role_of({'role': 'db'}, hint='web'))

    def test_name(self) -> None:
        rule = RoleRule(role_name_pattern=NUMBERED)
        self.assertEqual('web', rule.role_of({}, 'web-17'))
        self.assertIsNone(rule.role_of({}, 'web17'))
        self.assertEqual('db', rule.role_of({'role': 'db'}, 'web-17'))

    def test_a_group_that_matched_nothing(self) -> None:
        rule = RoleRule(role_name_pattern=re.compile(r'^(\w+-)?\d+$'))
        self.assertIsNone(rule.role_of({}, '17'))

    def test_it_is_escaped_and_has_an_end(self) -> None:
        for hint in (None, HOSTILE):
            said = {} if hint else {'role': HOSTILE}
            self.assertEqual(SHOWN[:64], RoleRule().role_of(said, hint=hint))
        self.assertEqual('x' * 64, RoleRule().role_of({'role': 'x' * 255}))
        self.assertIsNone(RoleRule().role_of({'role': ' \n'}))

    def test_no_role(self) -> None:
        self.assertIsNone(RoleRule().role_of({'role': ''}, 'web-17'))
        self.assertIsNone(RoleRule().role_of())

    @given(
        st.none() | st.dictionaries(st.text(), st.text()),
        st.none() | st.text(),
        st.none() | st.text(),
    )
    def test_a_role_is_never_empty(
        self,
        metadata: dict[str, str] | None,
        name: str | None,
        hint: str | None,
    ) -> None:
        rule = RoleRule(role_name_pattern=re.compile(r'(\d*)'))
        self.assertNotEqual('', rule.role_of(metadata, name, hint))
