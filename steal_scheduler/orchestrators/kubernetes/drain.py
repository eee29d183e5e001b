"""The steps of a node's drain: cordon, evict, wait until it is well.

Each look takes one step. No state of a drain is held here: the mark of the
node does that.
"""

import time
from collections.abc import Mapping

from oslo_log import log

from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators import base
from steal_scheduler.orchestrators.base import DONE, Answer, refused, waiting
from steal_scheduler.orchestrators.kubernetes import nodes, pods
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
    holder = node.labels.get(nodes.LABEL)
    if holder not in (None, server.server_id):
        return refused(
            f'node {node.name} is marked as that of server {holder} '
            f'({nodes.LABEL})'
        )
    mark = nodes.read_mark(node)
    if holder is None or (mark and mark.back is not None):
        return _begin(client, node, server)
    if mark is None:
        return refused(f'node {node.name} has lost its {nodes.ANNOTATION}')
    if not node.unschedulable:
        return refused(f'somebody uncordoned node {node.name}')
    if client.options.mode == 'soft':
        return DONE
    answer = _evict(client, node)
    return _well(client, mark.budgets) if answer is DONE else answer


def _begin(
    client: KubernetesClient, node: nodes.Node, server: Server
) -> Answer:
    """Nothing is touched unless all of it may go."""
    limit = client.options.max_drained
    marked = client.nodes(nodes.LABEL)
    others = [other.name for other in marked if other.name != node.name]
    if limit and len(others) >= limit:
        return waiting(
            f'drained already: {", ".join(others[:4])}; '
            f'[{client.section}] max_drained = {limit}'
        )
    soft = client.options.mode == 'soft'
    before: Mapping[str, int] = {}
    if not soft:
        leaving, obstacles = _pods(client, node)
        budgets = client.budgets(pod.namespace for pod in leaving)
        obstacles += pods.several(leaving, budgets)
        if obstacles:
            return refused('; '.join(obstacles))
        before = pods.healthy_before(leaving, budgets)
    mark = nodes.NodeMark(time.time(), not node.unschedulable, before)
    patch = nodes.drain_patch(node, server.server_id, mark, taint=soft)
    answer = client.change(node, patch)
    if answer is not DONE:
        return answer
    LOG.info(
        'Node %s of server %s %s.',
        node.name,
        server.label,
        'cordoned' if mark.cordoned else 'marked; it was cordoned before',
        instance_uuid=server.server_id,
    )
    if soft:
        return DONE
    answer = _evict(client, node)
    if answer is DONE:
        # The scheduler may have placed a pod there in that moment.
        return waiting(f'node {node.name} is cordoned: looking once more')
    return answer


def _pods(
    client: KubernetesClient, node: nodes.Node
) -> tuple[list[pods.Pod], list[str]]:
    """Those that leave, and what forbids that."""
    found = client.pods_on(node)
    owners = {(p.namespace, p.daemon_set) for p in found if p.daemon_set}
    exist = {
        f'{namespace}/{name}'
        for namespace, name in owners
        if client.has_daemon_set(namespace, name)
    }
    options = client.options
    allowed = [name for name in pods.LOSSES if options[name] == 'evict']
    return pods.divide(found, exist, allowed)


def _evict(client: KubernetesClient, node: nodes.Node) -> Answer:
    """Ask every pod to go; DONE when none is left."""
    leaving, obstacles = _pods(client, node)
    if obstacles:
        return refused('; '.join(obstacles))
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
    left = len(leaving)
    if not left:
        return DONE
    return waiting(
        f'{left} {"pod" if left == 1 else "pods"} left: '
        f'{pods.named(leaving)}{held and ", "}{held}'
    )


def _well(client: KubernetesClient, before: Mapping[str, int]) -> Answer:
    """Whether the services whose pods were here are whole again."""
    if client.options.wait_for == 'nothing':
        return DONE
    replaced = client.options.wait_for == 'replacements'
    namespaces = (name.partition('/')[0] for name in before)
    for budget in client.budgets(namespaces):
        if str(budget) in before:
            ill = pods.not_well(budget, before[str(budget)], replaced)
            if ill:
                return waiting(ill)
    return DONE
