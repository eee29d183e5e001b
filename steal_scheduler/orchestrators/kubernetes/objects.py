"""What we read of nodes, pods and budgets, as frozen values.

The builders take the API's JSON. Fields that it leaves out when they are
empty are empty here; one that it never leaves out raises KeyError.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    name: str
    #: resourceVersion: a patch that names it fails if the node has changed.
    version: str
    provider_id: str
    system_uuid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    unschedulable: bool
    taints: tuple[Json, ...]
    #: Its kubelet reports, and says so.
    ready: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Pod:
    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str]
    phase: str
    #: Something starts it again, as the ReplicaSet web-7d.
    managed: bool
    #: The name of the DaemonSet that does.
    daemon_set: str | None
    #: A static pod: the kubelet's own, only shown in the API.
    mirror: bool
    #: It was told to end.
    terminating: bool
    empty_dir: bool

    def __str__(self) -> str:
        return f'{self.namespace}/{self.name}'

    @property
    def finished(self) -> bool:
        return self.phase in ('Succeeded', 'Failed')


@dataclasses.dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget, in pods."""

    namespace: str
    name: str
    #: A label selector; None selects nothing, an empty one everything.
    selector: Json | None
    healthy: int
    desired: int
    expected: int
    #: Its numbers belong to what it says now.
    current: bool

    def __str__(self) -> str:
        return f'{self.namespace}/{self.name}'

    def selects(self, pod: Pod) -> bool:
        if pod.namespace != self.namespace or self.selector is None:
            return False
        wanted = self.selector.get('matchLabels') or {}
        return wanted.items() <= pod.labels.items() and all(
            _holds(term, pod.labels)
            for term in self.selector.get('matchExpressions') or ()
        )


def _holds(term: Json, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(term['key']), term.get('values') or ()
    return {
        'In': value in values,
        'NotIn': value not in values,
        'Exists': value is not None,
        'DoesNotExist': value is None,
    }[term['operator']]


def node(said: Json) -> Node:
    about, spec = said['metadata'], said.get('spec', {})
    status = said.get('status', {})
    return Node(
        name=about['name'],
        version=about['resourceVersion'],
        provider_id=spec.get('providerID', ''),
        system_uuid=status.get('nodeInfo', {}).get('systemUUID', ''),
        labels=about.get('labels', {}),
        annotations=about.get('annotations', {}),
        unschedulable=spec.get('unschedulable', False),
        taints=tuple(spec.get('taints', ())),
        ready=any(
            (one['type'], one['status']) == ('Ready', 'True')
            for one in status.get('conditions', ())
        ),
    )


def pod(said: Json) -> Pod:
    about = said['metadata']
    owner: Json = next(
        (o for o in about.get('ownerReferences', ()) if o.get('controller')),
        {},
    )
    kind = owner.get('apiVersion'), owner.get('kind')
    return Pod(
        namespace=about['namespace'],
        name=about['name'],
        uid=about['uid'],
        labels=about.get('labels', {}),
        phase=said.get('status', {}).get('phase', ''),
        managed=bool(owner),
        # Somebody's own kind of that name starts its pods elsewhere.
        daemon_set=owner['name'] if kind == ('apps/v1', 'DaemonSet') else None,
        mirror='kubernetes.io/config.mirror' in about.get('annotations', {}),
        terminating='deletionTimestamp' in about,
        empty_dir=any(
            'emptyDir' in volume for volume in said['spec'].get('volumes', ())
        ),
    )


def budget(said: Json) -> Budget:
    about, status = said['metadata'], said.get('status', {})
    return Budget(
        namespace=about['namespace'],
        name=about['name'],
        selector=said.get('spec', {}).get('selector'),
        healthy=status.get('currentHealthy', 0),
        desired=status.get('desiredHealthy', 0),
        expected=status.get('expectedPods', 0),
        current=status.get('observedGeneration', 0)
        >= about.get('generation', 0),
    )
