import dataclasses
import uuid

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.orchestrators.kubernetes import node_identity
from steal_scheduler.orchestrators.kubernetes.node_identity import Whose, whose
from steal_scheduler.orchestrators.kubernetes.objects import Node
from tests.unit import strategies

assert strategies  # it registers hypothesis' profile

ID = '9a1f0c5e-1111-4222-8333-444455556666'
OTHER = '9a1f0c5e-1111-4222-8333-444455556667'


def node(provider: str = '', system: str = '', name: str = 'n') -> Node:
    return Node(name, '1', provider, system, {}, {}, False, (), True)


class TestWhose(base.BaseTestCase):
    def test_provider_id(self) -> None:
        for provider in (
            f'openstack:///{ID}',
            f'openstack:///{ID.upper()}',
            f'openstack://RegionOne/{ID}',
            f'openstack:///nova/{ID}',
            f'openstack://{ID}',
            # Others on top of OpenStack write their own word.
            f'stackit://{ID}',
        ):
            found = whose(node(provider, OTHER), ID)
            self.assertIs(Whose.PROVIDER, found, provider)

    def test_another_provider_id(self) -> None:
        for provider in (
            f'openstack:///{OTHER}',
            f'openstack://{ID}/{OTHER}',
            f'openstack:///{ID}/',
            'openstack:///',
        ):
            self.assertIs(Whose.OTHER, whose(node(provider, ID), ID), provider)

    def test_a_provider_that_is_not_openstack(self) -> None:
        for provider in ('', 'kubemark://n', 'k3s://n', f'aws:///{OTHER}'):
            self.assertIs(Whose.SYSTEM, whose(node(provider, ID), ID))
            self.assertIs(Whose.OTHER, whose(node(provider, OTHER), ID))
            self.assertIs(Whose.UNKNOWN, whose(node(provider), ID))

    @given(st.uuids(), st.uuids())
    def test_system_uuid(self, one: uuid.UUID, two: uuid.UUID) -> None:
        swapped = str(uuid.UUID(bytes_le=one.bytes))
        for said in (str(one), str(one).upper(), swapped, f' {one}\n'):
            self.assertIs(Whose.SYSTEM, whose(node(system=said), str(one)))
        if two.hex not in (one.hex, swapped.replace('-', '')):
            found = whose(node(system=str(two)), str(one))
            self.assertIs(Whose.OTHER, found)

    def test_firmware_that_knows_none(self) -> None:
        for said in (
            '',
            'Not Settable',
            '00000000-0000-0000-0000-000000000000',
            'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF',
        ):
            self.assertIs(Whose.UNKNOWN, whose(node(system=said), ID))

    def test_a_server_without_a_uuid_is_no_node(self) -> None:
        for said in ('openstack:///', 'openstack:///s', ''):
            self.assertNotIn(
                whose(node(said), 's'), (Whose.PROVIDER, Whose.SYSTEM)
            )


class TestBest(base.BaseTestCase):
    def test_the_provider_id_comes_first(self) -> None:
        first = node(f'openstack:///{ID}', name='a')
        second = node('', ID, name='b')
        nodes = [node(f'openstack:///{OTHER}'), second, first]
        self.assertEqual([first], node_identity.best(nodes, ID))
        self.assertEqual([second], node_identity.best(nodes[:2], ID))
        self.assertEqual([], node_identity.best(nodes[:1], ID))

    def test_all_that_claim_it(self) -> None:
        first = node(f'openstack:///{ID}', name='a')
        twin = dataclasses.replace(first, name='b')
        self.assertEqual([first, twin], node_identity.best([first, twin], ID))


class TestNames(base.BaseTestCase):
    def test_names(self) -> None:
        for name in ('n', 'node-1', 'a.b-c.example.org', '9', 'x' * 253):
            self.assertTrue(node_identity.is_name(name), name)

    def test_what_would_lead_elsewhere(self) -> None:
        for name in (
            '', '.', '..', 'a/b', '../pods', 'a..b', '.a', 'a.', '-a', 'a-',
            'A', 'a b', 'a%2fb', 'a?b', 'a#b', 'n\n', 'x' * 254,
            '\N{SNOWMAN}',
        ):  # fmt: skip
            self.assertFalse(node_identity.is_name(name), name)
