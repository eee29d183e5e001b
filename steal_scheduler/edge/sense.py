"""Whether an answer makes sense: a stranger may send anything of any type."""

import contextlib
import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import StealError

#: What code trips over that reads an answer as what it should be.
NONSENSE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    # Of JSON that is nested as deep as to end our stack.
    RecursionError,
    TypeError,
    ValueError,
)
#: No number of anybody's has more bits; what computes with it would fail.
_LARGE = 2**63

_Value = TypeVar('_Value')
_Check = Callable[[Any], bool]


@contextlib.contextmanager
def sensible(what: str, kind: type[StealError]) -> Iterator[None]:
    """Around what reads an answer: raise ours where it makes no sense.

    :param what: for a person: 'the answer of Octavia'
    """
    try:
        yield
    except NONSENSE as error:
        said = one_line(f'{type(error).__name__}: {error}', 200)
        raise kind(f'{what} makes no sense ({said})') from error


def typed(value: _Value) -> _Value:
    """The same dataclass, if each field is of the type that it promises.

    Who takes a text for a number fails later, and elsewhere.

    :raises TypeError: one is not; NaN and infinity are no numbers
    """
    kind: Any = type(value)
    for name, is_right in _checks(kind).items():
        if not is_right(getattr(value, name)):
            found = getattr(value, name)
            raise TypeError(f'{name} is {one_line(repr(found), 80)}')
    return value


@functools.cache
def _checks(kind: Any) -> Mapping[str, _Check]:
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    return {field.name: _check(hints[field.name]) for field in fields}


def _check(kind: Any) -> _Check:
    """What tells whether a value is of an annotated type."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return lambda value: True
    if kind is float:
        return lambda value: type(value) in (int, float) and _finite(value)
    if kind is int:
        return lambda value: type(value) is int and abs(value) < _LARGE
    if origin is None:
        return lambda value: isinstance(value, kind or type(None))
    checks = [_check(one) for one in inner if one is not Ellipsis]
    if origin in (typing.Union, types.UnionType):
        return lambda value: any(check(value) for check in checks)
    if issubclass(origin, Mapping):
        key, item = checks
        return lambda value: (
            isinstance(value, origin)
            and all(key(k) and item(v) for k, v in value.items())
        )
    return lambda value: (
        isinstance(value, origin) and all(map(checks[0], value))
    )


def _finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False
