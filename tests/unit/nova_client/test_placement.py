from typing import Any

from keystoneauth1.noauth import NoAuth

from steal_scheduler.edge import keystone
from steal_scheduler.exception import (
    NovaError,
    NovaFault,
    NovaForbids,
    NovaSilent,
)
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.model.room import Free, Group
from steal_scheduler.nova_client.client import NovaClient
from steal_scheduler.nova_client.placement import MICROVERSION, Placement
from tests.hostile import HOSTILE
from tests.standins.app import hang_up
from tests.standins.nova_api import NovaApi, fault, group
from tests.unit.nova_client.test_client import ClientTest

URL = 'http://192.0.2.3:8778'
CANDIDATES = 'GET /allocation_candidates'
ALLOCATIONS = 'GET /allocations/s'
GROUPS = 'GET /os-server-groups'


def amounts(**left: int) -> dict[str, Any]:
    return {kind: {'capacity': n + 7, 'used': 7} for kind, n in left.items()}


def provider(
    root: str | None = None, *traits: str, **left: int
) -> dict[str, Any]:
    return {
        'resources': amounts(**left),
        'traits': list(traits),
        'parent_provider_uuid': root,
        'root_provider_uuid': root,
    }


class PlacementTest(ClientTest):
    def setUp(self) -> None:
        super().setUp()
        self.api = NovaApi()
        self.net[URL] = self.api
        conf = self.conf()
        session = keystone.load_session(conf, 'nova', NoAuth(URL))
        self.placement = Placement(session, conf.nova)

    def providers(self, **found: Any) -> None:
        body = {'allocation_requests': [], 'provider_summaries': found}
        self.answer(CANDIDATES, 200, body)


class TestFree(PlacementTest):
    def test_what_hosts_have_left(self) -> None:
        self.providers(
            u=provider('u', 'HW_CPU_X86_AVX2', VCPU=3, MEMORY_MB=512),
            v=provider('v', MEMORY_MB=1),
        )
        expected = {
            'u': Free(
                {'VCPU': 3, 'MEMORY_MB': 512}, frozenset({'HW_CPU_X86_AVX2'})
            ),
            'v': Free({'MEMORY_MB': 1}),
        }
        self.assertEqual(expected, self.placement.free())
        (asked,) = self.api.asked
        self.assertEqual({'resources': 'MEMORY_MB:1'}, asked.query)
        self.assertEqual(
            f'placement {MICROVERSION}',
            asked.headers['openstack-api-version'],
        )

    def test_what_is_below_a_host_is_of_it(self) -> None:
        self.providers(
            gpu=provider('u', 'CUSTOM_GPU', VGPU=4),
            u=provider('u', 'CUSTOM_FAST', MEMORY_MB=512),
            gpu2=provider('u', VGPU=2),
        )
        both = frozenset({'CUSTOM_GPU', 'CUSTOM_FAST'})
        expected = {'u': Free({'MEMORY_MB': 512, 'VGPU': 6}, both)}
        self.assertEqual(expected, self.placement.free())

    def test_a_host_that_is_overcommitted(self) -> None:
        one = provider('u', MEMORY_MB=9)
        one['resources']['VCPU'] = {'capacity': 4, 'used': 6}
        self.providers(u=one)
        self.assertEqual(-2, self.placement.free()['u'].left['VCPU'])

    def test_it_fails(self) -> None:
        for answer, kind, said in (
            (fault(403, 'policy'), NovaForbids, 'allocation_candidates:list'),
            (fault(500), NovaError, 'Placement failed'),
            (hang_up, NovaSilent, 'Placement does not answer'),
        ):
            self.api.instead[CANDIDATES] = answer
            error = self.assertRaises(kind, self.placement.free)
            self.assertIn(said, str(error))

    def test_nonsense(self) -> None:
        for nonsense in (
            HOSTILE,
            [],
            None,
            {'provider_summaries': [1]},
            {'provider_summaries': {'u': {}}},
            {'provider_summaries': {'u': provider('u') | {'traits': [[]]}}},
            {
                'provider_summaries': {
                    'u': {'resources': {'VCPU': {'capacity': 'x', 'used': 1}}}
                }
            },
        ):
            self.answer(CANDIDATES, 200, nonsense)
            self.assertRaises(NovaFault, self.placement.free)

    def test_keystone_names_none(self) -> None:
        client = NovaClient(self.conf(), RoleRule())
        error = self.assertRaises(NovaSilent, client.placement.free)
        self.assertIn("Keystone's catalog names none", str(error))


class TestAllocated(PlacementTest):
    def test_by_provider(self) -> None:
        mine = {'VCPU': 2, 'MEMORY_MB': 512}
        body = {'allocations': {'u': {'resources': mine, 'generation': 1}}}
        self.answer(ALLOCATIONS, 200, body)
        self.assertEqual({'u': mine}, self.placement.allocated('s'))

    def test_it_has_none(self) -> None:
        self.answer(ALLOCATIONS, 200, {'allocations': {}})
        self.assertEqual({}, self.placement.allocated('s'))

    def test_nonsense(self) -> None:
        for nonsense in (
            {'allocations': {'u': {'resources': {'VCPU': 'x'}}}},
            {'allocations': {'u': {'resources': {'VCPU': True}}}},
            {'allocations': 3},
        ):
            self.answer(ALLOCATIONS, 200, nonsense)
            self.assertRaises(NovaError, self.placement.allocated, 's')


class TestServerGroups(ClientTest):
    def test_of_all_projects_page_by_page(self) -> None:
        rows = [group(name, *'xy') for name in 'abcde']

        def page(request: Any) -> Any:
            begin = int(request.query.get('offset', 0))
            return 200, {'server_groups': rows[begin : begin + 2]}

        self.api.instead[GROUPS] = page
        found = self.client.server_groups()
        self.assertEqual('abcde', ''.join(group.name for group in found))
        query = {asked.query['all_projects'] for asked in self.api.asked}
        self.assertEqual({'True'}, query)

    def test_who_tells_the_same_page_for_ever(self) -> None:
        rows = [group('a', *'xy'), group('b', *'xy')]
        self.answer(GROUPS, 200, {'server_groups': rows})
        self.assertEqual(2, len(self.client.server_groups()))

    def test_what_it_is(self) -> None:
        rules = {'max_server_per_host': 3}
        rows = [group('a', *'xy', rules=rules), group('b', *'xy', rules=None)]
        self.answer(GROUPS, 200, {'server_groups': rows})
        members = frozenset('xy')
        expected = [
            Group('a', 'anti-affinity', members, 3),
            Group('b', 'anti-affinity', members, 1),
        ]
        self.assertEqual(expected, self.client.server_groups())

    def test_one_that_makes_no_sense_costs_itself(self) -> None:
        rows = [group('a', members=3), group('b', *'xy'), {'id': 'c'}]
        self.answer(GROUPS, 200, {'server_groups': rows})
        self.assertEqual(['b'], [g.name for g in self.client.server_groups()])
