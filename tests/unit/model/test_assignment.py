import re

from oslotest import base

from steal_scheduler.model.assignment import (
    KEY,
    Misrouted,
    Route,
    Rule,
    routes,
)
from tests.unit.make import server

WEB = Rule('web', roles=frozenset({'web'}))
K8S = Rule(
    'k8s', name_pattern=re.compile('^k8s-'), node_name='{name}.example.org'
)
OURS = Rule('ours', projects=frozenset({'p1'}))
ALL = Rule('all', all_servers=True, node_name='{id}')


class TestRoutes(base.BaseTestCase):
    def names(self, *rules: Rule, **fields: object) -> list[str]:
        found = routes(server(**fields), rules)
        return [route.orchestrator for route in found]

    def said(self, said: str, *rules: Rule, **fields: object) -> list[Route]:
        one = server(metadata={KEY: said}, **fields)
        return list(routes(one, rules))

    def test_by_role(self) -> None:
        self.assertEqual(['web'], self.names(WEB, K8S, role='web'))
        self.assertEqual([], self.names(WEB, K8S, role='db'))

    def test_by_name(self) -> None:
        one = server(name='k8s-7')
        expected = (Route('k8s', 'k8s-7.example.org'),)
        self.assertEqual(expected, routes(one, (WEB, K8S)))
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
        self.assertEqual((Route('all', 's'),), routes(server(), (ALL,)))

    def test_nobody(self) -> None:
        self.assertEqual([], self.names(Rule('shy')))

    def test_several_in_the_order_of_the_configuration(self) -> None:
        found = self.names(ALL, WEB, role='web')
        self.assertEqual(['all', 'web'], found)

    def test_the_server_says_so(self) -> None:
        self.assertEqual([Route('k8s', 'n1')], self.said('k8s=n1', WEB, K8S))
        self.assertEqual(
            [Route('shy', 'a'), Route('web', 'name of s')],
            self.said(' shy = a , web', WEB, Rule('shy')),
        )
        self.assertEqual([], self.said('None', ALL))

    def test_it_says_what_cannot_be(self) -> None:
        for said, word in (
            ('chef', "'chef', which is none of"),
            ('web,', "'', which is none of"),
            ('ours', 'not for its project ([ours] projects)'),
        ):
            error = self.assertRaises(
                Misrouted, self.said, said, WEB, OURS, project_id='p2'
            )
            self.assertIn(word, str(error))
            self.assertIn(repr(said), str(error))
