"""What PodDisruptionBudgets say of a drain, before it and after. Pure."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from steal_scheduler.edge.sense import typed
from steal_scheduler.edge.text import one_line
from steal_scheduler.orchestrators.kubernetes.pods import Pod

Json = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Term:
    """For example ``tier In (web, db)``."""

    key: str
    operator: str
    #: NOTE: no ``Sequence``, or a text would be one.
    values: list[str]

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether it is true of these labels.

        :raises KeyError: nobody knows such an operator
        """
        value = labels.get(self.key)
        return {
            'In': value in self.values,
            'NotIn': value not in self.values,
            'Exists': value is not None,
            'DoesNotExist': value is None,
        }[self.operator]


@dataclasses.dataclass(frozen=True, slots=True)
class Selector:
    """A label selector: one that says nothing selects everything."""

    labels: Mapping[str, str]
    terms: tuple[Term, ...]

    @classmethod
    def of(cls, said: Json) -> Self:
        """As the API gives it.

        :raises TypeError, LookupError, AttributeError: it makes no sense
        """
        terms = [
            Term(one['key'], one['operator'], one.get('values') or [])
            for one in said.get('matchExpressions') or ()
        ]
        for term in terms:
            typed(term).holds({})
        return typed(cls(said.get('matchLabels') or {}, tuple(terms)))

    def selects(self, labels: Mapping[str, str]) -> bool:
        return self.labels.items() <= labels.items() and all(
            term.holds(labels) for term in self.terms
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget, in pods."""

    namespace: str
    name: str
    #: None selects nothing.
    selector: Selector | None
    healthy: int
    desired: int
    expected: int
    #: Its numbers belong to what it says now.
    current: bool
    #: Why the cluster cannot count its pods; empty if it can.
    fault: str

    @classmethod
    def of(cls, said: Json) -> Self:
        about, status = said['metadata'], said.get('status', {})
        selector = said.get('spec', {}).get('selector')
        return cls(
            namespace=about['namespace'],
            name=about['name'],
            selector=None if selector is None else Selector.of(selector),
            healthy=status.get('currentHealthy', 0),
            desired=status.get('desiredHealthy', 0),
            expected=status.get('expectedPods', 0),
            current=status.get('observedGeneration', 0)
            >= about.get('generation', 0),
            fault=next(
                (
                    one_line(one.get('message', ''), 200) or one['reason']
                    for one in status.get('conditions', ())
                    if one.get('reason') == 'SyncFailed'
                ),
                '',
            ),
        )

    def __str__(self) -> str:
        return f'{self.namespace}/{self.name}'

    def selects(self, pod: Pod) -> bool:
        return (
            pod.namespace == self.namespace
            and self.selector is not None
            and self.selector.selects(pod.labels)
        )


def forbid(pods: Iterable[Pod], budgets: Sequence[Budget]) -> list[str]:
    """Say which pods can never be evicted, because of their budgets.

    The API server answers 500 to those of two, and 429 to the others, until
    somebody changes the budget or what it counts. To find out by evicting
    would empty the node of all the others for nothing. A pod that does not
    run yet, or not any more, has no use of its budget.

    :param pods: those that are to go
    """
    found = []
    for pod in pods:
        if pod.phase != 'Running' or pod.terminating:
            continue
        own = [budget for budget in budgets if budget.selects(pod)]
        if len(own) > 1:
            found.append(
                f'{pod} has more than one PodDisruptionBudget '
                f'({", ".join(map(str, own))}): the eviction API takes one'
            )
        elif own and (why := _never(own[0], pod)):
            found.append(f'{pod}: PodDisruptionBudget {own[0]} {why}')
    return found


def _never(budget: Budget, pod: Pod) -> str:
    """Why it would hold the pod even if all of its pods were healthy.

    Of one that is not ready that is not sure: some budgets let it go.
    """
    if budget.fault:
        return f'cannot be counted, and so allows no eviction: {budget.fault}'
    if not (pod.ready and budget.current and budget.healthy):
        return ''
    if not budget.expected:
        return (
            'is a share of the pods of a controller, which these do not have, '
            'and so never allows an eviction'
        )
    if budget.desired >= budget.expected:
        return (
            f'wants {budget.desired} healthy pods of {budget.expected}, and '
            'so never allows an eviction'
        )
    return ''


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
