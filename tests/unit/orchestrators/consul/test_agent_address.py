from oslotest import base

from steal_scheduler.orchestrators.consul import agent_address
from steal_scheduler.orchestrators.consul.agent_address import NoAgent
from steal_scheduler.orchestrators.consul.options import OPTS
from tests.unit.make import server
from tests.unit.options import configuration

_ID = '11111111-1111-4111-8111-111111111111'


def _options(**other):
    return configuration('dc1', OPTS, **other).dc1


def _endpoint(node='web-1', name='web-1', addresses=('10.0.0.5',), **options):
    found = server(_ID, name=name, addresses=tuple(addresses))
    return agent_address.agent_of(_options(**options), 'dc1', found, node)


class TestAgent(base.BaseTestCase):
    def test_by_address(self) -> None:
        found = _endpoint()
        self.assertEqual('https://10.0.0.5:8501', found.url)
        self.assertEqual((_ID, None), (found.whose, found.server_name))
        self.assertEqual(
            'https://[2001:db8::5]:8501',
            _endpoint(addresses=['2001:db8:0::5']).url,
        )

    def test_by_name(self) -> None:
        found = _endpoint(
            node='a',
            name='b',
            address='http://{node}.node.dc1.consul:8500',
            tls_server_name='{name}.dc1.consul',
        )
        self.assertEqual('http://a.node.dc1.consul:8500', found.url)
        self.assertEqual(
            (_ID, 'b.dc1.consul'), (found.whose, found.server_name)
        )

    def test_names_that_are_more_than_names(self) -> None:
        for name in (
            *('', '.', '..', 'a..b', '.a', 'a.', '-a', 'a-', 'a_b', 'a b'),
            *('a/b', 'a@b', 'a:1', 'a?b', 'a#b', 'a%2fb', 'a\\b', 'a\nb'),
            *('a\n', '{id}', 'b\N{LATIN SMALL LETTER U WITH DIAERESIS}r'),
            *('127.0.0.1', '2130706433', '0x7f000001', '127.0x1', '[::1]'),
            *('a' * 64, '.'.join(['a' * 50] * 6)),
        ):
            self.assertRaises(NoAgent, _endpoint, node=name)
            self.assertRaises(
                NoAgent, _endpoint, name=name, address='https://{name}:8501'
            )
            self.assertRaises(
                NoAgent,
                _endpoint,
                name=name,
                tls_server_name='{name}.dc1.consul',
            )

    def test_a_name_that_nobody_uses(self) -> None:
        self.assertEqual('https://10.0.0.5:8501', _endpoint(name='my web').url)

    def test_which_address(self) -> None:
        several = ['10.0.0.5', '192.0.2.5', '192.0.2.6', '2001:db8::5']
        for networks, expected in (
            (['10.0.0.0/8'], '10.0.0.5'),
            (['198.51.100.0/24', '192.0.2.0/24'], '192.0.2.5'),
            (['2001:db8::/32', '10.0.0.0/8'], '[2001:db8::5]'),
        ):
            endpoint = _endpoint(addresses=several, networks=networks)
            self.assertEqual(f'https://{expected}:8501', endpoint.url)
        error = self.assertRaises(NoAgent, _endpoint, addresses=several)
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
                NoAgent, _endpoint, addresses=addresses, networks=networks
            )

    def test_addresses_that_are_none_are_not_in_the_way(self) -> None:
        endpoint = _endpoint(addresses=['169.254.0.1', '10.0.0.5'])
        self.assertEqual('https://10.0.0.5:8501', endpoint.url)
