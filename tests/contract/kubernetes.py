"""What we rely on in Kubernetes: its stand-in and a real one must both do it.

Each test here runs twice: in the unit tests with ``tests/standins``, and in
the integration tests with a real API server, its controllers and kubelets.
First what the API answers, then what our plug-in makes of it.
"""

from collections.abc import Callable
from typing import Any, Protocol

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import Answer, State
from steal_scheduler.orchestrators.kubernetes.plugin import Kubernetes
from tests.unit.make import server
from tests.unit.options import configuration

#: The servers that are nodes, ready for pods, from the start.
UUIDS = {f'n{i}': f'9a1f0c5e-0000-4000-8000-00000000000{i}' for i in range(3)}
LABEL = 'steal-scheduler/server'
ANNOTATION = 'steal-scheduler/drained'
NODE = '/api/v1/nodes/n0'


class Case(Protocol):
    """What a test case adds: the cluster, and how to have its way with it."""

    #: Its own; what it deploys is in it.
    namespace: str

    def kubeconfig_of(self, user: str = '') -> str:
        """The path of ours, or of somebody else's.

        :param user: ``nobody`` may do nothing; the token of ``stranger`` is
            one that nobody knows
        """

    def ask(
        self, method: str, path: str, body: Any = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and body of the API's answer to who may do everything.

        What is patched is patched by a merge patch.
        """

    def until(self, predicate: Callable[[], Any], what: str) -> Any:
        """What it returns once it is true; controllers work meanwhile."""

    def deploy(
        self, name: str, replicas: int, budget: int | None = None, **pod: Any
    ) -> None:
        """Pods ``app=name``, one a node where that can be; ready on return.

        :param budget: how many must be there always
        :param pod: more of the specification of its pods
        """

    def daemon_set(self, name: str) -> None:
        """One pod a node; they run on return."""

    def job(self, name: str, **pod: Any) -> None:
        """A Job whose pod runs on return, and goes on."""

    def pod(self, name: str, node: str, **spec: Any) -> None:
        """One that nothing starts again, with the label ``app=name``.

        :param spec: of it; ``finalizers``; ``controller``: whether it has one
            all the same, which nobody can scale
        """

    def static_pod(self, name: str, node: str, **spec: Any) -> None:
        """A file of the kubelet's, which runs on return."""

    def add_budget(self, name: str, app: str, least: int | str) -> None:
        """A PodDisruptionBudget of the pods with this label ``app``.

        :param least: a number, or a share: ``50%``
        """

    def deny_evictions(self, app: str) -> Callable[[], None]:
        """Let admission deny those of pods of this name, with a reason.

        :returns: what ends that
        """

    def bare_node(self, name: str, spec: Any, system_uuid: str = '') -> None:
        """A node without a kubelet: it is never ready."""

    def end_namespace(self) -> None:
        """Somebody deletes it; pods with finalizers keep it."""


class Patient(Kubernetes):
    """The plug-in, asked again while a kubelet is faster, as each tick does.

    A real one, and the controllers of a cluster, change a node at any time.
    """

    def drain(self, server: Server, node: str) -> Answer:
        return self._repeat(super().drain, server, node)

    def reattach(self, server: Server, node: str) -> Answer:
        return self._repeat(super().reattach, server, node)

    def _repeat(self, verb: Any, server: Server, node: str) -> Answer:
        answer: Answer = verb(server, node)
        for _ in range(9):
            if 'has changed meanwhile' in answer.detail:
                answer = verb(server, node)
        return answer


class KubernetesContract:
    """What the tests say. Mixed into a test case that is a `Case`."""

    def plugin(self: Any, user: str = '', **options: Any) -> Kubernetes:
        options.setdefault('kubeconfig', self.kubeconfig_of(user))
        conf = configuration('prod', Kubernetes.OPTS, **options)
        return Patient(conf, 'prod')

    def node_server(self, name: str = 'n0') -> Server:
        return server(UUIDS[name], name=name)

    def node(self: Any, name: str = 'n0') -> dict[str, Any]:
        """What of a node somebody has to put there."""
        _, found = self.ask('GET', f'/api/v1/nodes/{name}')
        about, spec = found['metadata'], found['spec']
        for taint in spec.get('taints', ()):
            taint.pop('timeAdded', None)
        return {
            'labels': about.get('labels', {}),
            'annotations': about.get('annotations', {}),
            'spec': spec,
        }

    def is_cordoned(self, name: str = 'n0') -> bool:
        return bool(self.node(name)['spec'].get('unschedulable'))

    def change(self: Any, patch: Any, name: str = 'n0') -> None:
        """As somebody else does with kubectl."""
        path = f'/api/v1/nodes/{name}'
        self.assertEqual(200, self.ask('PATCH', path, patch)[0])

    def cordon(self, name: str = 'n0', on: bool = True) -> None:
        self.change({'spec': {'unschedulable': True if on else None}}, name)

    def annotate(self, **annotations: str | None) -> None:
        named = {k.replace('__', '/'): v for k, v in annotations.items()}
        self.change({'metadata': {'annotations': named}})

    def names(self: Any, node: str = 'n0') -> set[str]:
        """Of the pods of this test, on this node."""
        path = f'/api/v1/pods?fieldSelector=spec.nodeName={node}'
        return {
            pod['metadata']['name']
            for pod in self.ask('GET', path)[1]['items']
            if pod['metadata']['namespace'] == self.namespace
        }

    def evict(
        self: Any, name: str, uid: str = '', dry: bool = False
    ) -> tuple[int, Any]:
        """Ask the API for it; only what it would say, where that is dry."""
        options: dict[str, Any] = {'dryRun': ['All']} if dry else {}
        if uid:
            options['preconditions'] = {'uid': uid}
        about = {'name': name, 'namespace': self.namespace}
        return self.ask(
            'POST',
            f'/api/v1/namespaces/{self.namespace}/pods/{name}/eviction',
            {
                'apiVersion': 'policy/v1',
                'kind': 'Eviction',
                'metadata': about,
                'deleteOptions': options,
            },
        )

    def drained(self, plugin: Kubernetes, name: str = 'n0') -> Answer:
        """Its last answer."""
        return self.asked(lambda: plugin.drain(self.node_server(name), name))

    def asked(self: Any, verb: Callable[[], Answer]) -> Answer:
        """Ask until it is done or refused, as the migrator does."""

        def settled() -> Answer | None:
            answer = verb()
            return answer if answer.state is not State.WAITING else None

        return self.until(settled, 'it is done or refused')

    def waits(self: Any, verb: Callable[[], Answer], text: str) -> None:
        """Ask until it waits for this; in between for other things."""
        self.until(lambda: text in self.waiting(verb()), f'it waits: {text}')

    def waiting(self: Any, answer: Answer) -> str:
        self.assertIs(State.WAITING, answer.state, answer.detail)
        return answer.detail

    def refused(self: Any, answer: Answer) -> str:
        self.assertIs(State.REFUSED, answer.state, answer.detail)
        return answer.detail

    def trouble(self: Any, plugin: Kubernetes) -> str:
        return str(self.assertRaises(OrchestratorError, plugin.detached))


class ApiContract(KubernetesContract):
    """What is answered, to whom."""

    def test_a_patch_of_what_has_changed(self: Any) -> None:
        _, found = self.ask('GET', NODE)
        version = found['metadata']['resourceVersion']
        self.addCleanup(self.annotate, a=None)
        patch = {
            'metadata': {
                'resourceVersion': version,
                'annotations': {'a': '1'},
            }
        }
        status, found = self.ask('PATCH', NODE, patch)
        self.assertEqual(200, status)
        self.assertEqual('1', found['metadata']['annotations']['a'])
        self.assertNotEqual(version, found['metadata']['resourceVersion'])
        status, said = self.ask('PATCH', NODE, patch)
        self.assertEqual((409, 'Conflict'), (status, said['reason']))
        # It asks for nothing that is not there: that is no change.
        version = self.ask('GET', NODE)[1]['metadata']['resourceVersion']
        patch['metadata']['resourceVersion'] = version
        _, found = self.ask('PATCH', NODE, patch)
        self.assertEqual(version, found['metadata']['resourceVersion'])

    def test_null_removes(self: Any) -> None:
        before = self.node()
        self.annotate(a='1')
        self.cordon()
        self.annotate(a=None)
        self.cordon(on=False)
        self.annotate(b=None)
        self.until(lambda: before == self.node(), 'the node is as it was')

    def test_what_there_is_not(self: Any) -> None:
        status, said = self.ask('GET', '/api/v1/nodes/none')
        self.assertEqual((404, 'NotFound'), (status, said['reason']))
        self.assertEqual('nodes "none" not found', said['message'])
        status, _ = self.ask('PATCH', '/api/v1/nodes/none', {'metadata': {}})
        self.assertEqual(404, status)
        self.assertEqual(404, self.evict('none')[0])

    def test_pages(self: Any) -> None:
        found: list[str] = []
        more = ''
        for _ in range(9):
            path = f'/api/v1/nodes?limit=2&continue={more}'
            _, page = self.ask('GET', path)
            self.assertLessEqual(len(page['items']), 2)
            found += [node['metadata']['name'] for node in page['items']]
            more = page['metadata'].get('continue')
            if not more:
                break
        self.assertEqual(len(found), len({*found}))
        self.assertLessEqual({*UUIDS}, {*found})

    def test_nodes_by_their_labels(self: Any) -> None:
        self.change({'metadata': {'labels': {'x/y': 'one'}}})
        self.addCleanup(self.change, {'metadata': {'labels': {'x/y': None}}})
        for selector, names in (
            ('x/y', ['n0']),
            ('x/y=one', ['n0']),
            ('x/y=', []),
            ('x/y=two', []),
            ('x/z', []),
        ):
            _, page = self.ask(
                'GET', f'/api/v1/nodes?labelSelector={selector}'
            )
            found = [node['metadata']['name'] for node in page['items']]
            self.assertEqual(names, found, selector)

    def test_another_pod_of_the_name(self: Any) -> None:
        self.pod('bare', 'n0')
        status, said = self.evict('bare', 'another-uid')
        self.assertEqual((409, 'Conflict'), (status, said['reason']))
        self.assertEqual({'bare'}, self.names())
        self.assertEqual(201, self.evict('bare')[0])
        self.until(lambda: not self.names(), 'it ends')

    def test_a_pod_that_ends_already(self: Any) -> None:
        """No budget holds what goes anyhow."""
        self.deploy('web', 1, budget=1)
        (name,) = self.names() | self.names('n1') | self.names('n2')
        path = f'/api/v1/namespaces/{self.namespace}/pods/{name}'
        never = {'metadata': {'finalizers': ['example.org/never']}}
        self.assertEqual(200, self.ask('PATCH', path, never)[0])
        free = {'metadata': {'finalizers': None}}
        self.addCleanup(self.ask, 'PATCH', path, free)
        self.assertEqual(429, self.evict(name)[0])
        self.assertEqual(200, self.ask('DELETE', path)[0])
        self.assertEqual(201, self.evict(name)[0])

    def test_a_budget_in_the_answer(self: Any) -> None:
        self.deploy('web', 2, budget=2)
        pods = self.names() | self.names('n1') | self.names('n2')
        status, said = self.evict(min(pods))
        self.assertEqual((429, 'TooManyRequests'), (status, said['reason']))
        (cause,) = said['details']['causes']
        self.assertEqual('DisruptionBudget', cause['reason'])
        self.assertEqual(
            'The disruption budget web needs 2 healthy pods and has 2 '
            'currently',
            cause['message'],
        )
        left = self.names() | self.names('n1') | self.names('n2')
        self.assertEqual(pods, left)

    def test_a_token_that_nobody_knows(self: Any) -> None:
        said = self.trouble(self.plugin('stranger'))
        self.assertIn('did not list nodes: 401 Unauthorized', said)

    def test_nobody(self: Any) -> None:
        said = self.trouble(self.plugin('nobody'))
        self.assertIn('User "nobody" cannot list resource "nodes"', said)
        self.assertIn('steal-migrator-rbac.yaml', said)
