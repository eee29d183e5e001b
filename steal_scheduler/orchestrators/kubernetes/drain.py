"""The steps of a node's drain: cordon, evict, wait until it is well.

Each look takes one step. No state of a drain is held here: the mark of the
node does that.
"""

import dataclasses
import time
from collections.abc import Mapping, Sequence

from oslo_log import log

from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators import base
from steal_scheduler.orchestrators.base import DONE, Answer, refused, waiting
from steal_scheduler.orchestrators.kubernetes import (
    budgets,
    identity,
    nodes,
    pods,
)
from steal_scheduler.orchestrators.kubernetes.client import KubernetesClient

LOG = log.getLogger(__name__)

#: Seconds kept for what comes after an eviction, of one look.
_RESERVE = 1.0


def step(client: KubernetesClient, node: nodes.Node, server: Server) -> Answer:
    """Go on with a drain, or begin it.

    For example a node with the pods web and db: the first look cordons it and
    asks both to go, the next ones say ``2 pods left: shop/db, shop/web``, and
    the one that finds none waits for the budgets that they had.
    """
    if _is_begun(node, server):
        mark = nodes.read_mark(node)
        if mark is None:
            return refused(f'node {node.name} has lost its {nodes.ANNOTATION}')
        if not node.unschedulable:
            return refused(f'somebody uncordoned node {node.name}')
        if client.options.mode == 'soft':
            return DONE
        answer = _evict(client, node, mark)
        return _well(client, mark.budgets) if answer is DONE else answer
    plan = prepare(client, node, server)
    return plan if isinstance(plan, Answer) else _begin(client, plan, server)


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a drain would do that has not begun."""

    node: nodes.Node
    mark: nodes.NodeMark
    leaving: Sequence[pods.Pod]
    staying: Sequence[pods.Pod]

    def __str__(self) -> str:
        leaving, staying = self.leaving, self.staying
        text = f'evicts {pods.counted(leaving)}' if leaving else 'evicts none'
        if staying:
            text += f'; leaves there {pods.counted(staying)}'
        return f'node {self.node.name}; {text}'


def prepare(
    client: KubernetesClient, node: nodes.Node, server: Server
) -> Plan | Answer:
    """What would be done, or why it cannot be; nothing is touched."""
    holder = node.labels.get(nodes.LABEL)
    if holder not in (None, server.server_id):
        return refused(
            f'node {node.name} is marked as that of server {holder} '
            f'({nodes.LABEL})'
        )
    for taint in node.taints:
        if taint['key'] == nodes.AUTOSCALER_DELETES:
            return refused(f'the cluster-autoscaler deletes node {node.name}')
    limit = client.options.max_drained
    marked = client.nodes(nodes.LABEL)
    others = [
        other.name
        for other in marked
        if other.name != node.name and identity.is_out(other)
    ]
    if limit and len(others) >= limit:
        return waiting(
            f'drained already: {", ".join(others[:4])}; '
            f'[{client.section}] max_drained = {limit}'
        )
    mark = nodes.mark_of(node, time.time())
    if client.options.mode == 'soft':
        return Plan(node, mark, (), ())
    found = _pods(client, node, mark)
    healthy = client.budgets(pod.namespace for pod in found.leaving)
    obstacles = found.obstacles + budgets.forbid(found.leaving, healthy)
    if obstacles:
        return refused('; '.join(obstacles))
    mark = dataclasses.replace(
        mark,
        budgets=budgets.healthy_before(found.leaving, healthy),
        pods=pods.origins(found.leaving),
    )
    return Plan(node, mark, found.leaving, found.staying)


def _is_begun(node: nodes.Node, server: Server) -> bool:
    """Whether it is marked, and not on its way back."""
    mark = nodes.read_mark(node)
    return node.labels.get(nodes.LABEL) == server.server_id and not (
        mark and mark.back is not None
    )


def _begin(client: KubernetesClient, plan: Plan, server: Server) -> Answer:
    """Cordon the node, and ask all pods to go."""
    node, mark = plan.node, plan.mark
    soft = client.options.mode == 'soft'
    patch = nodes.drain_patch(node, server.server_id, mark, taint=soft)
    answer = client.change(node, patch)
    if answer is not DONE:
        return answer
    LOG.info(
        'Node %s of server %s %s.%s',
        node.name,
        server.label,
        'cordoned' if mark.cordoned else 'marked; it was cordoned before',
        f' These pods stay: {pods.named(plan.staying)}.'
        if plan.staying
        else '',
        instance_uuid=server.server_id,
    )
    if soft:
        return DONE
    if not plan.leaving:
        # The scheduler may have placed a pod there in that moment.
        return waiting(f'node {node.name} is cordoned: looking once more')
    return _ask_to_go(client, plan.leaving)


def _pods(
    client: KubernetesClient, node: nodes.Node, mark: nodes.NodeMark
) -> pods.Division:
    options = client.options
    allowed = [name for name in pods.LOSSES if options[name] == 'evict']
    found = client.pods_on(node)
    return pods.divide(found, allowed, mark.pods, time.time())


def _evict(
    client: KubernetesClient, node: nodes.Node, mark: nodes.NodeMark
) -> Answer:
    """Ask every pod to go; DONE when none is left."""
    found = _pods(client, node, mark)
    if found.obstacles:
        return refused('; '.join(found.obstacles))
    if not found.leaving:
        return DONE
    late = [pod for pod in found.leaving if pod.uid not in mark.pods]
    if late:
        # Before they go: whoever looks next knows what replaces them.
        known = {**mark.pods, **pods.origins(late)}
        patch = nodes.mark_patch(node, dataclasses.replace(mark, pods=known))
        answer = client.change(node, patch)
        if answer is not DONE:
            return answer
    return _ask_to_go(client, found.leaving)


def _ask_to_go(
    client: KubernetesClient, leaving: Sequence[pods.Pod]
) -> Answer:
    """Once for each pod, until it is granted."""
    held = ''
    for pod in leaving:
        if pod.terminating:
            continue
        if client.seconds_left < _RESERVE:
            break
        answer = client.evict(pod)
        if answer.state is base.State.REFUSED:
            return answer
        held = held or answer.detail
    return waiting(f'{pods.counted(leaving, "left")}{held and ", "}{held}')


def _well(client: KubernetesClient, before: Mapping[str, int]) -> Answer:
    """Whether the services whose pods were here are whole again."""
    if client.options.wait_for == 'nothing':
        return DONE
    replaced = client.options.wait_for == 'replacements'
    namespaces = (name.partition('/')[0] for name in before)
    for budget in client.budgets(namespaces):
        if str(budget) in before:
            ill = budgets.not_well(budget, before[str(budget)], replaced)
            if ill:
                return waiting(ill)
    return DONE
