"""One node on its way out: cordon, evict, wait until it is well."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from oslo_log import log

from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.kubernetes import pods as kube_pods
from steal_scheduler.orchestrators.kubernetes.api import KubeApi
from steal_scheduler.orchestrators.kubernetes.mark import Mark, Marker
from steal_scheduler.orchestrators.kubernetes.objects import Budget, Node, Pod

LOG = log.getLogger(__name__)

#: Seconds kept for what comes after an eviction, of one look.
_RESERVE = 1.0


class Drain:
    """Takes one step of a drain. Holds no state of it: the mark does."""

    def __init__(self, options: Any, marker: Marker) -> None:
        self._options = options
        self._marker = marker
        self._soft = options.mode == 'soft'
        self._policy = kube_pods.Policy(
            empty_dir=options.empty_dir == 'evict',
            unmanaged=options.unmanaged == 'evict',
            finished=options.finished == 'evict',
        )

    def step(self, api: KubeApi, node: Node, server: Server) -> Answer:
        """Go on with a drain, or begin it.

        :raises Conflict: the node has changed: read it again
        """
        marker = self._marker
        holder = marker.server(node)
        if holder not in (None, server.server_id):
            return _no(
                f'node {node.name} is marked as that of server {holder} '
                f'({marker.label})'
            )
        mark = marker.read(node)
        if holder is None or (mark and mark.back is not None):
            return self._begin(api, node, server)
        if mark is None:
            return _no(f'node {node.name} has lost its {marker.annotation}')
        if not node.unschedulable:
            return _no(f'somebody uncordoned node {node.name}')
        if self._soft:
            return DONE
        answer = self._evict(api, node)
        if answer.state is State.DONE:
            return self._well(api, mark.budgets)
        return answer

    def _begin(self, api: KubeApi, node: Node, server: Server) -> Answer:
        """Nothing is touched unless all of it may go."""
        answer = self._limited(api, node)
        if answer is not None:
            return answer
        before: Mapping[str, int] = {}
        if not self._soft:
            plan = self._plan(api, node)
            budgets = self._budgets_of(api, plan.go)
            against = plan.against + kube_pods.several(plan.go, budgets)
            if against:
                return _no('; '.join(against))
            before = kube_pods.healthy_before(plan.go, budgets)
        mark = Mark(time.time(), not node.unschedulable, before)
        patch = self._marker.take_out(
            node, server.server_id, mark, taint=self._soft
        )
        if not api.change(node, patch):
            return _no(f'node {node.name} is gone')
        LOG.info(
            'Node %s is %s.',
            node.name,
            'cordoned' if mark.cordoned else 'marked; it was cordoned before',
            instance_uuid=server.server_id,
        )
        if self._soft:
            return DONE
        answer = self._evict(api, node)
        if answer.state is State.DONE:
            # The scheduler may have placed a pod there in that moment.
            return _wait(f'node {node.name} is cordoned: looking once more')
        return answer

    def _limited(self, api: KubeApi, node: Node) -> Answer | None:
        """The answer where too many are out already."""
        options = self._options
        out = [
            other
            for other in api.nodes(self._marker.label)
            if other.name != node.name
        ]
        if options.max_drained and len(out) >= options.max_drained:
            return _wait(
                f'{_names(out)} is out: max_drained = {options.max_drained}'
            )
        key = options.limit_label
        if not key:
            return None
        alike = [
            other
            for other in out
            if other.labels.get(key) == node.labels.get(key)
        ]
        if len(alike) < options.max_drained_per_label:
            return None
        return _wait(
            f'{_names(alike)} of {key}={node.labels.get(key, "")} is out: '
            f'max_drained_per_label = {options.max_drained_per_label}'
        )

    def _plan(self, api: KubeApi, node: Node) -> kube_pods.Plan:
        pods = api.pods_on(node)
        owners = {
            (pod.namespace, pod.daemon_set) for pod in pods if pod.daemon_set
        }
        exist = {
            f'{namespace}/{name}'
            for namespace, name in owners
            if api.has_daemon_set(namespace, name)
        }
        return kube_pods.plan(pods, self._policy, exist)

    def _evict(self, api: KubeApi, node: Node) -> Answer:
        """Ask every pod to go; DONE when none is left."""
        plan = self._plan(api, node)
        if plan.against:
            return _no('; '.join(plan.against))
        held = ''
        for pod in plan.go:
            if pod.terminating:
                continue
            if api.seconds_left < _RESERVE:
                break
            said = api.evict(pod, self._options.grace_period)
            if said.never:
                return _no(said.held)
            held = held or said.held
        left = len(plan.go)
        if not left:
            return DONE
        return _wait(
            f'{left} {"pod" if left == 1 else "pods"} left: '
            f'{kube_pods.named(plan.go)}{held and ", "}{held}'
        )

    def _well(self, api: KubeApi, before: Mapping[str, int]) -> Answer:
        """Whether the services whose pods were here are whole again."""
        if self._options.wait_for == 'nothing':
            return DONE
        replaced = self._options.wait_for == 'replacements'
        namespaces = sorted({name.partition('/')[0] for name in before})
        for namespace in namespaces:
            for budget in api.budgets(namespace):
                if str(budget) in before:
                    ill = kube_pods.not_well(
                        budget, before[str(budget)], replaced
                    )
                    if ill:
                        return _wait(ill)
        return DONE

    def _budgets_of(self, api: KubeApi, pods: Sequence[Pod]) -> list[Budget]:
        return [
            budget
            for namespace in sorted({pod.namespace for pod in pods})
            for budget in api.budgets(namespace)
        ]


def _names(nodes: Sequence[Node]) -> str:
    return ', '.join(node.name for node in nodes[:4])


def _no(detail: str) -> Answer:
    return Answer(State.REFUSED, detail)


def _wait(detail: str) -> Answer:
    return Answer(State.WAITING, detail)
