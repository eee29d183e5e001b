from collections.abc import Sequence
from typing import Any

from oslotest import base

from steal_scheduler.orchestrators.consul.node import (
    Agent,
    NoAgent,
    server_of,
)
from steal_scheduler.orchestrators.consul.options import OPTS
from tests.unit.make import server
from tests.unit.options import configuration
from tests.unit.orchestrators.consul.rig import (
    ME,
    NODE_ID,
    ConsulTestCase,
)


class NodeTest(ConsulTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.options = self.consul().options

    def agent_of_it(self) -> Agent:
        return Agent.of(self.options, 'dc1', self.server, 'web-1')


def _client(
    node: str = 'web-1',
    name: str = 'web-1',
    addresses: Sequence[str] = ('10.0.0.5',),
    **options: Any,
) -> Agent:
    found = server(ME, name=name, addresses=tuple(addresses))
    section = configuration('dc1', OPTS, **options).dc1
    return Agent.of(section, 'dc1', found, node)


class TestWhereItIs(base.BaseTestCase):
    def test_by_address(self) -> None:
        found = _client()
        self.assertEqual('https://10.0.0.5:8501', found.url)
        self.assertEqual((ME, None), (found.whose, found.server_name))
        self.assertEqual(
            'https://[2001:db8::5]:8501',
            _client(addresses=['2001:db8:0::5']).url,
        )

    def test_by_name(self) -> None:
        found = _client(
            node='a',
            name='b',
            address='http://{node}.node.dc1.consul:8500',
            tls_server_name='{name}.dc1.consul',
        )
        self.assertEqual('http://a.node.dc1.consul:8500', found.url)
        self.assertEqual(
            (ME, 'b.dc1.consul'), (found.whose, found.server_name)
        )

    def test_names_that_are_more_than_names(self) -> None:
        for name in (
            *('', '.', '..', 'a..b', '.a', 'a.', '-a', 'a-', 'a_b', 'a b'),
            *('a/b', 'a@b', 'a:1', 'a?b', 'a#b', 'a%2fb', 'a\\b', 'a\nb'),
            *('a\n', '{id}', 'b\N{LATIN SMALL LETTER U WITH DIAERESIS}r'),
            *('127.0.0.1', '2130706433', '0x7f000001', '127.0x1', '[::1]'),
            *('a' * 64, '.'.join(['a' * 50] * 6)),
        ):
            self.assertRaises(NoAgent, _client, node=name)
            self.assertRaises(
                NoAgent, _client, name=name, address='https://{name}:8501'
            )
            self.assertRaises(
                NoAgent,
                _client,
                name=name,
                tls_server_name='{name}.dc1.consul',
            )

    def test_a_name_that_nobody_uses(self) -> None:
        self.assertEqual('https://10.0.0.5:8501', _client(name='my web').url)

    def test_which_address(self) -> None:
        several = ['10.0.0.5', '192.0.2.5', '192.0.2.6', '2001:db8::5']
        for networks, expected in (
            (['10.0.0.0/8'], '10.0.0.5'),
            (['198.51.100.0/24', '192.0.2.0/24'], '192.0.2.5'),
            (['2001:db8::/32', '10.0.0.0/8'], '[2001:db8::5]'),
        ):
            endpoint = _client(addresses=several, networks=networks)
            self.assertEqual(f'https://{expected}:8501', endpoint.url)
        error = self.assertRaises(NoAgent, _client, addresses=several)
        self.assertIn('set [dc1] networks', str(error))

    def test_no_address(self) -> None:
        for addresses, networks in (
            ([], []),
            (['10.0.0.5'], ['192.0.2.0/24']),
            # A tenant may make such networks; the controller is there too.
            (['127.0.0.1'], []),
            (['169.254.169.254'], []),
            (['0.0.0.0'], []),
            (['224.0.0.1'], []),
            (['::1'], []),
            (['fe80::1'], []),
        ):
            self.assertRaises(
                NoAgent, _client, addresses=addresses, networks=networks
            )

    def test_addresses_that_are_none_are_not_in_the_way(self) -> None:
        endpoint = _client(addresses=['169.254.0.1', '10.0.0.5'])
        self.assertEqual('https://10.0.0.5:8501', endpoint.url)


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
            # It would lead elsewhere in a URL of Nova.
            'steal-scheduler: server ../flavors moves, since 1',
            'steal-scheduler: server a?b moves, since 1',
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
