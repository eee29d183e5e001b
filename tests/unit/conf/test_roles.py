import re

from steal_scheduler.conf import roles
from steal_scheduler.model.roles import RoleRule
from tests.unit.options import FileTestCase


class TestRule(FileTestCase):
    def rule(self, *lines: str) -> RoleRule:
        return RoleRule(**self.load([*roles.OPTS, roles.HINT], *lines))

    def test_good(self) -> None:
        for lines in ((), ('role_name_pattern =',)):
            self.assertEqual(RoleRule('role', 'role'), self.rule(*lines))
        self.assertEqual(
            RoleRule('kind', 'h', re.compile(r'^(\w+)-\d+$')),
            self.rule(
                'role_metadata_key = kind',
                'role_hint = h',
                r'role_name_pattern = ^(\w+)-\d+$',
            ),
        )

    def test_the_migrator_knows_no_hint(self) -> None:
        section = self.load(roles.OPTS)
        self.assertEqual(RoleRule('role', ''), RoleRule(**section))

    def test_bad(self) -> None:
        for pattern, *words in (
            ('(', '( is not a regular expression'),
            ('web', 'web has no group', 'brackets around the role'),
        ):
            self.refuse(roles.OPTS, f'role_name_pattern = {pattern}', *words)
