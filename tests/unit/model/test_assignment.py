import re

from oslotest import base

from steal_scheduler.model.assignment import (
    KEY,
    Assignment,
    InvalidOrchestrator,
    Rule,
    assignments,
)
from tests.unit.make import server

WEB = Rule('web', roles=frozenset({'web'}))
K8S = Rule(
    'k8s', name_pattern=re.compile('^k8s-'), node_name='{name}.example.org'
)
OURS = Rule('ours', projects=frozenset({'p1'}))
ALL = Rule('all', all_servers=True, node_name='{id}')


class TestAssignments(base.BaseTestCase):
    def names(self, *rules: Rule, **fields: object) -> list[str]:
        found = assignments(server(**fields), rules)
        return [one.orchestrator for one in found]

    def said(
        self, said: str, *rules: Rule, **fields: object
    ) -> list[Assignment]:
        one = server(metadata={KEY: said}, **fields)
        return list(assignments(one, rules))

    def test_by_role(self) -> None:
        self.assertEqual(['web'], self.names(WEB, K8S, role='web'))
        self.assertEqual([], self.names(WEB, K8S, role='db'))

    def test_by_name(self) -> None:
        one = server(name='k8s-7')
        expected = (Assignment('k8s', 'k8s-7.example.org'),)
        self.assertEqual(expected, assignments(one, (WEB, K8S)))
        self.assertEqual([], self.names(K8S, name='my-k8s-7'))

    def test_by_project(self) -> None:
        self.assertEqual(['ours'], self.names(OURS, project_id='p1'))
        self.assertEqual([], self.names(OURS, project_id='p2'))

    def test_a_project_narrows_a_role(self) -> None:
        both = Rule(
            'both', roles=frozenset({'web'}), projects=frozenset({'p1'})
        )
        for role, project, expected in (
            ('web', 'p1', ['both']),
            ('web', 'p2', []),
            ('db', 'p1', []),
        ):
            found = self.names(both, role=role, project_id=project)
            self.assertEqual(expected, found)

    def test_everybody(self) -> None:
        self.assertEqual(
            (Assignment('all', 's'),), assignments(server(), (ALL,))
        )

    def test_nobody(self) -> None:
        self.assertEqual([], self.names(Rule('shy')))

    def test_several_in_the_order_of_the_configuration(self) -> None:
        found = self.names(ALL, WEB, role='web')
        self.assertEqual(['all', 'web'], found)

    def test_the_server_says_so(self) -> None:
        self.assertEqual(
            [Assignment('k8s', 'n1')], self.said('k8s=n1', WEB, K8S)
        )
        self.assertEqual(
            [Assignment('shy', 'a'), Assignment('web', 'name of s')],
            self.said(' shy = a , web', WEB, Rule('shy')),
        )
        self.assertEqual([], self.said('None', ALL))

    def test_it_says_what_cannot_be(self) -> None:
        for said, word in (
            ('chef', "'chef' is none of"),
            ('web,', "'' is none of"),
            ('ours', '[ours] projects does not list project p2'),
        ):
            error = self.assertRaises(
                InvalidOrchestrator,
                self.said,
                said,
                WEB,
                OURS,
                project_id='p2',
            )
            self.assertIn(word, str(error))
            self.assertIn(repr(said), str(error))
