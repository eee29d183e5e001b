"""The kubernetes orchestrator against a real Kubernetes."""

from typing import Any
from unittest import mock

import fixtures
import yaml

from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.kubernetes import client
from steal_scheduler.orchestrators.kubernetes import plugin as kubernetes
from tests.integration.daemons import until
from tests.integration.orchestrators.kubernetes_case import (
    ANNOTATION,
    INFO,
    LABEL,
    UUIDS,
    KubernetesTest,
    node_server,
    set_up,
)
from tests.unit.make import server

setUpModule = set_up()


class TestOutAndBack(KubernetesTest):
    def test_nobody_notices(self) -> None:
        before = self.node('n0')
        self.deploy('web', 3, budget=2)
        self.assertEqual(1, len(self.pods('n0')))
        plugin, shop = self.plugin(), node_server('n0')
        self.assertEqual(DONE, self.drained(plugin))
        self.assertEqual(DONE, plugin.drain(shop, 'n0'))
        self.assertTrue(self.is_cordoned('n0'))
        self.assertEqual([], self.pods('n0'))
        self.cluster.wait_deployed('web', self.namespace)
        # Another process knows as much.
        self.assertEqual({UUIDS['n0']}, self.plugin().detached())
        self.assertEqual(DONE, self.plugin().reattach(shop, 'gone'))
        self.assertEqual(DONE, self.plugin().reattach(shop, 'gone'))
        self.assertEqual(set(), plugin.detached())
        until('the node is as it was', lambda: before == self.node('n0'))

    def test_nothing_to_put_back(self) -> None:
        before = self.node('n0')
        self.assertEqual(DONE, self.plugin().reattach(node_server('n0'), 'x'))
        self.assertEqual(before, self.node('n0'))

    def test_others_cordon_stays(self) -> None:
        self.cluster.kubectl('cordon', 'n0')
        plugin = self.plugin()
        self.assertEqual(DONE, self.drained(plugin))
        self.assertEqual({UUIDS['n0']}, plugin.detached())
        self.assertEqual(DONE, plugin.reattach(node_server('n0'), 'n0'))
        self.assertTrue(self.is_cordoned('n0'))
        self.assertEqual(set(), plugin.detached())

    def test_what_others_write_stays(self) -> None:
        kubectl = self.cluster.kubectl
        kubectl('annotate', 'node', 'n0', 'example.org/a=1')
        kubectl('taint', 'node', 'n0', 'example.org/a=1:PreferNoSchedule')
        self.addCleanup(
            kubectl, 'annotate', 'node', 'n0', 'example.org/a-', 'b-'
        )
        self.addCleanup(kubectl, 'taint', 'node', 'n0', 'example.org/a-')
        before = self.node('n0')
        plugin = self.plugin(mode='soft')
        self.assertEqual(DONE, self.drained(plugin))
        kubectl('annotate', 'node', 'n0', 'b=2')
        self.assertEqual(DONE, plugin.reattach(node_server('n0'), 'n0'))
        before['annotations']['b'] = '2'
        until('the node is as it was', lambda: before == self.node('n0'))

    def test_somebody_uncordons_it(self) -> None:
        before = self.node('n0')
        plugin = self.plugin()
        self.assertEqual(DONE, self.drained(plugin))
        self.cluster.kubectl('uncordon', 'n0')
        detail = self.refused(plugin.drain(node_server('n0'), 'n0'))
        self.assertEqual('somebody uncordoned node n0', detail)
        self.assertEqual(DONE, plugin.reattach(node_server('n0'), 'n0'))
        until('the node is as it was', lambda: before == self.node('n0'))

    def test_the_annotation_is_lost(self) -> None:
        """Then nobody knows whose cordon it is: a person has to."""
        plugin, shop = self.plugin(), node_server('n0')
        self.assertEqual(DONE, self.drained(plugin))
        self.cluster.kubectl('annotate', 'node', 'n0', f'{ANNOTATION}-')
        self.assertIn('has lost', self.refused(plugin.drain(shop, 'n0')))
        detail = self.refused(plugin.reattach(shop, 'n0'))
        self.assertIn(f'kubectl label node n0 {LABEL}-', detail)
        self.assertTrue(self.is_cordoned('n0'))

    def test_soft(self) -> None:
        self.pod('db', 'n0', volumes=[{'name': 'a', 'emptyDir': {}}])
        before = self.node('n0')
        plugin, shop = self.plugin(mode='soft'), node_server('n0')
        self.assertEqual(DONE, plugin.drain(shop, 'n0'))
        self.assertEqual(DONE, plugin.drain(shop, 'n0'))
        spec = self.node('n0')['spec']
        self.assertTrue(spec['unschedulable'])
        ours = {
            'key': 'steal-scheduler/moving',
            'value': UUIDS['n0'],
            'effect': 'NoSchedule',
        }
        self.assertIn(ours, spec['taints'])
        self.assertEqual({'db'}, self.names('n0'))
        self.assertEqual(DONE, plugin.reattach(shop, 'n0'))
        until('the node is as it was', lambda: before == self.node('n0'))


