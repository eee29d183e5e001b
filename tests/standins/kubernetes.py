"""A stand-in for a Kubernetes API server, with the few calls we make.

It is written by hand, after what a real one (1.36) was seen to answer;
``tests/contract/kubernetes.py`` holds both to the same. Nothing happens by
itself: what was evicted is gone when the test says so (``end_pods``), and
controllers and kubelets work when it says so (``kubernetes_controllers.py``).
"""

import copy
import datetime
import re
import time
from typing import Any

from tests.standins import kubernetes_objects as objects
from tests.standins.app import Answer, Request, StandIn, route
from tests.standins.kubernetes_objects import Json

UUID = '9a1f0c5e-0000-4000-8000-000000000000'
TOKEN = 's3cr3t'

_CORE = '/api/v1'
_IN = '/namespaces/{}'


class Cluster(StandIn):
    """State that a test may read and change at any time."""

    def __init__(self) -> None:
        super().__init__()
        #: Nodes, pods and PodDisruptionBudgets, as the API shows them.
        self.nodes: dict[str, Json] = {}
        self.pods: list[Json] = []
        self.budgets: list[Json] = []
        #: What is in the template of pods, by namespace/name of its owner.
        self.templates: dict[str, Json] = {}
        #: How the names of pods begin whose eviction admission denies.
        self.denied: set[str] = set()
        #: Namespaces that somebody has deleted, and that still have pods.
        self.ending: set[str] = set()
        #: The names of users, by token; only 'admin' may do anything.
        self.users = {TOKEN: 'admin'}
        #: Objects on a page, if the client asks for more.
        self.page = 500
        #: Pods whose eviction was granted, as namespace/name, in order.
        self.evicted: list[str] = []

    # -- what a test reads and does ----------------------------------------

    def add_node(
        self,
        name: str,
        server_id: str = UUID,
        *,
        ready: bool = True,
        system_uuid: str = '',
        **spec: Any,
    ) -> None:
        """Add a node that takes pods, on the server of this id.

        :param server_id: empty for a node that does not tell
        :param spec: more of its specification
        """
        if server_id:
            spec.setdefault('providerID', f'openstack:///{server_id}')
        condition = {'type': 'Ready', 'status': str(ready)}
        self.nodes[name] = {
            'metadata': {'name': name, 'resourceVersion': '1'},
            'spec': spec,
            'status': {
                'conditions': [condition],
                'nodeInfo': {'systemUUID': system_uuid},
            },
        }

    def is_cordoned(self, name: str) -> bool:
        return bool(self.nodes[name]['spec'].get('unschedulable'))

    def cordon(self, name: str, on: bool = True) -> None:
        """As ``kubectl cordon`` and ``uncordon`` do."""
        patch = {'spec': {'unschedulable': True if on else None}}
        self.patch(self.nodes[name], patch)

    def patch(self, found: Json, patch: Json) -> None:
        """Change it as a merge patch does; one that changes it, renews it."""
        before = copy.deepcopy(found)
        objects.merge(found, patch)
        about = found['metadata']
        # A new one, whatever the patch says about it.
        version = before['metadata'].get('resourceVersion', '1')
        about['resourceVersion'] = version
        if found != before:
            about['resourceVersion'] = str(int(version) + 1)

    def pods_on(self, name: str) -> list[Json]:
        return [
            pod for pod in self.pods if pod['spec'].get('nodeName') == name
        ]

    def end_pods(self) -> None:
        """Let what was told to end be gone, as a kubelet does."""
        self.pods = [
            pod
            for pod in self.pods
            if 'deletionTimestamp' not in pod['metadata']
        ]

    # -- the calls ---------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        _, _, token = request.headers.get('authorization', '').partition(' ')
        user = self.users.get(token)
        if user is None:
            return objects.failure(401, 'Unauthorized')
        if user != 'admin':
            what = request.path.rpartition('/')[2]
            verb = 'list' if request.method == 'GET' else 'change'
            return objects.failure(
                403,
                f'{what} is forbidden: User "{user}" cannot {verb} resource '
                f'"{what}" in API group "" at the cluster scope',
            )
        return super().answer(request)

    def no_route(self, request: Request) -> Answer:
        return objects.failure(
            404, 'the server could not find the requested resource'
        )

    @route('GET', f'{_CORE}/nodes')
    def _list_nodes(self, request: Request) -> Answer:
        found = objects.selected(
            self.nodes.values(), request.query.get('labelSelector', '')
        )
        return self._listed(request, found)

    @route('GET', f'{_CORE}/nodes/{{}}')
    def _read_node(self, request: Request, name: str) -> Answer:
        node = self.nodes.get(name)
        return (
            objects.not_found('nodes', name) if node is None else (200, node)
        )

    @route('PATCH', f'{_CORE}/nodes/{{}}')
    def _patch_node(self, request: Request, name: str) -> Answer:
        node = self.nodes.get(name)
        if node is None:
            return objects.not_found('nodes', name)
        kind = request.headers['content-type']
        if not re.fullmatch(
            r'application/(strategic-)?merge-patch\+json', kind
        ):
            return objects.failure(415, f'the stand-in takes no {kind}')
        patch = request.json
        version = node['metadata']['resourceVersion']
        about = patch.get('metadata', {})
        if about.get('resourceVersion', version) != version:
            return objects.failure(
                409,
                f'Operation cannot be fulfilled on nodes "{name}": the object '
                'has been modified; please apply your changes to the latest '
                'version and try again',
                'Conflict',
            )
        self.patch(node, patch)
        return 200, node

    @route('DELETE', f'{_CORE}/nodes/{{}}')
    def _delete_node(self, request: Request, name: str) -> Answer:
        if self.nodes.pop(name, None) is None:
            return objects.not_found('nodes', name)
        return 200, {}

    @route('GET', f'{_CORE}/pods')
    def _list_pods(self, request: Request) -> Answer:
        field = request.query.get('fieldSelector', '')
        node = field.removeprefix('spec.nodeName=')
        return self._listed(request, self.pods_on(node) if node else self.pods)

    def pod(self, namespace: str, name: str) -> Json | None:
        for pod in self.pods:
            about = pod['metadata']
            if (about['namespace'], about['name']) == (namespace, name):
                return pod
        return None

    @route('GET', f'{_CORE}{_IN}/pods/{{}}')
    def _read_pod(self, request: Request, namespace: str, name: str) -> Answer:
        pod = self.pod(namespace, name)
        return objects.not_found('pods', name) if pod is None else (200, pod)

    @route('PATCH', f'{_CORE}{_IN}/pods/{{}}')
    def _patch_pod(
        self, request: Request, namespace: str, name: str
    ) -> Answer:
        pod = self.pod(namespace, name)
        if pod is None:
            return objects.not_found('pods', name)
        self.patch(pod, request.json)
        return 200, pod

    @route('POST', f'{_CORE}{_IN}/pods/{{}}/eviction')
    def _evict(self, request: Request, namespace: str, name: str) -> Answer:
        """As eviction.go has it, for a pod that runs."""
        if namespace in self.ending:
            cause = {
                'reason': 'NamespaceTerminating',
                'message': f'namespace {namespace} is being terminated',
            }
            details = {'causes': [cause]}
            return objects.failure(
                403, 'forbidden', 'Forbidden', details=details
            )
        pod = self.pod(namespace, name)
        if pod is None:
            return objects.not_found('pods', name)
        if any(map(name.startswith, self.denied)):
            return objects.denied(name)
        about = pod['metadata']
        options = request.json.get('deleteOptions', {})
        wanted = options.get('preconditions', {}).get('uid', about['uid'])
        if 'deletionTimestamp' in about or pod['status']['phase'] != 'Running':
            # No budget holds what goes anyhow, or does not serve.
            budgets = []
        else:
            budgets = [one for one in self.budgets if objects.covers(one, pod)]
        if len(budgets) > 1:
            return objects.failure(
                500,
                'This pod has more than one PodDisruptionBudget, which the '
                'eviction subresource does not support.',
            )
        if wanted != about['uid']:
            return objects.failure(
                409,
                f'Operation cannot be fulfilled on pods "{name}": the UID in '
                f'the precondition ({wanted}) does not match the UID in '
                f'record ({about["uid"]})',
                'Conflict',
            )
        held = objects.held(budgets[0]) if budgets else None
        if held:
            return held
        if 'deletionTimestamp' not in about:
            self.evicted.append(f'{namespace}/{name}')
        self.end(about)
        return 201, {'kind': 'Status', 'status': 'Success', 'code': 201}

    def end(self, about: Json) -> None:
        """Give it the 30 s that pods have that say nothing."""
        end = datetime.datetime.fromtimestamp(time.time() + 30, datetime.UTC)
        about.setdefault('deletionTimestamp', f'{end:%Y-%m-%dT%H:%M:%SZ}')

    @route('DELETE', f'{_CORE}{_IN}/pods/{{}}')
    def _delete_pod(
        self, request: Request, namespace: str, name: str
    ) -> Answer:
        pod = self.pod(namespace, name)
        if pod is None:
            return objects.not_found('pods', name)
        self.end(pod['metadata'])
        return 200, pod

    @route('GET', f'/apis/policy/v1{_IN}/poddisruptionbudgets')
    def _list_budgets(self, request: Request, namespace: str) -> Answer:
        found = [
            budget
            for budget in self.budgets
            if budget['metadata']['namespace'] == namespace
        ]
        return self._listed(request, found)

    def _listed(self, request: Request, found: Any) -> Answer:
        # As etcd has them: by namespace and name.
        items = sorted(found, key=objects.key)
        begin = int(request.query.get('continue') or 0)
        size = int(request.query.get('limit') or self.page)
        end = begin + min(size, self.page)
        more = {'continue': str(end)} if end < len(items) else {}
        return 200, {'metadata': more, 'items': items[begin:end]}
