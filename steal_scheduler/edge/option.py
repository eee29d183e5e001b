"""Kinds of options that oslo.config does not have."""

import contextlib
import math
import re
from collections.abc import Callable
from typing import Any

from oslo_config import cfg, types


def number(name: str, default: float, allowed: str, help: str) -> cfg.Opt:
    """A number with bounds and a unit; its help tells them, once.

    ``number('slots', 2, '1 to 1000 servers', 'How many may move.')`` is an
    integer option whose help ends in ``* 1 to 1000 servers.``

    :param default: a float where the number may have a fraction
    :param allowed: bounds and unit, for a person; the bounds are read from it
    :param help: what it is, without its possible values
    """
    return cfg.Opt(
        name,
        type=Number(type(default), allowed),
        default=default,
        help=f'{help.rstrip()}\n\nPossible values:\n\n* {allowed}.\n',
    )


class Number(types.Number):
    """A number between two others; the error names value, bounds and unit.

    NOTE: oslo.config's own takes nan for a number between min and max, and
    makes an empty value None.
    """

    def __init__(self, kind: type[float], allowed: str) -> None:
        names = {int: 'integer value', float: 'floating point value'}
        low, _, high, _ = allowed.split(maxsplit=3)
        super().__init__(kind, names[kind], kind(low), kind(high))
        self._allowed = allowed

    def __call__(self, value: Any) -> Any:
        with contextlib.suppress(ValueError):
            number = super().__call__(value)
            if number is not None and not math.isnan(number):
                return number
        raise ValueError(f'{value!r} is not allowed. Give {self._allowed}')


def one_of(
    name: str, default: str, words: dict[str, str], help: str
) -> cfg.Opt:
    """One of some words, each with what it means.

    ``one_of('mode', 'soft', {'soft': 'cordon only', ...}, 'How it drains.')``
    """
    values = '* One of the words that are explained below.'
    return cfg.StrOpt(
        name,
        default=default,
        choices=list(words.items()),
        help=f'{help.rstrip()}\n\nPossible values:\n\n{values}\n',
    )


class Parsed(types.String):
    """A text that means something, such as a regular expression.

    What is asked for the option gets the meaning, and what it must be is
    said where all values are checked: with section, value and file.
    """

    def __init__(self, type_name: str, parse: Callable[[str], Any]) -> None:
        """Take what tells the meaning.

        :param parse: raises ValueError, whose text is what is wrong and what
            to do about it
        """
        super().__init__(type_name=type_name)
        self._parse = parse

    def __call__(self, value: object) -> Any:
        return self._parse(super().__call__(value))


def regex(text: str) -> Any:
    """A regular expression of Python; '' is none and stays as it is.

    :raises ValueError: it is none
    """
    try:
        return re.compile(text) if text else ''
    except re.error as error:
        raise ValueError(
            f'{text} is not a regular expression of Python: {error}'
        ) from error
