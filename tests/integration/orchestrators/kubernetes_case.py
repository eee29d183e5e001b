"""What the tests of the kubernetes orchestrator share.

It has the rights of etc/kubernetes/steal-migrator-rbac.yaml and no others.
"""

import itertools
import pathlib
from collections.abc import Callable
from typing import Any

import requests
import yaml

from steal_scheduler.orchestrators.kubernetes.nodes import SCALE_DOWN
from tests.contract.kubernetes import (
    ANNOTATION,
    LABEL,
    UUIDS,
    KubernetesContract,
)
from tests.integration import daemons, kubernetes
from tests.integration.daemons import until
from tests.integration.kubectl import ADMIN, CONTAINER, NOBODY

ROOT = pathlib.Path(__file__).parents[3]
KUBECONFIG = ROOT / 'etc/kubernetes/steal-migrator.kubeconfig'
PAGE = ROOT / 'doc/source/configuration/kubernetes.rst'

#: What the API server wants to know of every node.
INFO = dict.fromkeys(
    (
        *('machineID', 'systemUUID', 'bootID', 'kernelVersion', 'osImage'),
        *('containerRuntimeVersion', 'kubeletVersion', 'kubeProxyVersion'),
        *('operatingSystem', 'architecture'),
    ),
    '',
)

POLICY = 'ValidatingAdmissionPolicy'
#: What a policy names them.
EVICTIONS = {
    'apiGroups': [''],
    'apiVersions': ['v1'],
    'operations': ['CREATE'],
    'resources': ['pods/eviction'],
}

_numbers = itertools.count()


def _admission(kind: str, name: str) -> dict[str, Any]:
    version = 'admissionregistration.k8s.io/v1'
    return {
        'apiVersion': version,
        'kind': kind,
        'metadata': {'name': name},
    }


def set_up() -> Callable[[], None]:
    """Return the ``setUpModule`` of the module that calls this."""
    return kubernetes.set_up(UUIDS)


class KubernetesTest(KubernetesContract, daemons.TestCase):
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
        for annotation in (ANNOTATION, SCALE_DOWN):
            kubectl('annotate', 'nodes', *UUIDS, f'{annotation}-')
        kubectl(
            *('delete', 'ds,deploy,rs,job,pdb,pods', '--all'),
            *('-n', self.namespace, '--force', '--grace-period=0'),
        )
        until('the nodes take pods', self._are_untainted)

    def _are_untainted(self) -> bool:
        """Whether a controller has seen that nobody cordons any node."""
        nodes = self.cluster.get('nodes', *UUIDS)['items']
        return not any('taints' in node['spec'] for node in nodes)

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

    def ask(
        self, method: str, path: str, body: Any = None
    ) -> tuple[int, dict[str, Any]]:
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
        return until(what, predicate)

    def pods(self, name: str = '') -> list[dict[str, Any]]:
        """Those of this test, on this node."""
        where = f'--field-selector=spec.nodeName={name}' if name else '-A'
        found = self.cluster.get('pods', '-n', self.namespace, where)
        return [
            pod
            for pod in found['items']
            if pod['metadata']['namespace'] == self.namespace
        ]

    def deploy(self, name: str, replicas: int, **other: Any) -> None:
        self.cluster.deploy(name, replicas, namespace=self.namespace, **other)

    def job(self, name: str, **pod: Any) -> None:
        template = {
            'metadata': {'labels': {'app': name}},
            'spec': {
                'restartPolicy': 'Never',
                'terminationGracePeriodSeconds': 1,
                'containers': [CONTAINER],
                **pod,
            },
        }
        self.cluster.apply(
            {
                'apiVersion': 'batch/v1',
                'kind': 'Job',
                'metadata': {'name': name, 'namespace': self.namespace},
                'spec': {'template': template},
            }
        )

        def runs() -> bool:
            phases = [pod['status'].get('phase') for pod in self.pods()]
            return 'Running' in phases

        self.until(runs, f'{name} runs')

    def pod(self, name: str, node: str, **spec: Any) -> None:
        owners = []
        if spec.pop('controller', False):
            # Every namespace has it.
            owner = {'kind': 'ConfigMap', 'name': 'kube-root-ca.crt'}
            found = self.cluster.get(*owner.values(), '-n', self.namespace)
            uid = found['metadata']['uid']
            about = {'apiVersion': 'v1', 'uid': uid, 'controller': True}
            owners.append({**owner, **about})
        metadata = {
            'name': name,
            'namespace': self.namespace,
            'labels': {'app': name},
            'ownerReferences': owners,
            'finalizers': spec.pop('finalizers', []),
        }
        self.addCleanup(self.release, name)
        self.cluster.apply(
            {
                'apiVersion': 'v1',
                'kind': 'Pod',
                'metadata': metadata,
                'spec': {
                    'nodeName': node,
                    'terminationGracePeriodSeconds': 1,
                    'containers': [CONTAINER],
                    **spec,
                },
            }
        )
        self.wait_phase(name, 'Running', 'Failed')

    def static_pod(self, name: str, node: str, **spec: Any) -> None:
        path = self.cluster.static_pods(node) / f'{self.namespace}.yaml'
        pod = {
            'apiVersion': 'v1',
            'kind': 'Pod',
            'metadata': {'name': name, 'namespace': self.namespace},
            'spec': {
                'terminationGracePeriodSeconds': 1,
                'containers': [CONTAINER],
                **spec,
            },
        }
        path.write_text(yaml.safe_dump(pod))
        self.addCleanup(path.unlink, missing_ok=True)
        shown = f'{name}-{node}'
        self.until(lambda: shown in self.names(node), f'{shown} is shown')
        self.wait_phase(shown, 'Running')

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

        until(f'pod {name} is {phases}', phase)

    def deny_evictions(self, app: str) -> Callable[[], None]:
        """By a policy of this namespace; it is in force on return."""
        here = f'request.namespace == "{self.namespace}"'
        self.cluster.apply(
            {
                **_admission(POLICY, self.namespace),
                'spec': {
                    'matchConstraints': {'resourceRules': [EVICTIONS]},
                    'matchConditions': [{'name': 'here', 'expression': here}],
                    'validations': [
                        {
                            'expression': f'!request.name.startsWith("{app}")',
                            'message': 'wait',
                        }
                    ],
                },
            }
        )
        self.cluster.apply(
            {
                **_admission(
                    'ValidatingAdmissionPolicyBinding', self.namespace
                ),
                'spec': {
                    'policyName': self.namespace,
                    'validationActions': ['Deny'],
                },
            }
        )
        pods = [pod['metadata']['name'] for pod in self.pods()]
        one = min(name for name in pods if name.startswith(app))
        self.until(
            lambda: self.evict(one, dry=True)[0] == 422, 'it is in force'
        )

        def allow() -> None:
            kinds = (
                'validatingadmissionpolicybinding,validatingadmissionpolicy'
            )
            self.cluster.run('delete', kinds, self.namespace)

        return allow

    def add_budget(self, name: str, app: str, least: int | str) -> None:
        self.cluster.add_budget(name, app, least, self.namespace)

    def daemon_set(self, name: str, **pod: Any) -> None:
        self.cluster.daemon_set(name, self.namespace, **pod)
        self.until(
            lambda: any(name in each for each in self.names()), f'{name} runs'
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
