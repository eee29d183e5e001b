"""Which pods of a node go, which stay, and which forbid the drain. Pure."""

import dataclasses
import datetime
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Self

from steal_scheduler.edge.text import one_line
from steal_scheduler.orchestrators.base import DONE, Answer, refused, waiting

Json = Mapping[str, Any]

#: What an eviction would lose, by the option that allows it all the same.
LOSSES = {
    'empty_dir': 'what they keep in an emptyDir would be lost',
    'unmanaged': 'nobody would start them again',
}
#: Seconds after its time to end is over until a pod is given up: what still
#: runs of it cannot be ended, and it serves nobody any more.
OVERDUE = 60.0
#: What an admission webhook says, or a policy, with any status.
_DENIED = re.compile('denied (the )?request')
#: Pods named in a sentence for the operator.
_NAMED = 4
#: What a cordoned node has, as a controller of Kubernetes writes it.
_CORDON = {
    'key': 'node.kubernetes.io/unschedulable',
    'value': '',
    'effect': 'NoSchedule',
}


@dataclasses.dataclass(frozen=True, slots=True)
class Pod:
    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str]
    phase: str
    ready: bool
    #: What starts it again: ReplicaSet/web-7d; empty if nothing does.
    controller: str
    #: That is a DaemonSet.
    daemon: bool
    #: It tolerates the taint of a cordon: once gone, it may come back.
    tolerant: bool
    #: A static pod: the kubelet's own, only shown in the API.
    mirror: bool
    #: When its time to end is over; None unless it was told to end.
    ends: float | None
    empty_dir: bool

    @classmethod
    def of(cls, said: Json) -> Self:
        """A pod as the API gives it, which leaves out what is empty."""
        about, spec = said['metadata'], said['spec']
        status = said.get('status', {})
        owners = about.get('ownerReferences', ())
        owner: Json = next((o for o in owners if o.get('controller')), {})
        # Somebody's own kind of that name starts its pods elsewhere.
        kind = owner.get('apiVersion'), owner.get('kind')
        ends = about.get('deletionTimestamp')
        return cls(
            namespace=about['namespace'],
            name=about['name'],
            uid=about['uid'],
            labels=about.get('labels', {}),
            phase=status.get('phase', ''),
            ready=any(
                (one['type'], one['status']) == ('Ready', 'True')
                for one in status.get('conditions', ())
            ),
            controller=(owner and f'{owner["kind"]}/{owner["name"]}') or '',
            daemon=kind == ('apps/v1', 'DaemonSet'),
            tolerant=any(map(_tolerates, spec.get('tolerations', ()))),
            mirror='kubernetes.io/config.mirror'
            in about.get('annotations', {}),
            ends=ends and datetime.datetime.fromisoformat(ends).timestamp(),
            empty_dir=any('emptyDir' in v for v in spec.get('volumes', ())),
        )

    def __str__(self) -> str:
        return f'{self.namespace}/{self.name}'

    @property
    def terminating(self) -> bool:
        return self.ends is not None

    @property
    def origin(self) -> str:
        """The same for a pod and what replaces it.

        One that nothing starts again may be made anew, by its name.
        """
        return f'{self.namespace}/{self.controller or f"Pod/{self.name}"}'


def _tolerates(toleration: Json) -> bool:
    """Whether it takes a cordon, as Toleration.ToleratesTaint has it.

    An empty key or effect takes all of them. Other operators compare numbers.
    """
    if toleration.get('effect', '') not in ('', _CORDON['effect']):
        return False
    if toleration.get('key', '') not in ('', _CORDON['key']):
        return False
    operator = toleration.get('operator') or 'Equal'
    equal = toleration.get('value', '') == _CORDON['value']
    return operator == 'Exists' or (operator == 'Equal' and equal)


@dataclasses.dataclass(frozen=True, slots=True)
class Division:
    """The pods of a node, but for those that stay as a matter of course."""

    #: To be evicted, or ending already and waited for.
    leaving: list[Pod]
    #: They would go if they did not come back, or if they could.
    staying: list[Pod]
    #: Why the node cannot be drained: each a sentence about pods.
    obstacles: list[str]


