"""Which pods of a node go, which stay, and which forbid the drain. Pure."""

import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Self

from steal_scheduler.orchestrators.base import DONE, Answer, refused, waiting

Json = Mapping[str, Any]

#: What an eviction would lose, by the option that allows it all the same.
LOSSES = {
    'empty_dir': 'what they keep in an emptyDir would be lost',
    'unmanaged': 'nobody would start them again',
}
#: Pods named in a sentence for the operator.
_NAMED = 4


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

    @classmethod
    def of(cls, said: Json) -> Self:
        """A pod as the API gives it, which leaves out what is empty."""
        about, spec = said['metadata'], said['spec']
        owners = about.get('ownerReferences', ())
        owner: Json = next((o for o in owners if o.get('controller')), {})
        # Somebody's own kind of that name starts its pods elsewhere.
        kind = owner.get('apiVersion'), owner.get('kind')
        of_daemon_set = kind == ('apps/v1', 'DaemonSet')
        notes = about.get('annotations', {})
        return cls(
            namespace=about['namespace'],
            name=about['name'],
            uid=about['uid'],
            labels=about.get('labels', {}),
            phase=said.get('status', {}).get('phase', ''),
            managed=bool(owner),
            daemon_set=owner['name'] if of_daemon_set else None,
            mirror='kubernetes.io/config.mirror' in notes,
            terminating='deletionTimestamp' in about,
            empty_dir=any('emptyDir' in v for v in spec.get('volumes', ())),
        )

    def __str__(self) -> str:
        return f'{self.namespace}/{self.name}'


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

    @classmethod
    def of(cls, said: Json) -> Self:
        about, status = said['metadata'], said.get('status', {})
        return cls(
            namespace=about['namespace'],
            name=about['name'],
            selector=said.get('spec', {}).get('selector'),
            healthy=status.get('currentHealthy', 0),
            desired=status.get('desiredHealthy', 0),
            expected=status.get('expectedPods', 0),
            current=status.get('observedGeneration', 0)
            >= about.get('generation', 0),
        )

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


def divide(
    pods: Iterable[Pod], daemon_sets: Collection[str], allowed: Collection[str]
) -> tuple[list[Pod], list[str]]:
    """Decide as ``kubectl drain --ignore-daemonsets`` does.

    Two things differ. What has finished stays, with its logs. And a pod that
    is ending already forbids nothing: nothing of it is lost by our doing. It
    is waited for like the others.

    :param daemon_sets: those that exist, as namespace/name
    :param allowed: those options of LOSSES that say ``evict``
    :returns: those to be evicted, or ending already and waited for; and why
        the node can not be drained: each a sentence about pods
    """
    leaving: list[Pod] = []
    losers: dict[str, list[Pod]] = {option: [] for option in LOSSES}
    for pod in pods:
        if _stays(pod, daemon_sets):
            continue
        # A DaemonSet that exists keeps its pods: this one's is gone.
        comes_back = pod.managed and not pod.daemon_set
        if pod.terminating:
            leaving.append(pod)
        elif pod.empty_dir and 'empty_dir' not in allowed:
            losers['empty_dir'].append(pod)
        elif not comes_back and 'unmanaged' not in allowed:
            losers['unmanaged'].append(pod)
        else:
            leaving.append(pod)
    return leaving, [
        f'{named(found)}: {LOSSES[option]} ({option} = evict allows it)'
        for option, found in losers.items()
        if found
    ]


def _stays(pod: Pod, daemon_sets: Collection[str]) -> bool:
    if pod.mirror:
        return True
    if pod.phase in ('Succeeded', 'Failed'):
        # One that is held by a finalizer has somebody who still needs it.
        return not pod.terminating
    return f'{pod.namespace}/{pod.daemon_set}' in daemon_sets


def several(pods: Iterable[Pod], budgets: Sequence[Budget]) -> list[str]:
    """Say which pods can never be evicted, having two budgets.

    The API server answers 500 to that. A pod that does not run yet, or not
    any more, has no use of its budget.
    """
    return [
        f'{pod} has more than one PodDisruptionBudget '
        f'({", ".join(map(str, found))}): the eviction API takes one'
        for pod in pods
        if pod.phase == 'Running' and not pod.terminating
        if len(found := [b for b in budgets if b.selects(pod)]) > 1
    ]


def healthy_before(
    pods: Sequence[Pod], budgets: Iterable[Budget]
) -> dict[str, int]:
    """The budgets to be waited for, with the healthy pods that they have.

    ``{'shop/web': 3}``: when web has a pod here, and 3 healthy ones of the 2
    that it wants. With 1 of 2 it is not waited for.

    A budget that is broken before anything was evicted is none of ours: if
    it forbids an eviction the API server says so, and if not, to wait for
    it would only keep the node out longer.

    :param pods: those that are to go
    """
    return {
        str(budget): budget.healthy
        for budget in budgets
        if budget.healthy >= budget.desired
        and any(budget.selects(pod) for pod in pods)
    }


def not_well(budget: Budget, before: int, replaced: bool) -> str:
    """Say what a budget is short of; empty if nothing.

    Of a budget that wants 2 healthy pods and had 3 before, 2 are enough; if
    ``replaced``, it has to have 3 again, or 2 where its Deployment was scaled
    down to 2 meanwhile.

    :param before: the healthy pods that it had
    :param replaced: it must have as many as before, or as many as it expects
        by now
    """
    needed = budget.desired
    if replaced:
        needed = max(needed, min(before, budget.expected))
    if not budget.current:
        return f'PodDisruptionBudget {budget} is being counted'
    if budget.healthy >= needed:
        return ''
    return (
        f'PodDisruptionBudget {budget} has {budget.healthy} healthy pods of '
        f'{needed}'
    )


def explained(pod: Pod, status: int, said: Json) -> Answer | None:
    """What a failed eviction means; None: it says nothing about this pod.

    DONE where it goes, or is gone; WAITING where it is a matter of time.
    Statuses and causes are those of the API server's eviction.go.
    """
    message = ' '.join(str(said.get('message', '')).split())[:200]
    causes = (said.get('details') or {}).get('causes') or ()
    reasons = {cause.get('reason'): cause for cause in causes}
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


def named(pods: Sequence[Pod]) -> str:
    names = [str(pod) for pod in pods[:_NAMED]]
    if len(pods) > _NAMED:
        names.append(f'{len(pods) - _NAMED} more')
    return ', '.join(names)
