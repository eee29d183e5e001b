"""The stand-in of Kubernetes does what Kubernetes does."""

import pathlib
from collections.abc import Callable
from typing import Any

import fixtures
import requests
from oslotest import base

from tests.contract.kubernetes import UUIDS, ApiContract
from tests.contract.kubernetes_drain import DrainContract, PodsContract
from tests.contract.kubernetes_field import OthersContract, StayingContract
from tests.contract.kubernetes_nodes import NodesContract
from tests.standins import kubernetes_controllers as controllers
from tests.standins.kubernetes import TOKEN, Cluster
from tests.standins.kubernetes_objects import kubeconfig, pod
from tests.standins.transport import mounted

URL = 'http://192.0.2.1:6443'


class StandInTest(base.BaseTestCase):
    namespace = 'shop'

    def setUp(self) -> None:
        super().setUp()
        self.cluster = Cluster()
        for name, server_id in UUIDS.items():
            self.cluster.add_node(name, server_id)
        self.cluster.users['t0k3n'] = 'nobody'
        self.enterContext(mounted({URL: self.cluster}))
        self.files = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def kubeconfig_of(self, user: str = '') -> str:
        token = {'': TOKEN, 'nobody': 't0k3n', 'stranger': 'x'}[user]
        path = self.files / f'{user}.kubeconfig'
        insecure = 'insecure-skip-tls-verify: true'
        path.write_text(kubeconfig(URL, f'token: {token}', insecure))
        return str(path)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        kind = 'merge-patch+json' if method == 'PATCH' else 'json'
        answer = requests.request(
            method,
            f'{URL}{path}',
            json=body,
            headers={
                'Authorization': f'Bearer {TOKEN}',
                'Content-Type': f'application/{kind}',
            },
        )
        return answer.status_code, answer.json()

    def until(self, predicate: Callable[[], Any], what: str) -> Any:
        """Controllers work between two looks."""
        for _ in range(20):
            if found := predicate():
                return found
            controllers.settle(self.cluster)
        self.fail(f'not so: {what}')

    def deploy(
        self, name: str, replicas: int, budget: int | None = None, **spec: Any
    ) -> None:
        controllers.deploy(self.cluster, name, replicas, least=budget, **spec)

    def daemon_set(self, name: str) -> None:
        controllers.daemon_set(self.cluster, name, self.namespace)

    def job(self, name: str, **spec: Any) -> None:
        controllers.job(self.cluster, name, self.namespace, **spec)

    def pod(self, name: str, node: str, **spec: Any) -> None:
        controller = spec.pop('controller', False)
        made = pod(name, node, spec=spec)
        if not controller:
            del made['metadata']['ownerReferences']
        made['metadata']['finalizers'] = spec.pop('finalizers', [])
        self.cluster.pods.append(made)

    def static_pod(self, name: str, node: str, **spec: Any) -> None:
        self.pod(f'{name}-{node}', node, **spec)
        mirror = {'kubernetes.io/config.mirror': 'x'}
        self.cluster.pods[-1]['metadata']['annotations'] = mirror

    def deny_evictions(self, app: str) -> Callable[[], None]:
        self.cluster.denied.add(app)
        return self.cluster.denied.clear

    def add_budget(self, name: str, app: str, least: int | str) -> None:
        controllers.add_budget(
            self.cluster, name, app, least, namespace=self.namespace
        )

    def bare_node(self, name: str, spec: Any, system_uuid: str = '') -> None:
        self.cluster.add_node(
            name, '', ready=False, system_uuid=system_uuid, **spec
        )

    def end_namespace(self) -> None:
        self.cluster.ending.add(self.namespace)


class TestApi(ApiContract, StandInTest):
    pass


class TestDrain(DrainContract, StandInTest):
    pass


class TestPods(PodsContract, StandInTest):
    pass


class TestStaying(StayingContract, StandInTest):
    pass


class TestOthers(OthersContract, StandInTest):
    pass


class TestNodes(NodesContract, StandInTest):
    pass
