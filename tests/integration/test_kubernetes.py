"""The kubernetes orchestrator against a real Kubernetes.

It has the rights of etc/kubernetes/steal-migrator-rbac.yaml and no others.
kubectl of the same release is the second opinion.
"""

import itertools
import os
import pathlib
import re
import subprocess
import tempfile
import time
import unittest
from collections.abc import Callable
from concurrent import futures
from typing import Any
from unittest import mock

import fixtures
import yaml

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model import Server
from steal_scheduler.orchestrators import kube_api
from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.kubernetes import Kubernetes
from tests.integration import base
from tests.integration.binaries import binary
from tests.integration.daemons import until
from tests.integration.kubernetes import NOBODY, Cluster
from tests.unit.make import server
from tests.unit.signals.options import configuration

ROOT = pathlib.Path(__file__).parents[2]
RBAC = ROOT / 'etc/kubernetes/steal-migrator-rbac.yaml'
PAGE = ROOT / 'doc/source/configuration/kubernetes.rst'
ACCOUNT, HOME = 'steal-migrator', 'steal-scheduler'

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


def setUpModule() -> None:
    directory = unittest.enterModuleContext(
        tempfile.TemporaryDirectory(dir='/dev/shm', ignore_cleanup_errors=True)
    )
    KubernetesTest.cluster = cluster = unittest.enterModuleContext(
        Cluster(pathlib.Path(directory), UUIDS)
    )
    cluster.apply(RBAC.read_text())
    KubernetesTest.kubeconfig = cluster.let_in(ACCOUNT, HOME)


class KubernetesTest(base.TestCase):
    """One cluster for all; each test cleans up after itself."""

    cluster: Cluster
    kubeconfig: pathlib.Path

    def setUp(self) -> None:
        super().setUp()
        for log in self.cluster.logs:
            self.keep(log)
        self.fresh()
        self.addCleanup(self.tidy)

    def fresh(self) -> None:
        self.namespace = f'shop{next(_numbers)}'
        self.cluster.kubectl('create', 'namespace', self.namespace)

    def tidy(self) -> None:
        kubectl = self.cluster.kubectl
        for name in UUIDS:
            kubectl('uncordon', name)
            kubectl('label', 'node', name, f'{LABEL}-')
            kubectl('annotate', 'node', name, f'{ANNOTATION}-')
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

    def test_two_installations(self) -> None:
        ours, theirs = self.plugin(), self.plugin(mark='other.example.org')
        self.assertEqual(DONE, self.drained(ours))
        self.assertEqual(set(), theirs.detached())
        self.assertEqual(DONE, self.drained(theirs))
        self.assertEqual(DONE, theirs.reattach(node_server('n0'), 'n0'))
        # It was cordoned before they came.
        self.assertTrue(self.is_cordoned('n0'))
        self.assertEqual(DONE, ours.reattach(node_server('n0'), 'n0'))
        self.assertFalse(self.is_cordoned('n0'))


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


