"""Nodes as they are in the field: what stays on them, and who else is there.

See ``kubernetes.py``.
"""

from typing import Any
from unittest import mock

from steal_scheduler.orchestrators.base import DONE
from steal_scheduler.orchestrators.kubernetes import nodes, pods
from tests.contract.kubernetes import LABEL, NODE, KubernetesContract
from tests.unit.make import server

HERE = {'nodeSelector': {'kubernetes.io/hostname': 'n0'}}
EVERYTHING = [{'operator': 'Exists'}]


class StayingContract(KubernetesContract):
    """A drain ends, whatever comes back."""

    def uids(self: Any, node: str = 'n0') -> dict[str, str]:
        """Of the pods of this test, by name."""
        path = f'/api/v1/pods?fieldSelector=spec.nodeName={node}'
        return {
            pod['metadata']['name']: pod['metadata']['uid']
            for pod in self.ask('GET', path)[1]['items']
            if pod['metadata']['namespace'] == self.namespace
        }

    def test_what_tolerates_a_cordon_stays(self: Any) -> None:
        """It would come back at once, and be evicted again."""
        key = {
            'key': 'node.kubernetes.io/unschedulable',
            'operator': 'Exists',
            'effect': 'NoSchedule',
        }
        # What nobody may lose is not lost.
        volumes = [{'name': 'a', 'emptyDir': {}}]
        for name, tolerations in (('cilium', EVERYTHING), ('tetragon', [key])):
            self.deploy(
                name, 1, tolerations=tolerations, volumes=volumes, **HERE
            )
        self.pod('bare', 'n0', tolerations=EVERYTHING)
        there = self.uids()
        self.assertEqual(3, len(there))
        # Some tolerate much, and not this.
        others = [{'key': 'CriticalAddonsOnly', 'operator': 'Exists'}]
        self.deploy('coredns', 3, budget=2, tolerations=others)
        self.deploy('web', 3, budget=2)
        self.assertEqual(5, len(self.uids()))
        plugin, shop = self.plugin(), self.node_server()
        said = plugin.preview(shop, 'n0').detail
        self.assertIn('node n0; evicts 2 pods: ', said)
        self.assertIn('; leaves there 3 pods: ', said)
        for name in there:
            self.assertIn(f'{self.namespace}/{name}', said)
        self.assertFalse(self.is_cordoned())
        self.assertEqual(DONE, self.drained(plugin))
        self.assertEqual(there, self.uids())
        self.assertEqual(DONE, plugin.reattach(shop, 'n0'))

    def test_a_static_pod_stays(self: Any) -> None:
        """The API only shows it; deleted there, it would be shown again."""
        volumes = [{'name': 'a', 'emptyDir': {}}]
        self.static_pod('proxy', 'n0', volumes=volumes)
        there = self.uids()
        self.assertEqual(DONE, self.drained(self.plugin()))
        self.assertEqual(there, self.uids())

    def test_what_has_ended_by_itself_stays(self: Any) -> None:
        self.pod('done', 'n0', activeDeadlineSeconds=1)
        self.until(lambda: self.phase('done') == 'Failed', 'its time is over')
        self.assertEqual(DONE, self.drained(self.plugin()))
        self.assertEqual({'done'}, self.names())

    def phase(self: Any, name: str) -> str | None:
        path = f'/api/v1/namespaces/{self.namespace}/pods/{name}'
        phase: str | None = self.ask('GET', path)[1]['status'].get('phase')
        return phase

    def test_what_comes_back_is_evicted_once(self: Any) -> None:
        """Its template names the node: no scheduler is asked."""
        self.deploy('pinned', 2, nodeName='n0')
        self.deploy('web', 3, budget=2)
        before = self.uids()
        self.assertEqual(3, len(before))
        self.assertEqual(DONE, self.drained(self.plugin()))
        self.until(lambda: len(self.uids()) == 2, 'they come back')
        again = self.uids()
        self.assertEqual(set(), {*before.values()} & {*again.values()})
        # Whoever looks next knows it too.
        for _ in range(3):
            self.assertEqual(DONE, self.drained(self.plugin()))
        self.assertEqual(again, self.uids())
        plugin = self.plugin()
        self.assertEqual(DONE, plugin.reattach(self.node_server(), 'n0'))

    def test_a_finalizer_that_nobody_takes_away(self: Any) -> None:
        self.pod('bare', 'n0', finalizers=['example.org/never'])
        self.deploy('web', 3, budget=2)
        plugin = self.plugin(unmanaged='evict')
        shop = self.node_server()
        bare = f'1 pod left: {self.namespace}/bare'
        self.waits(lambda: plugin.drain(shop, 'n0'), bare)
        with mock.patch.object(pods, 'OVERDUE', -1e6):
            self.assertEqual(DONE, plugin.drain(shop, 'n0'))
        self.assertEqual({'bare'}, self.names())

    def test_a_budget_that_can_not_be_counted(self: Any) -> None:
        """A share of the pods of whom? Nobody can evict them."""
        self.pod('bare', 'n0')
        self.pod('odd', 'n0', controller=True)
        self.deploy('web', 3, budget=2)
        for name in ('bare', 'odd'):
            self.add_budget(name, name, '50%')
        plugin = self.plugin(unmanaged='evict')
        shop, there = self.node_server(), self.names()

        def refusal() -> str:
            detail = plugin.preview(shop, 'n0').detail
            return detail if 'bare' in detail and 'odd' in detail else ''

        found = self.until(refusal, 'the budgets are counted')
        for name, text in (
            ('bare', 'is a share of the pods of a controller, which'),
            (
                'odd',
                'cannot be counted, and so allows no eviction: configmaps '
                'does not implement the scale subresource',
            ),
        ):
            own = f'{self.namespace}/{name}'
            self.assertIn(f'{own}: PodDisruptionBudget {own} {text}', found)
            self.assertEqual(429, self.evict(name)[0])
        self.refused(plugin.drain(shop, 'n0'))
        self.assertEqual(there, self.names())

    def test_an_eviction_that_is_denied(self: Any) -> None:
        """Admission may deny it for a while; the others go meanwhile."""
        self.deploy('db', 3, budget=2)
        self.deploy('web', 3, budget=2)
        allow = self.deny_evictions('db')
        self.addCleanup(allow)
        plugin, shop = self.plugin(), self.node_server()
        self.waits(
            lambda: plugin.drain(shop, 'n0'),
            f'1 pod left: {self.namespace}/db',
        )
        detail = self.waiting(plugin.drain(shop, 'n0'))
        self.assertRegex(detail, ', shop.*/db.*: .* denied request: wait')
        allow()
        self.assertEqual(DONE, self.drained(plugin))

    def test_a_job(self: Any) -> None:
        """Its pod is run again elsewhere, as after any eviction."""
        self.job('batch', **HERE)
        (name,) = self.names()
        self.assertEqual(DONE, self.drained(self.plugin()))
        self.assertNotIn(name, self.names())

    def test_a_critical_pod(self: Any) -> None:
        """To be critical is no reason to stay."""
        critical = {'priorityClassName': 'system-node-critical'}
        self.deploy('dns', 3, budget=2, **critical)
        self.assertEqual(1, len(self.names()))
        self.assertEqual(DONE, self.drained(self.plugin()))
        self.assertEqual(set(), self.names())