class TestPods(KubernetesTest):
    def test_a_budget_forbids(self) -> None:
        self.deploy('web', 3, budget=3)
        there = self.names('n0')
        plugin, shop = self.plugin(), node_server('n0')
        for _ in range(2):
            self.assertEqual(
                f'1 pod left: {self.namespace}/{"".join(there)}, held by '
                f'PodDisruptionBudget {self.namespace}/web '
                '(needs 3 healthy pods and has 3 currently)',
                self.waiting(plugin.drain(shop, 'n0')),
            )
        self.assertEqual(there, self.names('n0'))
        # The deadline passes, and it is undone.
        self.assertEqual(DONE, plugin.reattach(shop, 'n0'))
        self.assertFalse(self.is_cordoned('n0'))
        self.budget('web', minAvailable=2, selector=self.labels('web'))
        self.assertEqual(DONE, self.drained(plugin))

    def labels(self, name: str) -> dict[str, Any]:
        return {'matchLabels': {'app': name}}

    def test_several_namespaces(self) -> None:
        """Budgets of the same name, each of its own namespace."""
        other = f'{self.namespace}-other'
        self.cluster.kubectl('create', 'namespace', other)
        self.addCleanup(
            self.cluster.kubectl, 'delete', 'namespace', other, '--wait=false'
        )
        both = {self.namespace, other}
        for namespace in both:
            self.cluster.deploy(
                'web',
                3,
                budget=2,
                namespace=namespace,
                terminationGracePeriodSeconds=1,
            )
        self.assertEqual(both, both & self.namespaces_on('n0'))
        self.assertEqual(DONE, self.drained(self.plugin()))
        self.assertEqual(set(), both & self.namespaces_on('n0'))
        for namespace in both:
            found = self.cluster.get('pdb', 'web', '-n', namespace)['status']
            self.assertGreaterEqual(found['currentHealthy'], 2, namespace)

    def namespaces_on(self, name: str) -> set[str]:
        """Those that have a pod on this node."""
        found = self.cluster.get(
            'pods', '-A', f'--field-selector=spec.nodeName={name}'
        )
        return {pod['metadata']['namespace'] for pod in found['items']}

    def test_two_budgets(self) -> None:
        self.deploy('web', 3, budget=3)
        plugin, shop = self.plugin(), node_server('n0')
        self.waits(lambda: plugin.drain(shop, 'n0'), 'held by')
        self.budget('b', maxUnavailable=1, selector=self.labels('web'))
        until(
            'the API server says so',
            lambda: plugin.drain(shop, 'n0').state is State.REFUSED,
        )
        detail = self.refused(plugin.drain(shop, 'n0'))
        self.assertIn('more than one PodDisruptionBudget', detail)
        self.assertEqual(DONE, plugin.reattach(shop, 'n0'))
        before = self.node('n0')
        detail = self.refused(plugin.drain(shop, 'n0'))
        self.assertIn(f'({self.namespace}/b, {self.namespace}/web)', detail)
        self.assertEqual(before, self.node('n0'))

    def test_what_is_not_to_be_lost(self) -> None:
        """It forbids the drain before anything is touched."""
        self.deploy('web', 3, budget=2)
        self.pod('bare', 'n0')
        self.deploy(
            'cache', 3, volumes=[{'name': 'a', 'emptyDir': {'sizeLimit': 1}}]
        )
        before, there = self.node('n0'), self.names('n0')
        shop = node_server('n0')
        for options, text in (
            ({}, 'empty_dir = evict allows it'),
            ({'unmanaged': 'evict'}, 'empty_dir = evict allows it'),
            ({'empty_dir': 'evict'}, f'{self.namespace}/bare: nobody would'),
        ):
            answer = self.plugin(**options).drain(shop, 'n0')
            self.assertIn(text, self.refused(answer))
            self.assertEqual(before, self.node('n0'))
            self.assertEqual(there, self.names('n0'))
        plugin = self.plugin(empty_dir='evict', unmanaged='evict')
        self.assertEqual(DONE, self.drained(plugin))
        self.assertEqual(set(), self.names('n0'))

    def test_a_pod_that_refuses_to_die(self) -> None:
        self.pod('bare', 'n0', finalizers=['example.org/never'])
        plugin, shop = self.plugin(unmanaged='evict'), node_server('n0')
        answer = Answer(State.WAITING, f'1 pod left: {self.namespace}/bare')
        self.assertEqual(answer, plugin.drain(shop, 'n0'))
        # Its containers end, and then it is held by the finalizer alone.
        self.wait_phase('bare', 'Failed', 'Succeeded')
        self.assertEqual(answer, plugin.drain(shop, 'n0'))
        # It is ending already, whatever the policy is by now.
        self.assertEqual(answer, self.plugin().drain(shop, 'n0'))
        self.release('bare')
        self.assertEqual(DONE, self.drained(plugin))

    def test_grace_period(self) -> None:
        self.pod('bare', 'n0', terminationGracePeriodSeconds=3600)
        plugin = self.plugin(unmanaged='evict', grace_period=1)
        self.assertEqual(DONE, self.drained(plugin))

    def test_a_namespace_that_ends(self) -> None:
        """An eviction is forbidden there, and not for want of a right."""
        self.pod('bare', 'n0', finalizers=['example.org/never'])
        self.cluster.kubectl(
            'delete', 'namespace', self.namespace, '--wait=false'
        )
        plugin, shop = self.plugin(unmanaged='evict'), node_server('n0')
        self.waits(lambda: plugin.drain(shop, 'n0'), '1 pod left')
        self.release('bare')
        self.assertEqual(DONE, self.drained(plugin))


