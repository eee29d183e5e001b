from typing import Any

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.consul.agent_address import (
    NoAgent,
    agent_of,
)
from steal_scheduler.orchestrators.consul.client import ConsulClient
from steal_scheduler.orchestrators.consul.node import (
    Agent,
    Catalog,
    server_of,
)
from tests.unit.make import server
from tests.unit.orchestrators.consul.rig import (
    ADDRESS,
    CATALOG,
    ME,
    NODE_ID,
    OTHER,
    ConsulTestCase,
)


class NodeTest(ConsulTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.options = self.consul().options

    def catalog_of_it(self) -> Catalog:
        return Catalog(ConsulClient(self.options, 'dc1', CATALOG, 'catalog'))

    def agent_of_it(self) -> Agent:
        client = agent_of(self.options, 'dc1', self.server, 'web-1')
        return Agent(client, 'web-1', ME)


class TestReason(NodeTest):
    def test_an_operator_can_read_it(self) -> None:
        noted = self.agent_of_it().begin()
        self.assertRegex(
            noted,
            f'^steal-scheduler: server {ME} moves, '
            r'since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$',
        )
        self.assertEqual(ME, server_of(noted))

    def test_not_ours(self) -> None:
        for noted in (
            '',
            None,
            'disk',
            f'steal-scheduler: server {ME} moves',
            f'steal-scheduler-2: server {ME} moves, since 1',
            f'x steal-scheduler: server {ME} moves, since 1',
            f'steal-scheduler: server {ME} moves, since 1\nmore',
            # An operator has written why he keeps it.
            f'steal-scheduler: server {ME} moves, since 1. Keep it: disk',
        ):
            self.assertIsNone(server_of(noted), noted)
        self.assertIsNone(server_of(None))


class TestAgent(NodeTest):
    def says(self, said: Any) -> None:
        self.agent.instead['GET /v1/agent/self'] = 200, said

    def test_it_is_it(self) -> None:
        self.agent_of_it().identify(NODE_ID)

    def test_it_is_another(self) -> None:
        for name, node_id in ('web-2', NODE_ID), ('web-1', 'x'), (1, [2]):
            self.says({'Config': {'NodeName': name, 'NodeID': node_id}})
            self.assertRaises(NoAgent, self.agent_of_it().identify, NODE_ID)

    def test_it_is_none(self) -> None:
        for said in None, 3, [], {}, {'Config': 3}, {'Config': {}}:
            self.says(said)
            self.assertRaises(NoAgent, self.agent_of_it().identify, NODE_ID)

    def test_begun_by_somebody_else(self) -> None:
        self.node.reason = 'disk'
        self.assertEqual('disk', self.agent_of_it().begin())

    def test_not_ours_to_end(self) -> None:
        self.node.reason = 'disk'
        agent = self.agent_of_it()
        agent.end()
        self.assertEqual('disk', self.node.reason)
        self.assertNotIn('PUT', [asked.method for asked in self.agent.asked])

    def test_another_took_over_while_we_ended_ours(self) -> None:
        agent = self.agent_of_it()
        agent.begin()
        self.cluster.obeys = False

        def take(enable: bool) -> None:
            self.node.reason = 'disk'

        self.agent.before_it_obeys = take
        agent.end()
        self.assertEqual('disk', self.node.reason)


class TestCatalog(NodeTest):
    def identify(self, node: str = 'web-1', **other: Any) -> str:
        catalog = self.catalog_of_it()
        return catalog.identify(server(ME, **other), node)

    def test_by_its_address(self) -> None:
        self.assertEqual(
            NODE_ID, self.identify(addresses=('10.0.0.1', ADDRESS))
        )

    def test_by_another_address_of_it(self) -> None:
        self.node.tagged = {'wan': OTHER}
        self.assertEqual(NODE_ID, self.identify(addresses=(OTHER,)))

    def test_by_its_id(self) -> None:
        self.node.node_id = ME
        self.assertEqual(ME, self.identify())

    def test_another_one(self) -> None:
        for addresses in (), (OTHER,):
            error = self.assertRaises(
                NoAgent, self.identify, addresses=addresses
            )
            self.assertIn('web-1 is another one', str(error))

    def test_unknown(self) -> None:
        error = self.assertRaises(NoAgent, self.identify, 'web-9')
        self.assertIn('has no node web-9', str(error))

    def test_of_one_node(self) -> None:
        catalog = self.catalog_of_it()
        self.cluster.add_node('web-2', shown='disk')
        self.assertIsNone(catalog.maintenance('web-1'))
        self.assertEqual('disk', catalog.maintenance('web-2'))

    def test_it_must_be_the_leaders_word(self) -> None:
        self.catalog.instead['*'] = lambda asked: (
            (500, []) if 'consistent' in asked.query else (200, [])
        )
        catalog = self.catalog_of_it()
        self.assertRaises(OrchestratorError, catalog.ours)
        self.assertRaises(OrchestratorError, self.identify)
