"""Objects as a Kubernetes API shows them, its failures, and a kubeconfig."""

from collections.abc import Iterator
from typing import Any

from tests.standins.app import Answer

Json = dict[str, Any]


#: What the controller of DaemonSets gives their pods, whatever else they say.
TOLERATES_CORDON = {
    'key': 'node.kubernetes.io/unschedulable',
    'operator': 'Exists',
    'effect': 'NoSchedule',
}


def pod(name: str, node: str = 'n0', **other: Any) -> Json:
    """A pod of a ReplicaSet, as the API shows it; ready if it runs."""
    spec = {'nodeName': node, **other.pop('spec', {})}
    if other.get('kind') == 'DaemonSet':
        tolerations = spec.get('tolerations', [])
        spec['tolerations'] = [*tolerations, TOLERATES_CORDON]
    status = running() if other.get('phase') in (None, 'Running') else {}
    owner = {
        'apiVersion': 'apps/v1',
        'kind': other.pop('kind', 'ReplicaSet'),
        'name': 'owner',
        'controller': True,
    }
    return {
        'metadata': {
            'namespace': 'shop',
            'name': name,
            'uid': f'uid of {name}',
            'labels': {'app': name},
            'ownerReferences': [owner],
            **other.pop('metadata', {}),
        },
        'spec': spec,
        'status': {**status, **other},
    }


def running() -> Json:
    return {
        'phase': 'Running',
        'conditions': [{'type': 'Ready', 'status': 'True'}],
    }


def budget(
    name: str, app: str, *, namespace: str = 'shop', **status: Any
) -> Json:
    """A PodDisruptionBudget of the pods with this label ``app``."""
    return {
        'metadata': {'namespace': namespace, 'name': name},
        'spec': {
            'minAvailable': 2,
            'selector': {'matchLabels': {'app': app}},
        },
        'status': {
            'disruptionsAllowed': 1,
            'currentHealthy': 3,
            'desiredHealthy': 2,
            'expectedPods': 3,
            **status,
        },
    }


def uncounted(pods: list[Json]) -> Json:
    """Status of one that wants a share of the pods of a controller.

    :param pods: those of its selector, which have none that it can ask
    """
    status: Json = {
        'disruptionsAllowed': 0,
        'currentHealthy': len(pods),
        'desiredHealthy': 0,
        'expectedPods': 0,
    }
    if any('ownerReferences' in pod['metadata'] for pod in pods):
        failed = {
            'type': 'DisruptionAllowed',
            'status': 'False',
            'reason': 'SyncFailed',
            'message': 'configmaps does not implement the scale subresource',
        }
        status |= {'conditions': [failed], 'currentHealthy': 0}
    return status


def denied(name: str) -> Answer:
    """What a ValidatingAdmissionPolicy answers to what it forbids."""
    return failure(
        422,
        f'pods "{name}" is forbidden: ValidatingAdmissionPolicy \'deny\' with '
        "binding 'deny' denied request: wait",
        'Invalid',
    )


def kubeconfig(server: str, user: str = '', cluster: str = '') -> str:
    """The text of a kubeconfig file with one context, ``one``.

    :param user, cluster: more of each, as YAML
    """
    return (
        'clusters:\n'
        f'- {{name: c, cluster: {{server: "{server}", {cluster}}}}}\n'
        f'users: [{{name: u, user: {{{user}}}}}]\n'
        'contexts: [{name: one, context: {cluster: c, user: u}}]\n'
        'current-context: one\n'
    )


def key(found: Json) -> tuple[str, str]:
    about = found['metadata']
    return about.get('namespace', ''), about['name']


def selected(nodes: Any, selector: str) -> Iterator[Json]:
    """Those with this label, or with this value of it."""
    key, equals, value = selector.partition('=')
    for node in nodes:
        labels = node['metadata'].get('labels', {})
        if not key or (key in labels and value == labels[key] * bool(equals)):
            yield node


def tolerates_cordon(pod: Json) -> bool:
    return any(
        said.get('key') in (None, TOLERATES_CORDON['key'])
        and said.get('operator') == 'Exists'
        and said.get('effect') in (None, TOLERATES_CORDON['effect'])
        for said in pod['spec'].get('tolerations', ())
    )


def covers(budget: Json, pod: Json) -> bool:
    about = pod['metadata']
    wanted = budget['spec']['selector']['matchLabels']
    return (
        budget['metadata']['namespace'] == about['namespace']
        and wanted.items() <= about['labels'].items()
    )


def held(budget: Json) -> Answer | None:
    """Take one of the disruptions that it allows; 429 if there is none."""
    status, name = budget['status'], budget['metadata']['name']
    if status['disruptionsAllowed'] > 0:
        status['disruptionsAllowed'] -= 1
        return None
    cause = {
        'reason': 'DisruptionBudget',
        'message': f'The disruption budget {name} needs '
        f'{status["desiredHealthy"]} healthy pods and has '
        f'{status["currentHealthy"]} currently',
    }
    return failure(
        429,
        "Cannot evict pod as it would violate the pod's disruption budget.",
        'TooManyRequests',
        details={'causes': [cause]},
    )


def not_found(kind: str, name: str) -> Answer:
    return failure(404, f'{kind} "{name}" not found', 'NotFound')


def failure(code: int, message: str, reason: str = '', **more: Any) -> Answer:
    return code, {
        'kind': 'Status',
        'apiVersion': 'v1',
        'metadata': {},
        'status': 'Failure',
        'message': message,
        'reason': reason,
        'code': code,
        **more,
    }


def merge(into: Json, patch: Json) -> None:
    """As a merge patch does: null removes.

    A strategic one does the same to all that we write: a node's taints are an
    atomic list.
    """
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            merge(into.setdefault(key, {}), value)
        else:
            into[key] = value
