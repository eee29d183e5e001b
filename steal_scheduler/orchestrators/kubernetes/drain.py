"""The steps of a node's drain: cordon, evict, wait until it is well."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from oslo_log import log

from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import DONE, Answer, refused, waiting
from steal_scheduler.orchestrators.kubernetes import node_mark
from steal_scheduler.orchestrators.kubernetes import pods as kube_pods
from steal_scheduler.orchestrators.kubernetes.client import KubernetesClient
from steal_scheduler.orchestrators.kubernetes.node_mark import NodeMark
from steal_scheduler.orchestrators.kubernetes.objects import Budget, Node

LOG = log.getLogger(__name__)

#: Seconds kept for what comes after an eviction, of one look.
_RESERVE = 1.0


class Drain:
    """Takes one step of a drain. Holds no state of it: the mark does."""

    def __init__(
        self, options: Any, section: str, client: KubernetesClient
    ) -> None:
        self._client = client
        self._options = options
        self._section = section
        self._soft = options.mode == 'soft'
        self._allowed = [
            name
            for name in ('empty_dir', 'unmanaged')
            if options[name] == 'evict'
        ]

    def step(self, node: Node, server: Server) -> Answer:
        """Go on with a drain, or begin it.

        :raises Conflict: the node has changed: read it again
        """
        holder = node_mark.server_of(node)
        if holder not in (None, server.server_id):
            return refused(
                f'node {node.name} is marked as that of server {holder} '
                f'({node_mark.LABEL})'
            )
        mark = node_mark.read(node)
        if holder is None or (mark and mark.back is not None):
            return self._begin(node, server)
        if mark is None:
            return refused(
                f'node {node.name} has lost its {node_mark.ANNOTATION}'
            )
        if not node.unschedulable:
            return refused(f'somebody uncordoned node {node.name}')
        if self._soft:
            return DONE
        answer = self._evict(node)
        return self._well(mark.budgets) if answer is DONE else answer

    def _begin(self, node: Node, server: Server) -> Answer:
        """Nothing is touched unless all of it may go."""
        answer = self._limited(node)
        if answer is not None:
            return answer
        before: Mapping[str, int] = {}
        if not self._soft:
            found = self._pods(node)
            budgets = self._budgets(p.namespace for p in found.leaving)
            obstacles = found.obstacles + kube_pods.several(
                found.leaving, budgets
            )
            if obstacles:
                return refused('; '.join(obstacles))
            before = kube_pods.healthy_before(found.leaving, budgets)
        mark = NodeMark(time.time(), not node.unschedulable, before)
        patch = node_mark.drain_patch(
            node, server.server_id, mark, taint=self._soft
        )
        if not self._client.change(node, patch):
            return refused(f'node {node.name} is gone')
        LOG.info(
            'Node %s of server %s %s.',
            node.name,
            server.label,
            'cordoned' if mark.cordoned else 'marked; it was cordoned before',
            instance_uuid=server.server_id,
        )
        if self._soft:
            return DONE
        answer = self._evict(node)
        if answer is DONE:
            # The scheduler may have placed a pod there in that moment.
            return waiting(f'node {node.name} is cordoned: looking once more')
        return answer

    def _limited(self, node: Node) -> Answer | None:
        """The answer where too many are drained already."""
        limit = self._options.max_drained
        others = [
            other.name
            for other in self._client.nodes(node_mark.LABEL)
            if other.name != node.name
        ]
        if not limit or len(others) < limit:
            return None
        return waiting(
            f'drained already: {", ".join(others[:4])}; '
            f'[{self._section}] max_drained = {limit}'
        )

    def _pods(self, node: Node) -> kube_pods.DrainPods:
        pods = self._client.pods_on(node)
        owners = {(p.namespace, p.daemon_set) for p in pods if p.daemon_set}
        exist = {
            f'{namespace}/{name}'
            for namespace, name in owners
            if self._client.has_daemon_set(namespace, name)
        }
        return kube_pods.divide(pods, exist, self._allowed)

    def _evict(self, node: Node) -> Answer:
        """Ask every pod to go; DONE when none is left."""
        found = self._pods(node)
        if found.obstacles:
            return refused('; '.join(found.obstacles))
        held = ''
        for pod in found.leaving:
            if pod.terminating:
                continue
            if self._client.seconds_left < _RESERVE:
                break
            said = self._client.evict(pod, self._options.grace_period)
            if said.never:
                return refused(said.held)
            held = held or said.held
        left = len(found.leaving)
        if not left:
            return DONE
        return waiting(
            f'{left} {"pod" if left == 1 else "pods"} left: '
            f'{kube_pods.named(found.leaving)}{held and ", "}{held}'
        )

    def _well(self, before: Mapping[str, int]) -> Answer:
        """Whether the services whose pods were here are whole again."""
        if self._options.wait_for == 'nothing':
            return DONE
        replaced = self._options.wait_for == 'replacements'
        for budget in self._budgets(name.partition('/')[0] for name in before):
            if str(budget) in before:
                ill = kube_pods.not_well(budget, before[str(budget)], replaced)
                if ill:
                    return waiting(ill)
        return DONE

    def _budgets(self, namespaces: Iterable[str]) -> list[Budget]:
        return [
            budget
            for namespace in sorted(set(namespaces))
            for budget in self._client.budgets(namespace)
        ]
