"""Real daemons do what their stand-ins do; see ``tests/contract``."""

from collections.abc import Callable
from typing import Any

import requests
import yaml

from tests.contract.kubernetes import ApiContract
from tests.contract.kubernetes_drain import DrainContract, PodsContract
from tests.contract.kubernetes_nodes import NodesContract
from tests.integration import daemons
from tests.integration.kubernetes import ADMIN, NOBODY
from tests.integration.kubernetes_case import INFO, KubernetesTest, start

setUpModule = start


class KubernetesCase(KubernetesTest):
    def kubeconfig_of(self, user: str = '') -> str:
        if user == 'nobody':
            return str(self.cluster.kubeconfig(NOBODY))
        if user == 'stranger':
            config = yaml.safe_load(self.kubeconfig.read_text())
            config['users'][0]['user'] = {'token': 'stranger'}
            path = self.directory() / 'stranger'
            path.write_text(yaml.safe_dump(config))
            return str(path)
        return str(self.kubeconfig)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        kind = 'merge-patch+json' if method == 'PATCH' else 'json'
        answer = requests.request(
            method,
            f'{self.cluster.url}{path}',
            json=body,
            headers={
                'Authorization': f'Bearer {self.cluster.token_of(ADMIN)}',
                'Content-Type': f'application/{kind}',
            },
            verify=str(self.cluster.cafile),
            timeout=30,
        )
        return answer.status_code, answer.json()

    def until(self, predicate: Callable[[], Any], what: str) -> Any:
        return daemons.until(what, predicate, 90)

    def daemon_set(self, name: str) -> None:
        self.cluster.apply(
            {
                'apiVersion': 'apps/v1',
                'kind': 'DaemonSet',
                'metadata': {'name': name, 'namespace': self.namespace},
                'spec': {
                    'selector': {'matchLabels': {'app': name}},
                    'template': {
                        'metadata': {'labels': {'app': name}},
                        'spec': {
                            'containers': [
                                {'name': 'app', 'image': 'example.test/app:1'}
                            ]
                        },
                    },
                },
            }
        )
        self.until(lambda: self.names(), f'{name} runs')

    def add_budget(self, name: str, app: str, least: int) -> None:
        self.budget(
            name, minAvailable=least, selector={'matchLabels': {'app': app}}
        )

    def bare_node(self, name: str, spec: Any, system_uuid: str = '') -> None:
        node = {'apiVersion': 'v1', 'kind': 'Node', 'metadata': {'name': name}}
        self.cluster.apply({**node, 'spec': spec})
        self.addCleanup(self.cluster.run, 'delete', 'node', name)
        info = {**INFO, 'systemUUID': system_uuid}
        patch = yaml.safe_dump({'status': {'nodeInfo': info}})
        self.cluster.kubectl(
            *('patch', 'node', name, '--subresource=status', '-p', patch)
        )

    def end_namespace(self) -> None:
        self.cluster.kubectl(
            'delete', 'namespace', self.namespace, '--wait=false'
        )


class TestApi(ApiContract, KubernetesCase):
    pass


class TestDrain(DrainContract, KubernetesCase):
    pass


class TestPods(PodsContract, KubernetesCase):
    pass


class TestNodes(NodesContract, KubernetesCase):
    pass
