"""Which node of a cluster our plug-in takes for a server's.

See ``kubernetes.py``.
"""

import json
from typing import Any
from unittest import mock

from steal_scheduler.orchestrators.base import DONE, State
from steal_scheduler.orchestrators.kubernetes import client
from steal_scheduler.orchestrators.kubernetes import plugin as kubernetes
from steal_scheduler.orchestrators.kubernetes.nodes import ANNOTATION, LABEL
from tests.contract.kubernetes import UUIDS, KubernetesContract
from tests.unit.make import server


class NodesContract(KubernetesContract):
    """By its name, its provider id, its system UUID."""

    def ready_within(self: Any, seconds: float) -> None:
        name = f'{kubernetes.__name__}.READY_TIMEOUT'
        patch = mock.patch(name, seconds)
        patch.start()
        self.addCleanup(patch.stop)

    def test_by_id_whatever_it_is_called(self: Any) -> None:
        with mock.patch.object(client, '_PAGE', 1):
            plugin = self.plugin()
            for name in ('x', '', '..', '../pods', 'n1', 'N0', 'x' * 300):
                answer = plugin.drain(self.node_server(), name)
                self.assertIsNot(State.REFUSED, answer.state, name)
                self.assertTrue(self.is_cordoned(), name)
                self.assertFalse(self.is_cordoned('n1'), name)
                plugin.reattach(self.node_server(), name)

    def test_a_name_is_not_enough(self: Any) -> None:
        stranger = server('9a1f0c5e-0000-4000-8000-0000000000ff')
        answer = self.plugin().drain(stranger, 'n0')
        self.assertIn(
            'node n0 is another server: its provider id is '
            f"'openstack:///{UUIDS['n0']}'",
            self.refused(answer),
        )
        answer = self.plugin().drain(stranger, '..')
        self.assertEqual(
            "no node has the id of this server, or the name '..'",
            self.refused(answer),
        )
        self.assertFalse(self.is_cordoned())

    def test_by_system_uuid(self: Any) -> None:
        self.ready_within(0)
        plugin = self.plugin()
        for name, uuid, said in (
            ('s1', '0A1B2C3D-1111-4222-8333-444455556666', None),
            (
                's2',
                '1a1b2c3d-1111-4222-8333-444455556666',
                '3d2c1b1a-1111-2242-8333-444455556666',
            ),
        ):
            self.bare_node(name, {}, said or uuid)
            shop = server(uuid.lower())
            self.assertEqual(
                DONE, self.asked(lambda s=shop: plugin.drain(s, 'x'))
            )
            self.assertTrue(self.is_cordoned(name))
            self.assertEqual(DONE, plugin.reattach(shop, 'x'))

    def test_by_what_clouds_write(self: Any) -> None:
        self.ready_within(0)
        uuid = '9a1f0c5e-0000-4000-8000-0000000000f1'
        for n, (provider, system) in enumerate(
            (
                (f'openstack:///{uuid}/', ''),
                (f'openstack://RegionOne/{uuid.upper()}', uuid),
                (f'openstack://{uuid}', uuid.upper()),
                ('openstack://f1.example.org', uuid),
                ('openstack:///', uuid),
                ('k3s://f1', uuid),
                ('rke2://f1', uuid),
            )
        ):
            name, shop, plugin = f'f{n}', server(uuid), self.plugin()
            self.bare_node(name, {'providerID': provider}, system)
            self.assertEqual(
                DONE, self.asked(lambda p=plugin, s=shop: p.drain(s, 'x'))
            )
            self.assertTrue(self.is_cordoned(name), provider)
            self.assertEqual({uuid}, self.plugin().detached())
            # As another process: nothing is remembered.
            self.assertEqual(DONE, self.plugin().reattach(shop, 'x'))
            self.assertFalse(self.is_cordoned(name), provider)
            self.assertEqual(200, self.ask('DELETE', self.path(name))[0])

    def path(self, name: str) -> str:
        return f'/api/v1/nodes/{name}'

    def test_ids_that_contradict_each_other(self: Any) -> None:
        uuid = '9a1f0c5e-0000-4000-8000-0000000000e1'
        other = '9a1f0c5e-0000-4000-8000-0000000000e2'
        self.bare_node('e1', {'providerID': f'openstack:///{uuid}'}, other)
        for who in (uuid, other):
            for name in ('e1', 'x'):
                answer = self.plugin().drain(server(who), name)
                self.assertIn(
                    'node e1 contradicts itself', self.refused(answer)
                )
        self.assertFalse(self.is_cordoned('e1'))

    def test_a_mark_that_somebody_else_wrote(self: Any) -> None:
        """On a node that is another server, and cordoned by a person."""
        uuid = '9a1f0c5e-0000-4000-8000-0000000000d1'
        other = '9a1f0c5e-0000-4000-8000-0000000000d2'
        self.bare_node('d1', {'providerID': f'openstack:///{other}'})
        self.cordon('d1')
        told = {'since': '2027-01-15T08:00:00+00:00', 'budgets': {}}
        about = {
            'labels': {LABEL: uuid},
            'annotations': {
                ANNOTATION: json.dumps({**told, 'cordoned_by_us': True})
            },
        }
        self.change({'metadata': about}, 'd1')
        plugin = self.plugin(max_drained=1)
        (mark,) = plugin.marks({})
        self.assertEqual((uuid, 'node d1'), (mark.server_id, mark.where), mark)
        self.assertIn('node d1 is another server', mark.doubt)
        self.assertEqual(set(), plugin.detached())
        self.assertEqual(DONE, plugin.reattach(server(uuid), 'd1'))
        self.assertTrue(self.is_cordoned('d1'))
        self.assertEqual(uuid, self.node('d1')['labels'][LABEL])
        # It is none that is drained, and holds up no other.
        shop = self.node_server()
        self.assertEqual(DONE, self.asked(lambda: plugin.drain(shop, 'n0')))
        self.assertEqual(DONE, self.asked(lambda: plugin.reattach(shop, 'n0')))

    def test_a_node_without_any_id(self: Any) -> None:
        self.bare_node('s3', {})
        shop = server('9a1f0c5e-0000-4000-8000-0000000000fe')
        detail = self.refused(self.plugin().drain(shop, 's3'))
        self.assertIn('nothing proves that it is this server', detail)
        self.assertFalse(self.is_cordoned('s3'))

    def test_two_that_say_so(self: Any) -> None:
        twin = {'providerID': f'openstack://region/{UUIDS["n0"]}'}
        self.bare_node('s4', twin)
        detail = self.refused(self.plugin().drain(self.node_server(), 'x'))
        self.assertEqual(
            'several nodes have the id of this server: n0, s4', detail
        )

    def test_it_is_not_ready_afterwards(self: Any) -> None:
        """It takes pods again at once, and does not stay stuck."""
        uuid = '9a1f0c5e-0000-4000-8000-0000000000fd'
        self.bare_node('s5', {'providerID': f'openstack:///{uuid}'})
        self.ready_within(1e6)
        shop, plugin = server(uuid), self.plugin()
        self.assertEqual(DONE, self.asked(lambda: plugin.drain(shop, 's5')))
        detail = self.waiting(plugin.reattach(shop, 's5'))
        self.assertEqual('node s5 is not ready yet', detail)
        self.assertFalse(self.is_cordoned('s5'))
        self.assertEqual({uuid}, plugin.detached())
        # Somebody's own cordon from now on.
        self.cordon('s5')
        self.ready_within(0)
        self.assertEqual(DONE, plugin.reattach(shop, 's5'))
        self.assertEqual(set(), plugin.detached())
        self.assertTrue(self.is_cordoned('s5'))

    def test_drained_again_before_it_was_ready(self: Any) -> None:
        uuid = '9a1f0c5e-0000-4000-8000-0000000000fc'
        self.bare_node('s6', {'providerID': f'openstack:///{uuid}'})
        shop, plugin = server(uuid), self.plugin()
        self.assertEqual(DONE, self.asked(lambda: plugin.drain(shop, 's6')))
        self.waiting(plugin.reattach(shop, 's6'))
        self.assertEqual(DONE, self.asked(lambda: plugin.drain(shop, 's6')))
        self.assertTrue(self.is_cordoned('s6'))
        self.ready_within(0)
        self.assertEqual(DONE, plugin.reattach(shop, 's6'))
        self.assertFalse(self.is_cordoned('s6'))

    def test_the_node_is_deleted(self: Any) -> None:
        uuid = '9a1f0c5e-0000-4000-8000-00000000000d'
        self.bare_node('s7', {'providerID': f'openstack:///{uuid}'})
        plugin, shop = self.plugin(), server(uuid)
        self.assertEqual(DONE, self.asked(lambda: plugin.drain(shop, 's7')))
        self.assertEqual(200, self.ask('DELETE', '/api/v1/nodes/s7')[0])
        detail = self.refused(plugin.drain(shop, 's7'))
        self.assertIn('no node has the id of this server', detail)
        self.assertEqual(DONE, plugin.reattach(shop, 's7'))
        self.assertEqual(set(), plugin.detached())