class TestKubectl(KubernetesTest):
    """Ours and kubectl's, from the same state to the same state."""

    def fill(self) -> None:
        """One node with everything on it that a drain tells apart."""
        here = {'nodeSelector': {'kubernetes.io/hostname': 'n0'}}
        short = {'terminationGracePeriodSeconds': 1}
        self.deploy('web', 3, budget=2, **short)
        self.deploy('pinned', 2, **here, **short)
        empty = [{'name': 'a', 'emptyDir': {}}]
        self.deploy('cache', 1, volumes=empty, **here, **short)
        self.pod('bare', 'n0')
        self.pod('done', 'n0', activeDeadlineSeconds=1, volumes=empty)
        self.wait_phase('done', 'Failed')
        template = {
            'metadata': {'labels': {'app': 'agent'}},
            'spec': {
                **short,
                'volumes': empty,
                'containers': [{'name': 'app', 'image': 'example.test/app:1'}],
            },
        }
        metadata = {'name': 'agent', 'namespace': self.namespace}
        self.cluster.apply(
            {
                'apiVersion': 'apps/v1',
                'kind': 'DaemonSet',
                'metadata': metadata,
                'spec': {
                    'selector': {'matchLabels': {'app': 'agent'}},
                    'template': template,
                },
            }
        )
        self.cluster.apply(
            {
                'apiVersion': 'batch/v1',
                'kind': 'Job',
                'metadata': {**metadata, 'name': 'batch'},
                'spec': {
                    'backoffLimit': 0,
                    'template': {
                        'spec': {
                            **template['spec'],
                            **here,
                            'restartPolicy': 'Never',
                            'activeDeadlineSeconds': 1,
                        }
                    },
                },
            }
        )
        static = {
            'apiVersion': 'v1',
            'kind': 'Pod',
            'metadata': {**metadata, 'name': 'static'},
            'spec': template['spec'],
        }
        path = self.cluster.static_pods('n0') / f'{self.namespace}.yaml'
        path.write_text(yaml.safe_dump(static))
        self.addCleanup(path.unlink, missing_ok=True)
        wanted = {
            ('DaemonSet', 'agent', 'Running'),
            ('Job', 'batch', 'Failed'),
            ('Node', 'static-n0', 'Running'),
            ('Pod', 'bare', 'Running'),
            ('Pod', 'done', 'Failed'),
            ('ReplicaSet', 'cache', 'Running'),
            ('ReplicaSet', 'pinned', 'Running'),
            ('ReplicaSet', 'web', 'Running'),
        }
        until('the node is full', lambda: self.kept() == wanted, 90)

    def kept(self) -> set[tuple[str, str, str]]:
        """What is on the node: of which kind, its owner, its phase."""
        found = set()
        for pod in self.pods('n0'):
            about, phase = pod['metadata'], pod['status'].get('phase')
            kind, name = 'Pod', about['name']
            for owner in about.get('ownerReferences', ()):
                kind = owner['kind']
                if kind != 'Node':
                    name = about['labels'].get('app') or owner['name']
            found.add((kind, name, phase))
        return found

    def spec(self) -> dict[str, Any]:
        found = self.node('n0')
        found['labels'].pop(LABEL, None)
        found['annotations'].pop(ANNOTATION, None)
        return found

    def compare(self, flags: list[str], **options: str) -> set[Any]:
        """Return what ours left and kubectl did not."""
        drain = ['drain', 'n0', '--ignore-daemonsets', *flags]
        self.fill()
        self.cluster.kubectl(*drain, '--timeout=60s')
        kubectl, kubectl_node = self.kept(), self.spec()
        self.cluster.kubectl('uncordon', 'n0')
        kubectl_back = self.spec()
        for path in self.cluster.static_pods('n0').iterdir():
            path.unlink()
        self.tidy()
        self.fresh()
        self.fill()
        plugin = self.plugin(**options)
        self.assertEqual(DONE, self.drained(plugin))
        ours = self.kept()
        until(
            'the node is as kubectl left it',
            lambda: kubectl_node == self.spec(),
        )
        self.assertEqual(DONE, plugin.reattach(node_server('n0'), 'n0'))
        until(
            'it is back as with kubectl', lambda: kubectl_back == self.spec()
        )
        self.assertLessEqual(kubectl, ours)
        self.assertIn(('DaemonSet', 'agent', 'Running'), kubectl)
        self.assertIn(('Node', 'static-n0', 'Running'), kubectl)
        return ours - kubectl

    def test_all_goes(self) -> None:
        left = self.compare(
            ['--force', '--delete-emptydir-data'],
            empty_dir='evict',
            unmanaged='evict',
            finished='evict',
        )
        self.assertEqual(set(), left)

    def test_what_has_finished_stays(self) -> None:
        """As the manual says, and kubectl does not: their logs are there."""
        left = self.compare(
            ['--force', '--delete-emptydir-data'],
            empty_dir='evict',
            unmanaged='evict',
        )
        self.assertEqual(
            {('Job', 'batch', 'Failed'), ('Pod', 'done', 'Failed')}, left
        )

    def test_both_refuse(self) -> None:
        self.fill()
        there = self.kept()
        for flags, options in (
            ([], {}),
            (['--force'], {'unmanaged': 'evict'}),
            (['--delete-emptydir-data'], {'empty_dir': 'evict'}),
        ):
            done = self.cluster.run(
                'drain', 'n0', '--ignore-daemonsets', *flags
            )
            self.assertEqual(1, done.returncode, done.stderr)
            self.cluster.kubectl('uncordon', 'n0')
            answer = self.plugin(**options).drain(node_server('n0'), 'n0')
            detail = self.refused(answer)
            for pod in ('bare', 'cache'):
                name = f'{self.namespace}/{pod}'
                self.assertEqual(name in done.stderr, name in detail, detail)
        self.assertEqual(there, self.kept())


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

    def test_by_id_whatever_it_is_called(self) -> None:
        with mock.patch.object(kube_api, '_PAGE', 1):
            plugin = self.plugin()
            for name in ('x', '', '..', '../pods', 'n1', 'N0', 'x' * 300):
                answer = plugin.drain(node_server('n0'), name)
                self.assertIsNot(State.REFUSED, answer.state, name)
                self.assertTrue(self.is_cordoned('n0'), name)
                self.assertFalse(self.is_cordoned('n1'), name)
                plugin.reattach(node_server('n0'), name)

    def test_a_name_is_not_enough(self) -> None:
        stranger = server('9a1f0c5e-0000-4000-8000-0000000000ff')
        answer = self.plugin(trust_names=True).drain(stranger, 'n0')
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
        plugin = self.plugin(ready_timeout=0)
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

    def test_by_name_where_that_is_trusted(self) -> None:
        self.bare_node('s3', {}, {})
        shop = server('9a1f0c5e-0000-4000-8000-0000000000fe')
        detail = self.refused(self.plugin().drain(shop, 's3'))
        self.assertIn('trust_names is off', detail)
        plugin = self.plugin(trust_names=True)
        self.assertEqual(DONE, self.asked(lambda: plugin.drain(shop, 's3')))
        self.assertTrue(self.is_cordoned('s3'))

    def test_two_that_say_so(self) -> None:
        twin = {'providerID': f'openstack://region/{UUIDS["n0"]}'}
        self.bare_node('s4', twin, {})
        detail = self.refused(self.plugin().drain(node_server('n0'), 'x'))
        self.assertEqual('several nodes have the id of it: n0, s4', detail)

    def test_it_is_not_ready_afterwards(self) -> None:
        """It takes pods again at once, and does not stay stuck."""
        uuid = '9a1f0c5e-0000-4000-8000-0000000000fd'
        self.bare_node('s5', {'providerID': f'openstack:///{uuid}'}, {})
        shop, plugin = server(uuid), self.plugin(ready_timeout=3)
        self.assertEqual(DONE, self.asked(lambda: plugin.drain(shop, 's5')))
        detail = self.waiting(plugin.reattach(shop, 's5'))
        self.assertEqual('node s5 is not ready yet', detail)
        self.assertFalse(self.is_cordoned('s5'))
        self.assertEqual({uuid}, plugin.detached())
        # Somebody's own cordon from now on.
        self.cluster.kubectl('cordon', 's5')
        log = self.useFixture(fixtures.FakeLogger())
        self.assertEqual(DONE, self.asked(lambda: plugin.reattach(shop, 's5')))
        self.assertIn('Node s5 is not ready', log.output)
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
        plugin = self.plugin(ready_timeout=0)
        self.assertEqual(DONE, plugin.reattach(shop, 's6'))
        self.assertFalse(self.is_cordoned('s6'))


