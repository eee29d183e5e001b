import dataclasses
import json
import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.orchestrators.kubernetes import identity
from steal_scheduler.orchestrators.kubernetes.identity import Whose, whose
from steal_scheduler.orchestrators.kubernetes.nodes import (
    ANNOTATION,
    LABEL,
    Node,
)
from tests.unit import strategies

assert strategies  # it registers hypothesis' profile

ID = '9a1f0c5e-1111-4222-8333-444455556666'
OTHER = '9a1f0c5e-1111-4222-8333-444455556667'
THIRD = '9a1f0c5e-1111-4222-8333-444455556668'


def node(provider: str = '', system: str = '') -> Node:
    return Node('n', '1', provider, system, {}, {}, False, (), True)


class TestWhose(base.BaseTestCase):
    """By the two ids of a node, of which a cluster may write only one."""

    #: As real clouds have them; and one that was typed by hand.
    OPENSTACK = (
        'openstack:///{}',
        'openstack:///{}/',
        'openstack://RegionOne/{}',
        'openstack://RegionOne/{}//',
        'openstack:///nova/{}',
        'openstack:////{}',
        'openstack://{}',
        'OpenStack:///{}',
        # What the cloud provider takes, too.
        '{}',
        ' openstack:///{}\n',
    )
    #: Nothing that OpenStack's cloud provider writes, or nothing whole.
    ELSE = (
        '',
        'k3s://n',
        'rke2://n',
        'kubemark://n',
        'kind://docker/kind/n',
        'openstack://n',
        'openstack:///',
        'openstack:///i-0000002f',
        f'openstack:///{ID[:-1]}',
        f'openstack:///{ID}/x',
        'openstack',
        '://',
    )

    def test_provider_id(self) -> None:
        for form in self.OPENSTACK:
            for said in (ID, ID.upper()):
                provider = form.format(said)
                for system in ('', ID, ID.upper()):
                    found = whose(node(provider, system), ID)
                    self.assertIs(Whose.THIS, found, provider)

    def test_another_provider_id(self) -> None:
        for form in (*self.OPENSTACK, f'openstack://{ID}/{{}}'):
            provider = form.format(OTHER)
            for system in ('', OTHER, THIRD):
                found = whose(node(provider, system), ID)
                self.assertIs(Whose.OTHER, found, provider)

    def test_two_ids_that_contradict_each_other(self) -> None:
        for form in self.OPENSTACK:
            for ids in ((ID, OTHER), (OTHER, ID)):
                one = node(form.format(ids[0]), ids[1])
                self.assertIs(Whose.BOTH, whose(one, ID), one)
                said = identity.doubt(one, ID)
                self.assertIn('node n contradicts itself', said)
                self.assertIn(OTHER, said)

    def test_the_system_uuid_counts_for_more_than_another_word(self) -> None:
        for provider in (
            *self.ELSE,
            f'aws:///{OTHER}',
            f'stackit://{OTHER}',
            f'k3s://{OTHER}',
        ):
            self.assertIs(Whose.THIS, whose(node(provider, ID), ID), provider)
            found = whose(node(provider, OTHER), ID)
            self.assertIs(Whose.OTHER, found, provider)
        # Nor is it a proof for a name that looks like an id.
        self.assertIs(Whose.OTHER, whose(node(f'k3s://{ID}', OTHER), ID))

    def test_another_word_is_better_than_nothing(self) -> None:
        """Others on top of OpenStack write their own."""
        self.assertIs(Whose.THIS, whose(node(f'stackit://{ID}'), ID))
        self.assertIs(Whose.OTHER, whose(node(f'stackit://{OTHER}'), ID))

    def test_nothing_at_all(self) -> None:
        for provider in self.ELSE:
            self.assertIs(Whose.UNKNOWN, whose(node(provider), ID), provider)
            self.assertIn('nothing proves', identity.doubt(node(provider), ID))

    @given(st.uuids(), st.uuids())
    def test_system_uuid(self, one: uuid.UUID, two: uuid.UUID) -> None:
        swapped = str(uuid.UUID(bytes_le=one.bytes))
        for said in (str(one), str(one).upper(), swapped, f' {one}\n'):
            self.assertIs(Whose.THIS, whose(node(system=said), str(one)))
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
            # It contradicts nothing.
            one = node(f'openstack:///{ID}', said)
            self.assertIs(Whose.THIS, whose(one, ID))

    def test_a_server_without_a_uuid_is_no_node(self) -> None:
        for said in ('openstack:///', 'openstack:///s', 's', ''):
            for server_id in ('s', ''):
                found = whose(node(said, 's'), server_id)
                self.assertIs(Whose.UNKNOWN, found)

    def test_what_it_says_is_of_any_length(self) -> None:
        said = identity.doubt(node('x\x1b[2J' * 50_000, 'y' * 100_000), ID)
        self.assertLess(len(said), 400)
        self.assertTrue(said.isprintable())


class TestIsOut(base.BaseTestCase):
    def out(self, server_id: str = ID, **fields: Any) -> bool:
        told = {'since': '2027-01-15T08:00:00+00:00', 'budgets': {}}
        known = {
            'provider_id': f'openstack:///{ID}',
            'labels': {LABEL: server_id},
            'annotations': {
                ANNOTATION: json.dumps({**told, 'cordoned_by_us': True})
            },
        }
        return identity.is_out(dataclasses.replace(node(), **(known | fields)))

    def test_the_whole_mark_on_its_own_node(self) -> None:
        self.assertTrue(self.out())

    def test_what_anybody_writes(self) -> None:
        self.assertFalse(self.out(OTHER))
        self.assertFalse(self.out('x'))
        self.assertFalse(self.out(labels={}))
        self.assertFalse(self.out(annotations={}))
        self.assertFalse(self.out(provider_id=''))