class TestFinding(KubernetesTest):
    """Which node a server is."""

    def bare_node(self, name: str, spec: Any, info: Any) -> None:
        """A node without a kubelet: it is never ready."""
        node = {'apiVersion': 'v1', 'kind': 'Node', 'metadata': {'name': name}}
        self.cluster.apply({**node, 'spec': spec})
        self.addCleanup(self.cluster.kubectl, 'delete', 'node', name)
        patch = yaml.safe_dump({'status': {'nodeInfo': {**INFO, **info}}})
        self.cluster.kubectl(
            *('patch', 'node', name, '--subresource=status', '-p', patch)
        )

    def ready_within(self, seconds: float) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(
                f'{kubernetes.__name__}.READY_TIMEOUT', seconds
            )
        )

    def test_by_id_whatever_it_is_called(self) -> None:
        with mock.patch.object(client, '_PAGE', 1):
            plugin = self.plugin()
            for name in ('x', '', '..', '../pods', 'n1', 'N0', 'x' * 300):
                answer = plugin.drain(node_server('n0'), name)
                self.assertIsNot(State.REFUSED, answer.state, name)
                self.assertTrue(self.is_cordoned('n0'), name)
                self.assertFalse(self.is_cordoned('n1'), name)
                plugin.reattach(node_server('n0'), name)

    def test_a_name_is_not_enough(self) -> None:
        stranger = server('9a1f0c5e-0000-4000-8000-0000000000ff')
        answer = self.plugin().drain(stranger, 'n0')
        self.assertEqual(
            'node n0 is another server: openstack:///' + UUIDS['n0'],
            self.refused(answer),
        )
        answer = self.plugin().drain(stranger, '..')
        self.assertEqual(
            "no node has the id of this server, or the name '..'",
            self.refused(answer),
        )
        self.assertFalse(self.is_cordoned('n0'))

    def test_by_system_uuid(self) -> None:
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
            self.bare_node(name, {}, {'systemUUID': said or uuid})
            shop = server(uuid.lower())
            self.assertEqual(
                DONE, self.asked(lambda s=shop: plugin.drain(s, 'x'))
            )
            self.assertTrue(self.is_cordoned(name))
            self.assertEqual(DONE, plugin.reattach(shop, 'x'))

    def test_a_node_without_any_id(self) -> None:
        self.bare_node('s3', {}, {})
        shop = server('9a1f0c5e-0000-4000-8000-0000000000fe')
        detail = self.refused(self.plugin().drain(shop, 's3'))
        self.assertIn('nothing proves that it is this server', detail)
        self.assertFalse(self.is_cordoned('s3'))

    def test_two_that_say_so(self) -> None:
        twin = {'providerID': f'openstack://region/{UUIDS["n0"]}'}
        self.bare_node('s4', twin, {})
        detail = self.refused(self.plugin().drain(node_server('n0'), 'x'))
        self.assertEqual(
            'several nodes have the id of this server: n0, s4', detail
        )

    def test_it_is_not_ready_afterwards(self) -> None:
        """It takes pods again at once, and does not stay stuck."""
        uuid = '9a1f0c5e-0000-4000-8000-0000000000fd'
        self.bare_node('s5', {'providerID': f'openstack:///{uuid}'}, {})
        self.ready_within(3)
        shop, plugin = server(uuid), self.plugin()
        self.assertEqual(DONE, self.asked(lambda: plugin.drain(shop, 's5')))
        detail = self.waiting(plugin.reattach(shop, 's5'))
        self.assertEqual('node s5 is not ready yet', detail)
        self.assertFalse(self.is_cordoned('s5'))
        self.assertEqual({uuid}, plugin.detached())
        # Somebody's own cordon from now on.
        self.cluster.kubectl('cordon', 's5')
        log = self.useFixture(fixtures.FakeLogger())
        self.assertEqual(DONE, self.asked(lambda: plugin.reattach(shop, 's5')))
        self.assertRegex(log.output, r'Node s5 of server .+ is not ready')
        self.assertEqual(set(), plugin.detached())
        self.assertTrue(self.is_cordoned('s5'))

    def test_drained_again_before_it_was_ready(self) -> None:
        uuid = '9a1f0c5e-0000-4000-8000-0000000000fc'
        self.bare_node('s6', {'providerID': f'openstack:///{uuid}'}, {})
        shop, plugin = server(uuid), self.plugin()
        self.assertEqual(DONE, self.asked(lambda: plugin.drain(shop, 's6')))
        self.waiting(plugin.reattach(shop, 's6'))
        self.assertEqual(DONE, self.asked(lambda: plugin.drain(shop, 's6')))
        self.assertTrue(self.is_cordoned('s6'))
        self.ready_within(0)
        self.assertEqual(DONE, plugin.reattach(shop, 's6'))
        self.assertFalse(self.is_cordoned('s6'))