class TestPace(KubernetesTest):
    def test_one_at_a_time(self) -> None:
        plugin = self.plugin()
        self.assertEqual(DONE, self.drained(plugin, 'n0'))
        before = self.node('n1')
        answer = plugin.drain(node_server('n1'), 'n1')
        self.assertEqual('n0 is out: max_drained = 1', self.waiting(answer))
        self.assertEqual(before, self.node('n1'))
        self.assertEqual(DONE, plugin.drain(node_server('n0'), 'n0'))
        self.assertEqual(DONE, plugin.reattach(node_server('n0'), 'n0'))
        self.assertEqual(DONE, self.drained(plugin, 'n1'))

    def test_one_of_a_zone(self) -> None:
        for name, zone in (('n0', 'a'), ('n1', 'a'), ('n2', 'b')):
            self.cluster.kubectl('label', 'node', name, f'zone={zone}')
            self.addCleanup(
                self.cluster.kubectl, 'label', 'node', name, 'zone-'
            )
        plugin = self.plugin(max_drained=0, limit_label='zone')
        self.assertEqual(DONE, self.drained(plugin, 'n0'))
        self.assertEqual(
            'n0 of zone=a is out: max_drained_per_label = 1',
            self.waiting(plugin.drain(node_server('n1'), 'n1')),
        )
        self.assertEqual(DONE, self.drained(plugin, 'n2'))

    def test_what_it_waits_for(self) -> None:
        """The replacement finds no node: its budget can do without."""
        here = {'nodeSelector': {'kubernetes.io/hostname': 'n0'}}
        self.deploy('web', 2, budget=1, **here)
        plugin = self.plugin(wait_for='replacements')
        shop = node_server('n0')
        # Both are here: the second one goes when there is a first.
        self.waits(lambda: plugin.drain(shop, 'n0'), 'held by')
        self.cluster.kubectl('uncordon', 'n0')
        self.cluster.wait_deployed('web', self.namespace)
        plugin.reattach(shop, 'n0')
        self.budget(
            'web',
            minAvailable=0,
            selector={'matchLabels': {'app': 'web'}},
        )
        name = f'PodDisruptionBudget {self.namespace}/web'
        self.waits(
            lambda: plugin.drain(shop, 'n0'),
            f'{name} has 0 healthy pods of 2',
        )
        for wait_for in ('nothing', 'budgets'):
            self.assertEqual(
                DONE, self.drained(self.plugin(wait_for=wait_for))
            )


