"""What controllers, scheduler and kubelets do in a stand-in's cluster.

They do it when they are told to, all of it at once: so a test, or a
simulation, decides how long they take. See ``kubernetes.py``.
"""

import itertools
from typing import Any

from tests.standins.kubernetes import Cluster
from tests.standins.kubernetes_objects import (
    Json,
    budget,
    covers,
    pod,
    running,
    tolerates_cordon,
    uncounted,
)

_numbers = itertools.count()
_TAINT = {
    'key': 'node.kubernetes.io/unschedulable',
    'effect': 'NoSchedule',
}


def deploy(
    cluster: Cluster,
    name: str,
    replicas: int,
    *,
    namespace: str = 'shop',
    least: int | None = None,
    **spec: Any,
) -> None:
    """Run pods of a ReplicaSet, one a node where that can be.

    :param least: what their PodDisruptionBudget keeps; None for no budget
    """
    _start(cluster, name, namespace, 'ReplicaSet', spec, replicas)
    if least is not None:
        add_budget(cluster, name, name, least, namespace=namespace)


def job(cluster: Cluster, name: str, namespace: str, **spec: Any) -> None:
    """Run a pod until it succeeds, which it never does."""
    _start(cluster, name, namespace, 'Job', spec)


def _start(
    cluster: Cluster,
    name: str,
    namespace: str,
    kind: str,
    spec: Json,
    pods: int = 1,
) -> None:
    cluster.templates[f'{namespace}/{name}'] = spec
    for _ in range(pods):
        _place(cluster, _pod(name, namespace, kind, spec))


def add_budget(
    cluster: Cluster,
    name: str,
    app: str,
    least: int | str,
    *,
    namespace: str,
) -> None:
    """Add a PodDisruptionBudget, or change the one of that name.

    :param least: a share only for pods without a controller
    """
    made = budget(name, app, namespace=namespace)
    made['spec']['minAvailable'] = least
    same = made['metadata']
    cluster.budgets = [b for b in cluster.budgets if b['metadata'] != same]
    cluster.budgets.append(made)
    _count(cluster)


def daemon_set(cluster: Cluster, name: str, namespace: str) -> None:
    """Run a pod on each node."""
    for node in cluster.nodes:
        made = _pod(name, namespace, 'DaemonSet', {'nodeName': node})
        cluster.pods.append(made)


def settle(cluster: Cluster) -> None:
    """Let all of them do what there is to do."""
    for node in cluster.nodes.values():
        _taint(cluster, node)
    for each in cluster.pods:
        if each['metadata']['namespace'] in cluster.ending:
            cluster.end(each['metadata'])
    for each in [*cluster.pods]:
        about = each['metadata']
        if 'activeDeadlineSeconds' in each['spec']:
            # It is over.
            each['status'] = {'phase': 'Failed'}
        if 'deletionTimestamp' not in about:
            continue
        each['status']['phase'] = 'Succeeded'
        if about.get('finalizers'):
            continue
        cluster.pods.remove(each)
        _replace(cluster, each)
    for each in cluster.pods:
        if 'nodeName' not in each['spec']:
            cluster.pods.remove(each)
            _place(cluster, each)
    _count(cluster)


def _taint(cluster: Cluster, node: Json) -> None:
    """A cordon becomes a taint, somewhat later."""
    taints = [t for t in node['spec'].get('taints', ()) if t != _TAINT]
    if node['spec'].get('unschedulable'):
        taints.append(_TAINT)
    cluster.patch(node, {'spec': {'taints': taints or None}})


def _replace(cluster: Cluster, gone: Json) -> None:
    about = gone['metadata']
    if about['namespace'] in cluster.ending:
        return
    for owner in about.get('ownerReferences', ()):
        name, namespace = about['labels']['app'], about['namespace']
        # A DaemonSet's is for the same node.
        spec = cluster.templates.get(f'{namespace}/{name}', gone['spec'])
        _place(cluster, _pod(name, namespace, owner['kind'], spec))


def _pod(name: str, namespace: str, kind: str, spec: Json) -> Json:
    number = next(_numbers)
    made = pod(f'{name}-{number}', kind=kind, spec=spec)
    if 'nodeName' not in spec:
        del made['spec']['nodeName']
    made['metadata'].update(namespace=namespace, labels={'app': name})
    made['metadata']['ownerReferences'][0]['name'] = name
    return made


def _place(cluster: Cluster, made: Json) -> None:
    """Let the scheduler look for a node; without one the pod is pending."""
    spec = made['spec']
    wanted = spec.get('nodeSelector', {}).get('kubernetes.io/hostname')
    fit = [
        name
        for name in cluster.nodes
        if wanted in (None, name)
        and (not cluster.is_cordoned(name) or tolerates_cordon(made))
    ]
    if 'nodeName' not in spec and fit:
        labels = made['metadata']['labels']

        def fullness(node: str) -> tuple[int, int]:
            there = [p['metadata']['labels'] for p in cluster.pods_on(node)]
            return there.count(labels), len(there)

        spec['nodeName'] = min(fit, key=fullness)
    made['status'] = running() if 'nodeName' in spec else {'phase': 'Pending'}
    cluster.pods.append(made)


def _count(cluster: Cluster) -> None:
    """Let the disruption controller count the pods of each budget."""
    for each in cluster.budgets:
        found = [p for p in cluster.pods if covers(each, p)]
        healthy = [
            p
            for p in found
            if p['status']['phase'] == 'Running'
            and 'deletionTimestamp' not in p['metadata']
        ]
        desired = each['spec']['minAvailable']
        if isinstance(desired, str):
            each['status'] = uncounted(found)
            continue
        each['status'] = {
            'expectedPods': len(found),
            'currentHealthy': len(healthy),
            'desiredHealthy': desired,
            'disruptionsAllowed': max(0, len(healthy) - desired),
        }
