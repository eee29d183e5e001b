"""Manifests of what runs in a cluster, as Python has them."""

from collections.abc import Mapping
from typing import Any

from tests.integration import daemons
from tests.integration.kubectl import Kubectl


def deployment(
    name: str,
    replicas: int,
    *,
    namespace: str = 'default',
    **pod: Any,
) -> dict[str, Any]:
    """Return a Deployment that spreads over the nodes.

    Its name is the label ``app`` of its pods.

    :param pod: more of the specification of its pods
    """
    labels = {'app': name}
    spread = {
        'maxSkew': 1,
        'topologyKey': 'kubernetes.io/hostname',
        'whenUnsatisfiable': 'ScheduleAnyway',
        'labelSelector': {'matchLabels': labels},
    }
    template = {
        'metadata': {'labels': labels},
        'spec': {
            'containers': [{'name': 'app', 'image': 'example.test/app:1'}],
            'topologySpreadConstraints': [spread],
            **pod,
        },
    }
    return {
        'apiVersion': 'apps/v1',
        'kind': 'Deployment',
        'metadata': {'name': name, 'namespace': namespace},
        'spec': {
            'replicas': replicas,
            'selector': {'matchLabels': labels},
            'template': template,
        },
    }


def budget(
    name: str, least: int, *, namespace: str = 'default'
) -> dict[str, Any]:
    """Return a PodDisruptionBudget for the Deployment of its name."""
    return {
        'apiVersion': 'policy/v1',
        'kind': 'PodDisruptionBudget',
        'metadata': {'name': name, 'namespace': namespace},
        'spec': {
            'minAvailable': least,
            'selector': {'matchLabels': {'app': name}},
        },
    }


def wait_deployed(
    kubectl: Kubectl, name: str, namespace: str, within: float
) -> None:
    """Wait until all pods of a Deployment are ready, and its budget.

    :param within: seconds
    """

    def ready() -> bool:
        (found,) = _items(kubectl, 'deployment', name, namespace)
        status = found['status']
        pods = status.get('readyReplicas', 0), status.get('replicas', 0)
        return (
            _is_up_to_date(found)
            and pods == (found['spec']['replicas'],) * 2
            and all(
                # Before it has counted them it allows no eviction.
                _is_up_to_date(each)
                and each['status']['currentHealthy']
                == each['status']['expectedPods']
                > 0
                for each in _items(kubectl, 'pdb', name, namespace)
            )
        )

    daemons.until(f'{name} is deployed', ready, within)


def _items(
    kubectl: Kubectl, kind: str, name: str, namespace: str
) -> list[Mapping[str, Any]]:
    """Return the objects of that name: one, or none."""
    name_is = f'--field-selector=metadata.name={name}'
    found: list[Mapping[str, Any]] = kubectl.get(
        kind, name_is, '-n', namespace
    )['items']
    return found


def _is_up_to_date(found: Mapping[str, Any]) -> bool:
    """Whether a controller has seen it as it is now."""
    seen = found.get('status', {}).get('observedGeneration')
    return bool(seen == found['metadata']['generation'])
