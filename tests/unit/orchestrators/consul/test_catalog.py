from typing import Any

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.consul.catalog import Catalog
from steal_scheduler.orchestrators.consul.node import Agent, NoAgent
from tests.unit.make import server
from tests.unit.orchestrators.consul.rig import (
    ADDRESS,
    CATALOG,
    ME,
    NODE_ID,
    OTHER,
    ConsulTestCase,
)


class TestCatalog(ConsulTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.it = Catalog(
            self.consul().options, 'dc1', CATALOG, 'catalog', None
        )

    def identify(
        self,
        *addresses: str,
        node: str = 'web-1',
        options: dict[str, Any] | None = None,
    ) -> str:
        conf = self.consul(**(options or {})).options
        shop = server(ME, name='web-1', addresses=addresses)
        return self.it.identify(Agent.of(conf, 'dc1', shop, node))

    def test_by_its_address(self) -> None:
        self.assertEqual(NODE_ID, self.identify('10.0.0.1', ADDRESS))

    def test_by_another_address_of_the_node(self) -> None:
        self.node.tagged = {'wan': OTHER}
        self.assertEqual(NODE_ID, self.identify(OTHER))

    def test_spellings_of_ipv6(self) -> None:
        self.node.address = '2001:0DB8:0::5'
        options = {'networks': ['2001:db8::/32']}
        self.assertEqual(
            NODE_ID, self.identify('2001:db8::5', options=options)
        )

    def test_by_its_id(self) -> None:
        self.node.node_id = ME
        self.assertEqual(ME, self.identify(OTHER))

    def test_another_one(self) -> None:
        error = self.assertRaises(NoAgent, self.identify, OTHER)
        self.assertEqual(
            f'node web-1 is another one: the catalog has it at {ADDRESS}, '
            f'Nova has the server at {OTHER}',
            str(error),
        )

    def test_an_address_that_a_tenant_can_make(self) -> None:
        """In a network of his own, while he would be asked at another."""
        self.node.address = '10.9.9.9'
        for address in ('http://{address}:8500', 'http://{node}.x:8500'):
            self.assertRaises(
                NoAgent,
                self.identify,
                OTHER,
                '10.9.9.9',
                options={'address': address},
            )

    def test_an_address_is_not_needed_where_it_is_not_asked_at(self) -> None:
        options = {'address': 'http://{node}.x:8500', 'networks': []}
        found = self.identify('10.0.0.1', ADDRESS, options=options)
        self.assertEqual(NODE_ID, found)

    def test_unknown(self) -> None:
        error = self.assertRaises(
            NoAgent, self.identify, ADDRESS, node='web-9'
        )
        self.assertIn('has no node web-9', str(error))

    def test_many_at_once(self) -> None:
        names = [f'db-{n}' for n in range(50)]
        for name in names:
            self.cluster.add_node(name)
        self.assertEqual({*names}, {*self.it.nodes([*names, 'none'])})
        self.assertEqual({}, self.it.nodes([]))

    def test_what_makes_no_sense(self) -> None:
        node = {'Node': 'web-1', 'ID': NODE_ID, 'Address': ADDRESS}
        for wrong in (
            {'TaggedAddresses': 'x'},
            {'TaggedAddresses': {'wan': {}}},
            {'Address': [ADDRESS]},
        ):
            self.catalog.instead['*'] = 200, [node | wrong]
            error = self.assertRaises(
                OrchestratorError, self.identify, ADDRESS
            )
            self.assertIn('node web-1 makes no sense', str(error))

    def test_of_one_node(self) -> None:
        self.cluster.add_node('web-2', shown='disk')
        self.assertIsNone(self.it.maintenance('web-1'))
        self.assertEqual('disk', self.it.maintenance('web-2'))

    def test_it_must_be_the_leaders_word(self) -> None:
        self.catalog.instead['*'] = lambda asked: (
            (500, []) if 'consistent' in asked.query else (200, [])
        )
        self.assertRaises(OrchestratorError, self.it.ours)
        self.assertRaises(OrchestratorError, self.identify, ADDRESS)
