"""The few calls that we make, each bounded, with values of ours.

Answers are read as JSON and not through the library's models: a list of
5,000 nodes takes a tenth of the time, and a field that is newer than the
library does no harm.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from steal_scheduler.orchestrators.kubernetes import objects
from steal_scheduler.orchestrators.kubernetes.connection import (
    Connection,
    said_by,
)
from steal_scheduler.orchestrators.kubernetes.eviction import (
    Eviction,
    explained,
)
from steal_scheduler.orchestrators.kubernetes.objects import (
    Budget,
    Json,
    Node,
    Pod,
)

#: Seconds that one drain or reattach may take, all its requests together.
LOOK = 8.0
#: Objects in one answer, as kubectl asks.
_PAGE = 500


class Conflict(Exception):
    """The node was changed by somebody else meanwhile."""


class KubernetesClient:
    """Lives as long as one look."""

    def __init__(self, connection: Connection, timeout: float) -> None:
        """Import the library; send nothing.

        :param timeout: seconds for one answer
        """
        from kubernetes.client import (
            ApiException,
            AppsV1Api,
            CoreV1Api,
            PolicyV1Api,
        )
        from urllib3.exceptions import HTTPError

        self._connection = connection
        self._timeout = timeout
        self._until = time.monotonic() + LOOK
        #: Whether they exist, as namespace/name.
        self._daemon_sets: dict[str, bool] = {}
        self._refused: type[Any] = ApiException
        self._trouble = (HTTPError, OSError, ValueError, KeyError)
        api = connection.api()
        self._core = CoreV1Api(api)
        self._apps = AppsV1Api(api)
        self._policy = PolicyV1Api(api)

    @property
    def seconds_left(self) -> float:
        return self._until - time.monotonic()

    def node(self, name: str) -> Node | None:
        """The node of this name, if there is one."""
        found = self._get(f'read node {name}', self._core.read_node, name)
        return None if found is None else objects.node(found)

    def nodes(self, selector: str = '') -> Iterator[Node]:
        """All nodes, or those with these labels."""
        call = self._core.list_node
        for said in self._pages('list nodes', call, label_selector=selector):
            yield objects.node(said)

    def change(self, node: Node, patch: Json) -> bool:
        """Patch a node; False if it is gone.

        :raises Conflict: it is not what it was
        """
        what = f'patch node {node.name}'
        try:
            self._ask(what, self._core.patch_node, node.name, patch)
        except self._refused as error:
            if error.status == 404:
                return False
            if error.status == 409:
                raise Conflict from error
            raise self._connection.failed(what, error) from error
        return True

    def pods_on(self, node: Node) -> list[Pod]:
        pods = self._pages(
            f'list the pods of {node.name}',
            self._core.list_pod_for_all_namespaces,
            field_selector=f'spec.nodeName={node.name}',
        )
        return [objects.pod(said) for said in pods]

    def budgets(self, namespace: str) -> list[Budget]:
        budgets = self._pages(
            f'list PodDisruptionBudgets of {namespace}',
            self._policy.list_namespaced_pod_disruption_budget,
            namespace,
        )
        return [objects.budget(said) for said in budgets]

    def has_daemon_set(self, namespace: str, name: str) -> bool:
        key = f'{namespace}/{name}'
        if key not in self._daemon_sets:
            call = self._apps.read_namespaced_daemon_set
            found = self._get(f'read DaemonSet {key}', call, name, namespace)
            self._daemon_sets[key] = found is not None
        return self._daemon_sets[key]

    def evict(self, pod: Pod, grace: int) -> Eviction:
        """Ask for it once.

        :param grace: seconds; less than 0 for the pod's own
        """
        options: dict[str, Any] = {
            # Another pod of this name may run elsewhere by now.
            'preconditions': {'uid': pod.uid}
        }
        if grace >= 0:
            options['gracePeriodSeconds'] = grace
        body = {
            'apiVersion': 'policy/v1',
            'kind': 'Eviction',
            'metadata': {'name': pod.name, 'namespace': pod.namespace},
            'deleteOptions': options,
        }
        what = f'evict {pod}'
        call = self._core.create_namespaced_pod_eviction
        try:
            self._ask(what, call, pod.name, pod.namespace, body)
        except self._refused as error:
            found = explained(pod, error.status, said_by(error) or {})
            if found is None:
                raise self._connection.failed(what, error) from error
            return found
        return Eviction()

    def _get(
        self, what: str, call: Callable[..., Any], *names: str
    ) -> Json | None:
        try:
            found: Json = self._ask(what, call, *names)
            return found
        except self._refused as error:
            if error.status == 404:
                return None
            raise self._connection.failed(what, error) from error

    def _pages(
        self, what: str, call: Callable[..., Any], *names: str, **query: str
    ) -> Iterator[Json]:
        asked: dict[str, Any] = {k: v for k, v in query.items() if v}
        while True:
            try:
                page = self._ask(what, call, *names, limit=_PAGE, **asked)
            except self._refused as error:
                raise self._connection.failed(what, error) from error
            try:
                found, more = page['items'], page['metadata'].get('continue')
            except (AttributeError, KeyError, TypeError) as error:
                nothing = ValueError('the answer is no list')
                raise self._connection.failed(what, nothing) from error
            yield from found
            if not more:
                return
            asked['_continue'] = more

    def _ask(
        self, what: str, call: Callable[..., Any], *args: Any, **query: Any
    ) -> Any:
        """Its JSON. What is no answer becomes an OrchestratorError."""
        seconds = min(self._timeout, self.seconds_left)
        if seconds <= 0:
            late = TimeoutError(
                f'one drain or reattach may take {LOOK:g} s in all'
            )
            raise self._connection.failed(what, late)
        try:
            answer = call(
                *args,
                **query,
                _preload_content=False,
                _request_timeout=(seconds, seconds),
            )
            return json.loads(answer.data)
        except self._trouble as error:
            raise self._connection.failed(what, error) from error
