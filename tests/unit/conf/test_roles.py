import types

from oslotest import base

from steal_scheduler.conf import roles
from steal_scheduler.exception import ConfigError
from steal_scheduler.model.roles import RoleRule


def rule(pattern: str = '', key: str = 'role') -> RoleRule:
    return roles.rule(
        types.SimpleNamespace(
            role_metadata_key=key, role_hint='h', role_name_pattern=pattern
        )
    )


class TestRule(base.BaseTestCase):
    def test_good(self) -> None:
        self.assertEqual(RoleRule('kind', 'h', None), rule(key='kind'))
        self.assertEqual('web', rule(r'^(\w+)-\d+$').role_of({}, 'web-17'))

    def test_bad(self) -> None:
        for pattern, cure in (('(', 'Correct it'), ('web', 'Put brackets')):
            error = self.assertRaises(ConfigError, rule, pattern)
            self.assertIn(f'role_name_pattern = {pattern}', str(error))
            self.assertIn(cure, str(error))