class OthersContract(KubernetesContract):
    """An autoscaler, a reboot daemon, whoever makes nodes anew."""

    def annotation(self: Any) -> str | None:
        value: str | None = self.node()['annotations'].get(nodes.SCALE_DOWN)
        return value

    def test_the_autoscaler_does_not_delete_it(self: Any) -> None:
        """It would take an empty node for one too many."""
        self.addCleanup(self.annotate_scale_down, None)
        for said in (None, 'false', 'true', 'x'):
            self.annotate_scale_down(said)
            before = self.node()
            for mode in ('evict', 'soft'):
                plugin = self.plugin(mode=mode)
                self.assertEqual(DONE, self.drained(plugin))
                self.assertEqual('true', self.annotation())
                # Of another process, which knows no more than the node tells.
                plugin = self.plugin(mode=mode)
                self.assertEqual(DONE, self.drained(plugin))
                answer = plugin.reattach(self.node_server(), 'n0')
                self.assertEqual(DONE, answer)
                self.until(
                    lambda was=before: was == self.node(), 'it is as it was'
                )

    def annotate_scale_down(self: Any, said: str | None) -> None:
        annotations = {nodes.SCALE_DOWN: said}
        self.change({'metadata': {'annotations': annotations}})

    def test_somebody_changes_it_meanwhile(self: Any) -> None:
        self.addCleanup(self.annotate_scale_down, None)
        for said in (None, 'false'):
            plugin = self.plugin()
            self.assertEqual(DONE, self.drained(plugin))
            self.annotate_scale_down(said)
            answer = plugin.reattach(self.node_server(), 'n0')
            self.assertEqual(DONE, answer)
            self.assertEqual(said, self.annotation())
            self.annotate_scale_down(None)

    def test_drained_again_before_it_was_ready(self: Any) -> None:
        """What we wrote there is not taken for somebody else's."""
        uuid = '9a1f0c5e-0000-4000-8000-0000000000fa'
        self.bare_node('s9', {'providerID': f'openstack:///{uuid}'})
        plugin, shop = self.plugin(), server(uuid)
        for _ in range(2):
            answer = self.asked(lambda: plugin.drain(shop, 's9'))
            self.assertEqual(DONE, answer)
            annotations = self.node('s9')['annotations']
            self.assertEqual('true', annotations[nodes.SCALE_DOWN])
            self.waiting(plugin.reattach(shop, 's9'))
            annotations = self.node('s9')['annotations']
            self.assertNotIn(nodes.SCALE_DOWN, annotations)

    def test_the_autoscaler_was_faster(self: Any) -> None:
        """It has chosen the node: the server is as good as deleted."""
        chosen = {
            'key': 'ToBeDeletedByClusterAutoscaler',
            'value': '1800000000',
            'effect': 'NoSchedule',
        }
        self.deploy('web', 3, budget=2)
        self.change({'spec': {'taints': [chosen]}})
        self.addCleanup(self.change, {'spec': {'taints': None}})
        before, there = self.node(), self.names()
        answer = self.plugin().drain(self.node_server(), 'n0')
        self.assertEqual(
            'the cluster-autoscaler deletes node n0', self.refused(answer)
        )
        self.assertEqual(before, self.node())
        self.assertEqual(there, self.names())

    def test_somebody_cordons_it_meanwhile(self: Any) -> None:
        """Nothing tells that from ours; who uncordons it ends the drain."""
        plugin, shop = self.plugin(), self.node_server()
        self.assertEqual(DONE, self.drained(plugin))

        def version() -> str:
            about: dict[str, str] = self.ask('GET', NODE)[1]['metadata']
            return about['resourceVersion']

        def unnoticed() -> bool:
            before = version()
            self.cordon()
            return before == version()

        self.until(unnoticed, 'it is cordoned, and nothing tells of it')
        # What they write beside it stays.
        theirs = {
            'key': 'example.org/reboot',
            'value': 'x',
            'effect': 'NoSchedule',
        }
        taints = self.node()['spec'].get('taints', [])
        self.change({'spec': {'taints': [*taints, theirs]}})
        self.addCleanup(self.change, {'spec': {'taints': None}})
        self.assertEqual(DONE, plugin.reattach(shop, 'n0'))
        self.until(
            lambda: self.node()['spec'].get('taints') == [theirs],
            'theirs alone is left',
        )

    def test_it_is_made_anew(self: Any) -> None:
        """Somebody deletes the node, and its kubelet registers it again."""
        uuid = '9a1f0c5e-0000-4000-8000-0000000000fb'
        spec = {'providerID': f'openstack:///{uuid}'}
        self.bare_node('s8', spec)
        plugin, shop = self.plugin(), server(uuid)
        self.assertEqual(DONE, self.asked(lambda: plugin.drain(shop, 's8')))
        self.assertEqual(200, self.ask('DELETE', '/api/v1/nodes/s8')[0])
        self.bare_node('s8', spec)
        self.assertFalse(self.is_cordoned('s8'))
        # It is drained like any other, and nobody else's.
        self.assertEqual(set(), plugin.detached())
        self.assertEqual(DONE, plugin.reattach(shop, 's8'))
        self.assertEqual(DONE, self.asked(lambda: plugin.drain(shop, 's8')))
        self.assertTrue(self.is_cordoned('s8'))
        self.assertEqual({uuid}, plugin.detached())
        # For another server: that one is not drained by us.
        self.assertEqual(200, self.ask('DELETE', '/api/v1/nodes/s8')[0])
        other = uuid.replace('fb', 'fa')
        self.bare_node('s8', {'providerID': f'openstack:///{other}'})
        self.assertIn(
            'node s8 is another server',
            self.refused(plugin.drain(shop, 's8')),
        )
        self.assertEqual(DONE, plugin.reattach(shop, 's8'))
        self.assertNotIn(LABEL, self.node('s8')['labels'])
