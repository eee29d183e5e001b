import re

from steal_scheduler.conf import orchestrators
from steal_scheduler.model.assignment import Rule
from tests.unit.make import server
from tests.unit.options import FileTestCase


class TestRule(FileTestCase):
    def rule(self, *lines: str) -> Rule:
        section = self.load(orchestrators.OPTS, *lines)
        return orchestrators.rule({'lb': section}, 'lb')

    def test_nobody_belongs_to_it_unless_somebody_says_so(self) -> None:
        for lines in ((), ('name_pattern =',)):
            self.assertFalse(self.rule(*lines).claims(server()))

    def test_everything(self) -> None:
        self.assertEqual(
            Rule(
                'lb',
                all_servers=True,
                roles=['web', 'api'],
                projects=['p'],
                name_pattern=re.compile('^k8s-'),
                node_name='{name}-{id}.example.org',
            ),
            self.rule(
                'all_servers = True',
                'roles = web, api',
                'projects = p',
                'name_pattern = ^k8s-',
                'node_name = {name}-{id}.example.org',
            ),
        )

    def test_wrong_names_of_nodes(self) -> None:
        for text in ('node', '{host}', '{name!r}', '{id:d}', '{', '{name}}'):
            self.refuse(
                orchestrators.OPTS,
                f'node_name = {text}',
                'use {name}, {id} or both',
            )

    def test_a_pattern_that_is_none(self) -> None:
        self.refuse(
            orchestrators.OPTS,
            'name_pattern = (',
            'is not a regular expression',
        )
