from typing import Any

from oslotest import base

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.consul.agent_address import NoAgent
from steal_scheduler.orchestrators.consul.node import Agent, Catalog
from tests.unit.make import server
from tests.unit.orchestrators.consul.stand_in import NODE_ID, Cluster

_ID = '11111111-1111-4111-8111-111111111111'


class NodeTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.cluster = self.enterContext(Cluster())
        self.options = self.cluster.consul().options
        self.server = server(_ID, addresses=('127.0.0.1',))

    def agent(self) -> Agent:
        return Agent(self.options, 'dc1', self.server, 'web-1')


class TestAgent(NodeTest):
    def says(self, said: Any) -> None:
        agent = self.cluster.agent
        agent.instead['/v1/agent/self'] = lambda handler: agent.send(
            handler, 200, said
        )

    def test_it_is_it(self) -> None:
        self.agent().identify(NODE_ID)

    def test_it_is_another(self) -> None:
        for name, node_id in ('web-2', NODE_ID), ('web-1', 'x'), (1, [2]):
            self.says({'Config': {'NodeName': name, 'NodeID': node_id}})
            self.assertRaises(NoAgent, self.agent().identify, NODE_ID)

    def test_it_is_none(self) -> None:
        for said in None, 3, [], {}, {'Config': 3}, {'Config': {}}:
            self.says(said)
            self.assertRaises(NoAgent, self.agent().identify, NODE_ID)

    def test_begun_by_somebody_else(self) -> None:
        self.cluster.reason = 'disk'
        check = self.agent().begin('ours')
        self.assertEqual('disk', check['Notes'])

    def test_not_ours_to_end(self) -> None:
        self.cluster.reason = 'disk'
        agent = self.agent()
        agent.end()
        self.assertEqual('disk', self.cluster.reason)
        self.assertNotIn('PUT', [verb for verb, _ in self.cluster.agent.asked])

    def test_another_took_over_while_we_ended_ours(self) -> None:
        agent = self.agent()
        agent.begin(f'steal-scheduler: server {_ID} moves, since 1')
        self.cluster.obeys = False

        def take(enable: bool) -> None:
            self.cluster.reason = 'disk'

        self.cluster.before = take
        agent.end()
        self.assertEqual('disk', self.cluster.reason)


class TestCatalog(NodeTest):
    def identify(self, node: str = 'web-1', **other: Any) -> str:
        catalog = Catalog(self.options, 'dc1')
        return catalog.identify(server(_ID, **other), node)

    def test_by_its_address(self) -> None:
        self.assertEqual(
            NODE_ID, self.identify(addresses=('10.0.0.1', '127.0.0.1'))
        )

    def test_by_another_address_of_it(self) -> None:
        self.cluster.node['TaggedAddresses'] = {'wan': '192.0.2.1'}
        self.assertEqual(NODE_ID, self.identify(addresses=('192.0.2.1',)))

    def test_by_its_id(self) -> None:
        self.cluster.node['ID'] = _ID
        self.assertEqual(_ID, self.identify())

    def test_another_one(self) -> None:
        for addresses in (), ('127.0.0.2',):
            error = self.assertRaises(
                NoAgent, self.identify, addresses=addresses
            )
            self.assertIn('web-1 is another one', str(error))

    def test_unknown(self) -> None:
        error = self.assertRaises(NoAgent, self.identify, 'web-9')
        self.assertIn('has no node web-9', str(error))

    def test_of_one_node(self) -> None:
        catalog = Catalog(self.options, 'dc1')
        self.cluster.shown = {'web-2': 'disk'}
        self.assertIsNone(catalog.maintenance('web-1'))
        check = catalog.maintenance('web-2')
        self.assertEqual('disk', check and check['Notes'])

    def test_it_must_be_the_leaders_word(self) -> None:
        place = self.cluster.catalog
        place.instead = dict.fromkeys(
            ('/v1/catalog/nodes', '/v1/health/state/critical'),
            lambda handler: place.send(
                handler, 200 if 'consistent' not in handler.path else 500, []
            ),
        )
        catalog = Catalog(self.options, 'dc1')
        self.assertRaises(OrchestratorError, catalog.ours)
        self.assertRaises(OrchestratorError, self.identify)
