"""What the tests of the kubernetes orchestrator share.

It has the rights of etc/kubernetes/steal-migrator-rbac.yaml and no others.
"""

import itertools
import pathlib
from collections.abc import Callable
from typing import Any

from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import Answer, State
from steal_scheduler.orchestrators.kubernetes.plugin import Kubernetes
from tests.integration import daemons, kubernetes
from tests.integration.daemons import until
from tests.unit.make import server
from tests.unit.signals.options import configuration

ROOT = pathlib.Path(__file__).parents[3]
KUBECONFIG = ROOT / 'etc/kubernetes/steal-migrator.kubeconfig'
PAGE = ROOT / 'doc/source/configuration/kubernetes.rst'

#: The servers that are nodes from the start.
UUIDS = {f'n{i}': f'9a1f0c5e-0000-4000-8000-00000000000{i}' for i in range(3)}
LABEL = 'steal-scheduler/server'
ANNOTATION = 'steal-scheduler/drained'

#: What the API server wants to know of every node.
INFO = dict.fromkeys(
    (
        *('machineID', 'systemUUID', 'bootID', 'kernelVersion', 'osImage'),
        *('containerRuntimeVersion', 'kubeletVersion', 'kubeProxyVersion'),
        *('operatingSystem', 'architecture'),
    ),
    '',
)

_numbers = itertools.count()


def node_server(name: str, **other: Any) -> Server:
    return server(UUIDS[name], name=name, **other)


def set_up() -> Callable[[], None]:
    """Return the ``setUpModule`` of the module that calls this."""
    return kubernetes.set_up(UUIDS)


class KubernetesTest(daemons.TestCase):
    """One cluster for all; each test cleans up after itself."""

    def setUp(self) -> None:
        super().setUp()
        self.cluster = kubernetes.cluster
        self.kubeconfig = self.cluster.of_migrator
        for log in self.cluster.logs:
            self.keep(log)
        self.fresh()
        self.addCleanup(self.tidy)

    def fresh(self) -> None:
        self.namespace = f'shop{next(_numbers)}'
        self.cluster.kubectl('create', 'namespace', self.namespace)

    def tidy(self) -> None:
        kubectl = self.cluster.kubectl
        kubectl('uncordon', *UUIDS)
        kubectl('label', 'nodes', *UUIDS, f'{LABEL}-')
        kubectl('annotate', 'nodes', *UUIDS, f'{ANNOTATION}-')
        kubectl(
            *('delete', 'ds,deploy,rs,job,pdb,pods', '--all'),
            *('-n', self.namespace, '--force', '--grace-period=0'),
        )

    def plugin(self, **options: Any) -> Kubernetes:
        options.setdefault('kubeconfig', str(self.kubeconfig))
        conf = configuration('prod', Kubernetes.OPTS, **options)
        return Kubernetes(conf, 'prod')

    def node(self, name: str) -> dict[str, Any]:
        """What of a node somebody has to put there."""
        found = self.cluster.get('node', name)
        about, spec = found['metadata'], found['spec']
        for taint in spec.get('taints', ()):
            taint.pop('timeAdded', None)
        return {
            'labels': about.get('labels', {}),
            'annotations': about.get('annotations', {}),
            'spec': spec,
        }

    def is_cordoned(self, name: str) -> bool:
        return bool(self.node(name)['spec'].get('unschedulable'))

    def pods(self, name: str = '') -> list[dict[str, Any]]:
        """Those of this test, on this node."""
        where = f'--field-selector=spec.nodeName={name}' if name else '-A'
        found = self.cluster.get('pods', '-n', self.namespace, where)
        return [
            pod
            for pod in found['items']
            if pod['metadata']['namespace'] == self.namespace
        ]

    def names(self, name: str = '') -> set[str]:
        return {pod['metadata']['name'] for pod in self.pods(name)}

    def deploy(self, name: str, replicas: int, **other: Any) -> None:
        self.cluster.deploy(name, replicas, namespace=self.namespace, **other)

    def pod(self, name: str, node: str, **spec: Any) -> None:
        """A bare pod."""
        metadata = {
            'name': name,
            'namespace': self.namespace,
            'finalizers': spec.pop('finalizers', []),
        }
        self.addCleanup(self.release, name)
        container = {'name': 'app', 'image': 'example.test/app:1'}
        self.cluster.apply(
            {
                'apiVersion': 'v1',
                'kind': 'Pod',
                'metadata': metadata,
                'spec': {
                    'nodeName': node,
                    'terminationGracePeriodSeconds': 1,
                    'containers': [container],
                    **spec,
                },
            }
        )
        self.wait_phase(name, 'Running', 'Failed')

    def release(self, name: str) -> None:
        """Take its finalizers away."""
        self.cluster.run(
            *('patch', 'pod', name, '-n', self.namespace),
            *('--type=merge', '-p', '{"metadata":{"finalizers":null}}'),
        )

    def wait_phase(self, name: str, *phases: str) -> None:
        def phase() -> bool:
            found = self.cluster.get('pod', name, '-n', self.namespace)
            return found['status'].get('phase') in phases

        until(f'pod {name} is {phases}', phase, 90)

    def budget(self, name: str, **spec: Any) -> None:
        self.cluster.apply(
            {
                'apiVersion': 'policy/v1',
                'kind': 'PodDisruptionBudget',
                'metadata': {'name': name, 'namespace': self.namespace},
                'spec': spec,
            }
        )

    def drained(self, plugin: Kubernetes, name: str = 'n0') -> Answer:
        """Its last answer."""
        return self.asked(lambda: plugin.drain(node_server(name), name))

    def asked(self, verb: Callable[[], Answer], within: float = 90) -> Answer:
        """Ask until it is done or refused, as the migrator does."""
        answers: list[Answer] = []

        def settled() -> bool:
            answers.append(verb())
            return answers[-1].state is not State.WAITING

        until('it is done or refused', settled, within)
        return answers[-1]

    def waits(
        self, verb: Callable[[], Answer], text: str, within: float = 90
    ) -> None:
        """Ask until it waits for this; in between for other things."""
        until(
            f'it waits for {text}',
            lambda: text in self.waiting(verb()),
            within,
        )

    def waiting(self, answer: Answer) -> str:
        self.assertIs(State.WAITING, answer.state, answer.detail)
        return answer.detail

    def refused(self, answer: Answer) -> str:
        self.assertIs(State.REFUSED, answer.state, answer.detail)
        return answer.detail
