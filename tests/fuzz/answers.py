"""Answers of others, mutated: a right value, or an error of ours.

Whatever Nova, Prometheus, Kubernetes, Consul, Octavia or Keystone say, a call
of ours returns what its types promise, or raises what it documents, with one
printable line for a person; it asks no more often than a page needs; and of a
list one bad item costs itself.
"""

import dataclasses
import functools
import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any

from steal_scheduler.edge.sense import typed
from steal_scheduler.model.pause import Pause
from tests.fuzz import driver, mutate
from tests.fuzz.edges import EDGES, Edge
from tests.fuzz.mutate import Mutation
from tests.standins.app import Answer, Request

#: Answers after which a paging has no end.
ENDLESS = 100
#: Characters of an error: it is a line of a log.
LONGEST = 2_000


@dataclasses.dataclass(frozen=True)
class Case:
    """One call, and what is wrong with the answers to it."""

    edge: str
    door: str
    events: tuple[Mutation, ...]


class Endless(Exception):
    """A client asks on and on."""


@functools.cache
def _right(edge: str, door: str) -> tuple[int, Any]:
    """Right answers: how many there are, and what comes of them."""
    with EDGES[edge]() as made:
        value = made.doors[door]()
        return sum(len(app.asked) for app in made.apps), value


@functools.cache
def _doors(edge: str) -> tuple[str, ...]:
    with EDGES[edge]() as made:
        return tuple(made.doors)


def drawn(seed: int) -> Case:
    rng = random.Random(seed)
    edge = rng.choice([*EDGES])
    door = rng.choice(_doors(edge))
    calls, _ = _right(edge, door)
    some = rng.choice((1, 1, 1, 2, 3))
    return Case(
        edge, door, tuple(mutate.drawn(rng, calls) for _ in range(some))
    )


def play(case: Case) -> driver.Ended:
    counts = Counter({f'of {case.edge}': 1})
    with driver.quiet(), EDGES[case.edge]() as edge:
        wrong = _Wrong(edge, case.events)
        try:
            value = edge.doors[case.door]()
        except edge.allowed as error:
            counts['errors'] = 1
            violation = _unclear(error) or wrong.cost(case, None)
        except Exception as error:
            violation = driver.described(error)
        else:
            counts['values'] = 1
            violation = wrong.untrue(value) or wrong.cost(case, value)
    if violation:
        # The door stands in the case.
        violation = f'{case.edge}: {violation}'
    return driver.Ended(violation, counts)


class _Wrong:
    """Mutates what the apps answer."""

    def __init__(self, edge: Edge, mutations: Collection[Mutation]) -> None:
        self._edge = edge
        self._mutations = mutations
        self._calls = 0
        #: Where each answer was mutated, and whether nothing else was.
        self._paths: list[tuple[mutate.Path, str]] = []
        for app in edge.apps:
            app.answer = functools.partial(  # type: ignore[method-assign]
                self._answer, app.answer
            )

    def _answer(
        self, right: Callable[[Request], Answer], request: Request
    ) -> Answer:
        if self._calls > ENDLESS:
            raise TimeoutError if self._edge.timed else Endless
        status, body, *more = right(request)
        for each in self._mutations:
            if each.call not in (-1, self._calls) or isinstance(body, bytes):
                continue
            sent, path = mutate.mutated(body, each)
            self._paths.append((path, each.how))
            body = sent
        self._calls += 1
        headers = more[0] if more else {}
        return status, body, {'Content-Type': 'application/json', **headers}

    @staticmethod
    def untrue(value: Any) -> str:
        if fits_itself(value):
            return ''
        return f'a value of another type than its own\n{value!r:.500}'

    def cost(self, case: Case, value: Any) -> str:
        """What one bad item of a list has cost besides itself."""
        name = self._edge.lists.get(case.door)
        if name is None or len(self._paths) != 1:
            return ''
        [(where, how)] = self._paths
        if name not in where:
            return ''
        at = where.index(name) + 1
        # The list itself, or its order, is no item.
        if len(where) <= at + self._edge.objects or how == 'turn':
            return ''
        _, right = _right(case.edge, case.door)
        lost = _missing(right, value)
        return f'one bad item cost {lost} others' if lost > 0 else ''


def _missing(right: Any, found: Any) -> int:
    """How many are missing besides the bad one."""
    if isinstance(right, list):
        return sum(one not in (found or []) for one in right) - 1
    # Signals: what is known of the others.
    lost = 0
    for name in ('servers', 'hosts', 'guests'):
        known = getattr(found, name, {})
        before = getattr(right, name)
        gone = sum(known.get(key) != one for key, one in before.items())
        lost += max(gone - 1, 0)
    return lost


def _unclear(error: Exception) -> str:
    said = str(error)
    if not said.isprintable() or len(said) < 10:
        return f'{type(error).__name__} is no printable line\n{said!r:.500}'
    if len(said) > LONGEST:
        return f'{type(error).__name__} is too long\n{said!r:.200}'
    return ''


def fits_itself(value: Any) -> bool:
    """Whether the fields of all dataclasses in it are of their types."""
    inside: Collection[Any] = ()
    if isinstance(value, Pause):
        # It is one without an end, whatever else it says.
        return True
    if dataclasses.is_dataclass(value):
        try:
            typed(value)
        except TypeError:
            return False
        names = [field.name for field in dataclasses.fields(value)]
        inside = [getattr(value, name) for name in names]
    elif isinstance(value, Mapping):
        inside = [*value, *value.values()]
    elif isinstance(value, list | tuple | frozenset):
        inside = value
    return all(map(fits_itself, inside))


def told(counts: Counter[str]) -> str:
    of = ', '.join(
        f'{n} {name}' for name, n in counts.items() if name.startswith('of ')
    )
    return (
        f'{of}; {counts["values"]} values, {counts["errors"]} errors of ours'
    )


KIND = driver.Kind('Answers', drawn, play, told)