class TestOutages(KubernetesTest):
    def test_it_answers_again(self) -> None:
        self.deploy('web', 3, budget=2)
        shop = node_server('n0')
        plugin = self.plugin(timeout=2)
        for begin, end in (
            (self.cluster.pause, self.cluster.resume),
            (self.cluster.stop, self.cluster.start),
        ):
            for verb in (plugin.drain, plugin.reattach):
                begin()
                try:
                    began = time.monotonic()
                    error = self.assertRaises(
                        OrchestratorError, verb, shop, 'n0'
                    )
                    self.assertRaises(OrchestratorError, plugin.detached)
                    # Two calls, one answer each that did not come.
                    self.assertLess(time.monotonic() - began, 15)
                    self.assertIn(f'[prod] {self.cluster.url} ', str(error))
                finally:
                    end()
                self.assertEqual(
                    DONE, self.asked(lambda v=verb: v(shop, 'n0'))
                )
            self.assertFalse(self.is_cordoned('n0'))

    def test_the_node_is_deleted(self) -> None:
        uuid = '9a1f0c5e-0000-4000-8000-00000000000d'
        self.cluster.add_node('n9', uuid)
        plugin, shop = self.plugin(), server(uuid)
        self.assertEqual(DONE, self.asked(lambda: plugin.drain(shop, 'n9')))
        self.cluster.delete_node('n9')
        detail = self.refused(plugin.drain(shop, 'n9'))
        self.assertIn('no node has the id of this server', detail)
        self.assertEqual(DONE, plugin.reattach(shop, 'n9'))
        self.assertEqual(set(), plugin.detached())

    def test_two_migrators(self) -> None:
        """The lock was lost for a moment: all of it may come twice."""
        self.deploy('web', 3, budget=2)
        before = self.node('n0')
        shop = node_server('n0')
        plugins = [self.plugin() for _ in range(3)]
        for verb in ('drain', 'reattach'):

            def ask(plugin: Kubernetes, verb: str = verb) -> Answer:
                return self.asked(lambda: getattr(plugin, verb)(shop, 'n0'))

            with futures.ThreadPoolExecutor() as pool:
                answers = list(pool.map(ask, plugins))
            self.assertEqual([DONE] * 3, answers)
            self.assertIs(verb == 'drain', self.is_cordoned('n0'))
        until('the node is as it was', lambda: before == self.node('n0'))

    def test_the_node_changes_all_the_time(self) -> None:
        plugin, shop = self.plugin(), node_server('n0')
        read = kube_api.KubeApi.node
        counts = itertools.count()

        def disturbed(api: kube_api.KubeApi, name: str) -> Any:
            found = read(api, name)
            self.cluster.kubectl(
                *('annotate', 'node', 'n0', '--overwrite'),
                f'example.org/n={next(counts)}',
            )
            return found

        self.addCleanup(
            *(self.cluster.kubectl, 'annotate', 'node', 'n0'),
            'example.org/n-',
        )
        with mock.patch.object(kube_api.KubeApi, 'node', disturbed):
            error = self.assertRaises(
                OrchestratorError, plugin.drain, shop, 'n0'
            )
        self.assertIn('the node changed 4 times', str(error))
        self.assertFalse(self.is_cordoned('n0'))