def divide(
    pods: Iterable[Pod],
    allowed: Collection[str],
    seen: Mapping[str, str],
    now: float,
) -> Division:
    """Decide as ``kubectl drain --ignore-daemonsets`` does, but for four.

    What has finished stays, with its logs. What tolerates a cordon stays as
    the pods of a DaemonSet do, which all tolerate it: it would come back, be
    evicted again, and so on for ever. So does the replacement of a pod that
    was here: its template names the node, say. And a pod that is ending
    already forbids nothing, since nothing of it is lost by our doing; it is
    waited for like the others, unless it is overdue.

    :param allowed: those options of LOSSES that say ``evict``
    :param seen: of the pods that were to leave so far, uid -> origin
    """
    leaving: list[Pod] = []
    staying: list[Pod] = []
    losers: dict[str, list[Pod]] = {option: [] for option in LOSSES}
    origins = {*seen.values()}
    for pod in pods:
        if _stays(pod):
            continue
        replaces = pod.uid not in seen and pod.origin in origins
        overdue = pod.ends is not None and now > pod.ends + OVERDUE
        if pod.tolerant or replaces or overdue:
            staying.append(pod)
        elif pod.terminating:
            leaving.append(pod)
        elif pod.empty_dir and 'empty_dir' not in allowed:
            losers['empty_dir'].append(pod)
        elif not pod.controller and 'unmanaged' not in allowed:
            losers['unmanaged'].append(pod)
        else:
            leaving.append(pod)
    obstacles = [
        f'{named(found)}: {LOSSES[option]} ({option} = evict allows it)'
        for option, found in losers.items()
        if found
    ]
    return Division(leaving, staying, obstacles)


def _stays(pod: Pod) -> bool:
    if pod.mirror or pod.daemon:
        return True
    # One that is held by a finalizer has somebody who still needs it.
    return pod.phase in ('Succeeded', 'Failed') and not pod.terminating


def explained(pod: Pod, status: int, said: Json) -> Answer | None:
    """What a failed eviction means; None: it says nothing about this pod.

    DONE where it goes, or is gone; WAITING where it is a matter of time.
    Statuses and causes are those of the API server's eviction.go.
    """
    message = one_line(said.get('message', ''), 300)
    causes = (said.get('details') or {}).get('causes') or ()
    reasons = {cause.get('reason'): cause for cause in causes}
    if _DENIED.search(message):
        # Some do so until they have made ready for it.
        return waiting(f'{pod}: {message}')
    if status in (404, 409):
        # Gone, or another pod has its name by now: the next look tells.
        return DONE
    if status == 429:
        text = reasons.get('DisruptionBudget', {}).get('message', message)
        name = re.match(r'The disruption budget (\S+) (.*)', text)
        if name:
            text = (
                f'held by PodDisruptionBudget {pod.namespace}/{name[1]} '
                f'({name[2]})'
            )
        return waiting(text or 'held: too many requests')
    if status == 403 and 'NamespaceTerminating' in reasons:
        return waiting(f'namespace {pod.namespace} is being deleted')
    if status == 500 and 'PodDisruptionBudget' in message:
        return refused(f'{pod}: {message}')
    return None


def origins(pods: Iterable[Pod]) -> dict[str, str]:
    """By uid: what knows each again, and what replaces it."""
    return {pod.uid: pod.origin for pod in pods}


def counted(pods: Sequence[Pod], more: str = '') -> str:
    """``2 pods: shop/db, shop/web``, or with more ``2 pods left: ...``."""
    words = [str(len(pods)), 'pod' if len(pods) == 1 else 'pods', more]
    return f'{" ".join(filter(None, words))}: {named(pods)}'


def named(pods: Sequence[Pod]) -> str:
    names = [str(pod) for pod in pods[:_NAMED]]
    if len(pods) > _NAMED:
        names.append(f'{len(pods) - _NAMED} more')
    return ', '.join(names)
