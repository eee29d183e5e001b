"""A real Kubernetes does what its stand-in does; see ``tests/contract``."""

from steal_scheduler.orchestrators.base import DONE
from tests.contract.kubernetes import ApiContract
from tests.contract.kubernetes_drain import DrainContract, PodsContract
from tests.contract.kubernetes_nodes import NodesContract
from tests.integration.orchestrators.kubernetes_case import (
    KubernetesTest,
    set_up,
)

setUpModule = set_up()


class TestApi(ApiContract, KubernetesTest):
    pass


class TestDrain(DrainContract, KubernetesTest):
    pass


class TestNodes(NodesContract, KubernetesTest):
    pass


class TestPods(PodsContract, KubernetesTest):
    """And what only a real one has: grace, and namespaces of others."""

    def test_grace_period(self) -> None:
        self.pod('bare', 'n0', terminationGracePeriodSeconds=3600)
        plugin = self.plugin(unmanaged='evict', grace_period=1)
        self.assertEqual(DONE, self.drained(plugin))

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