class TestPage(KubernetesTest):
    """doc/source/configuration/kubernetes.rst: its commands work."""

    def test_its_commands(self) -> None:
        self.assertEqual(DONE, self.drained(self.plugin(mode='soft')))
        directory = self.directory()
        (directory / RBAC.name).write_text(RBAC.read_text())
        said = {}
        programs = os.path.dirname(binary('kubectl'))
        for line in re.findall('^    (kubectl .*)$', PAGE.read_text(), re.M):
            command = line.replace('NODE', 'n0')
            said[line] = subprocess.run(
                ['bash', '-o', 'pipefail', '-ec', command],
                cwd=directory,
                env={
                    'HOME': str(directory),
                    'PATH': f'{programs}:/usr/bin:/bin',
                    'KUBECONFIG': str(self.cluster.kubeconfig()),
                },
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        get = 'kubectl get nodes -l steal-scheduler/server '
        listed = next(said[line] for line in said if line.startswith(get))
        self.assertIn('n0', listed)
        self.assertIn(UUIDS['n0'], listed)
        self.assertNotIn('n1', listed)
        self.assertIn('cordoned_by_us": true', ''.join(said.values()))
        rights = next(said[line] for line in said if 'can-i' in line)
        self.assertRegex(rights, r'pods/eviction +\[\] +\[\] +\[create\]')
        # What it took away, and that nothing of us is left.
        self.assertEqual(set(), self.plugin().detached())
        spec = self.node('n0')['spec']
        self.assertNotIn('steal-scheduler', str(spec))
        self.assertNotIn('unschedulable', spec)
        plugin = self.plugin(
            kubeconfig=None,
            server=self.cluster.url,
            token_file=str(directory / 'prod.token'),
            ca_file=str(directory / 'prod.ca'),
        )
        self.assertEqual(set(), plugin.detached())


class TestAccess(KubernetesTest):
    """Who we are to the cluster, and what we may do."""

    def options(self, **other: Any) -> dict[str, Any]:
        """With the token that the manifest makes."""
        directory = self.directory()

        def token() -> str:
            return str(
                self.cluster.kubectl(
                    *('get', 'secret', ACCOUNT, '-n', HOME),
                    *('-o', 'go-template={{.data.token | base64decode}}'),
                )
            )

        self.token = until('there is a token', token)
        self.token_file = directory / 'token'
        self.token_file.write_text(f'{self.token}\n')
        return {
            'kubeconfig': None,
            'server': self.cluster.url,
            'token_file': str(self.token_file),
            'ca_file': str(self.cluster.cafile),
            **other,
        }

    def trouble(self, plugin: Kubernetes) -> str:
        error = self.assertRaises(OrchestratorError, plugin.detached)
        return str(error)

    def test_token_file(self) -> None:
        plugin = self.plugin(**self.options())
        self.assertEqual(set(), plugin.detached())
        self.token_file.write_text('expired')
        said = self.trouble(plugin)
        self.assertIn('did not list nodes: 401 Unauthorized', said)
        self.assertNotIn('expired', said)
        self.token_file.unlink()
        self.assertIn('No such file', self.trouble(plugin))
        self.token_file.write_text(self.token)
        self.assertEqual(set(), plugin.detached())

    def test_kubeconfig_is_renewed(self) -> None:
        good = self.kubeconfig.read_text()
        path = self.directory() / 'config'
        token = yaml.safe_load(good)['users'][0]['user']['token']
        path.write_text(good.replace(token, 'expired'))
        plugin = self.plugin(kubeconfig=str(path))
        self.assertIn('401', self.trouble(plugin))
        path.write_text(good)
        self.assertEqual(set(), plugin.detached())

    def test_a_server_that_nobody_vouches_for(self) -> None:
        for options in (
            self.options(ca_file=None),
            {'kubeconfig': self.insecure_kubeconfig()},
        ):
            plugin = self.plugin(**options)
            said = self.trouble(plugin)
            self.assertIn('CERTIFICATE_VERIFY_FAILED', said)
            self.assertIn('ca_file', said)
            plugin = self.plugin(insecure=True, **options)
            self.assertEqual(set(), plugin.detached())

    def insecure_kubeconfig(self) -> str:
        config = yaml.safe_load(self.kubeconfig.read_text())
        cluster = config['clusters'][0]['cluster']
        del cluster['certificate-authority-data']
        cluster['insecure-skip-tls-verify'] = True
        path = self.directory() / 'config'
        path.write_text(yaml.safe_dump(config))
        return str(path)

    def test_nobody(self) -> None:
        plugin = self.plugin(kubeconfig=str(self.cluster.kubeconfig(NOBODY)))
        said = self.trouble(plugin)
        self.assertIn('User "nobody" cannot list resource "nodes"', said)
        self.assertIn('steal-migrator-rbac.yaml', said)

    def test_no_right_is_too_many(self) -> None:
        """Without any one of them a drain, or the way back, fails."""
        role = next(
            part
            for part in yaml.safe_load(RBAC.read_text())['items']
            if part['kind'] == 'ClusterRole'
        )
        self.addCleanup(self.cluster.apply, RBAC.read_text())
        # Its pod comes back with the node.
        here = {'nodeSelector': {'kubernetes.io/hostname': 'n0'}}
        self.deploy('web', 1, budget=0, **here)
        self.daemon_set()
        plugin, shop = self.plugin(), node_server('n0')
        for rule in role['rules']:
            verbs = rule['verbs']
            for verb in verbs:
                # A rule has to have one.
                rule['verbs'] = [v for v in verbs if v != verb] or ['watch']
                self.cluster.apply(role)
                error = until(
                    f'{verb} {rule["resources"]} is missed',
                    lambda: self.missed(plugin, shop),
                )
                self.assertRegex(
                    error, f'cannot {verb} resource "{rule["resources"][0]}"'
                )
                rule['verbs'] = verbs
                self.cluster.apply(role)
                self.asked(lambda: self.patient(plugin.reattach, shop))
                self.cluster.wait_deployed('web', self.namespace)
        self.assertEqual(DONE, self.drained(plugin))

    def missed(self, plugin: Kubernetes, shop: Server) -> str:
        try:
            self.asked(lambda: plugin.drain(shop, 'n0'))
            self.asked(lambda: plugin.reattach(shop, 'n0'))
        except OrchestratorError as error:
            return str(error)
        self.cluster.wait_deployed('web', self.namespace)
        return ''

    def patient(self, verb: Any, shop: Server) -> Answer:
        try:
            return verb(shop, 'n0')
        except OrchestratorError as error:
            return Answer(State.WAITING, str(error))

    def daemon_set(self) -> None:
        self.cluster.apply(
            {
                'apiVersion': 'apps/v1',
                'kind': 'DaemonSet',
                'metadata': {'name': 'agent', 'namespace': self.namespace},
                'spec': {
                    'selector': {'matchLabels': {'app': 'agent'}},
                    'template': {
                        'metadata': {'labels': {'app': 'agent'}},
                        'spec': {
                            'containers': [
                                {'name': 'app', 'image': 'example.test/app:1'}
                            ]
                        },
                    },
                },
            }
        )
        until(
            'it is there', lambda: any('agent' in n for n in self.names('n0'))
        )
