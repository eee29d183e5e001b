"""Objects as a Kubernetes API shows them, and a kubeconfig file."""

from typing import Any

Json = dict[str, Any]


def pod(name: str, node: str = 'n0', **other: Any) -> Json:
    """A pod of a ReplicaSet, as the API shows it."""
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
        'spec': {'nodeName': node, **other.pop('spec', {})},
        'status': {'phase': 'Running', **other},
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
