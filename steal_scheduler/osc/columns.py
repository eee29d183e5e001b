"""Columns: for a person with units, for a program as steal-api said it.

What stands in them may be a tenant's or a stranger's text, so what cannot be
printed is written as an escape, in every format: ``-f value`` is read on
terminals, too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cliff import columns

from steal_scheduler.edge.text import one_line

#: What a person reads where nothing is known.
NOTHING = '-'


def escaped(value: Any) -> Any:
    r"""The same with escapes for what cannot be printed, at any depth.

    ``'a\x1b[2J'`` is ``'a\\x1b[2J'``, four characters for the first one.
    """
    if isinstance(value, str):
        return ''.join(
            c if c.isprintable() else c.encode('unicode_escape').decode()
            for c in value
        )
    if isinstance(value, dict):
        return {str(escaped(k)): escaped(v) for k, v in value.items()}
    if isinstance(value, list):
        return [escaped(each) for each in value]
    return value


def line(value: Any) -> str:
    """One printable line of it, for a person."""
    return one_line(escaped(str(value)))


#: What becomes of a value that has not the shape that it should have.
_ANOTHER_SHAPE = (
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
)


class _Value(columns.FormattableColumn):
    """A value of steal-api; None is not known."""

    def human_readable(self) -> str:
        value = self._value
        if value is None or value == [] or value == {} or value == '':
            return NOTHING
        try:
            return self.shown(value)
        except _ANOTHER_SHAPE:
            return line(value)

    def machine_readable(self) -> Any:
        return escaped(self._value)

    @staticmethod
    def shown(value: Any) -> str:
        """What a person reads of a value that is known."""
        return line(value)

    def __lt__(self, other: Any) -> bool:
        """Sort for ``--sort-column``: what is not known comes first."""
        mine, others = self._value, other._value
        if mine is None or others is None:
            return mine is None and others is not None
        return bool(mine < others)


class Text(_Value):
    """Words, a name, a time."""


class Until(_Value):
    """A time; the last one that there is stands for none."""

    @staticmethod
    def shown(value: Any) -> str:
        return 'somebody ends it' if value[:4] == '9999' else line(value)


class Flag(_Value):
    @staticmethod
    def shown(value: Any) -> str:
        return 'yes' if value else 'no'


class Share(_Value):
    """0 to 1; a person reads percent."""

    @staticmethod
    def shown(value: Any) -> str:
        return f'{value:.1%}'


class Number(_Value):
    """Cores, a load."""

    @staticmethod
    def shown(value: Any) -> str:
        return f'{value:.2f}'


class Percent(_Value):
    @staticmethod
    def shown(value: Any) -> str:
        return f'{value:.0f}%'


class Mebibytes(_Value):
    @staticmethod
    def shown(value: Any) -> str:
        return (
            f'{value:.0f} MiB' if value < 10240 else f'{value / 1024:.1f} GiB'
        )


class Seconds(_Value):
    @staticmethod
    def shown(value: Any) -> str:
        return f'{value:.1f} s'


class CoreSeconds(_Value):
    """Of cores for which nobody had to wait, or had to."""

    @staticmethod
    def shown(value: Any) -> str:
        if abs(value) < 3600:
            return f'{value:.0f} core-seconds'
        return f'{value / 3600:.1f} core-hours'


class Counts(_Value):
    """Numbers by their names: 'helped 3, failed 1'."""

    @staticmethod
    def shown(value: Any) -> str:
        return ', '.join(
            f'{line(name)} {number:g}' for name, number in value.items()
        )


class Settings(_Value):
    """By key, a value and where it comes from."""

    @staticmethod
    def shown(value: Any) -> str:
        return '\n'.join(
            line(f'{key} = {each["value"]} ({each["source"]})')
            for key, each in value.items()
        )


class Reasons(_Value):
    @staticmethod
    def shown(value: Any) -> str:
        return '\n'.join(line(reason(each)) for each in value)


class Servers(_Value):
    """Of a host: a line for each."""

    @staticmethod
    def shown(value: Any) -> str:
        return '\n'.join(line(_server(each)) for each in value)


class Pauses(_Value):
    @staticmethod
    def shown(value: Any) -> str:
        return '\n'.join(line(_pause(each)) for each in value)


class Moves(_Value):
    """One move, or none."""

    @staticmethod
    def shown(value: Any) -> str:
        return ', '.join(
            f'{key.replace("_", " ")} {line(value[key])}'
            for key in _OF_A_MOVE
            if value.get(key) is not None
        )


_OF_A_MOVE = (
    *('outcome', 'stage', 'since', 'ended_at', 'source', 'target', 'reason'),
    *('waits', 'trouble'),
)


def reason(each: Mapping[str, Any]) -> str:
    """Of a reason and its detail: 'locked: it is locked'."""
    first = each.get('reason') or each.get('zone') or each.get('scarce')
    known = [each.get('scarce'), each.get('detail')]
    more = [str(text) for text in known if text and text != first]
    return ': '.join([str(first), *more])


def _server(each: Mapping[str, Any]) -> str:
    said = f'{each["name"]} ({each["server_id"]})'
    if each.get('state'):
        said += f' {each["state"]}'
    return f'{said}; {reason(each)}' if each.get('reason') else said


def _pause(each: Mapping[str, Any]) -> str:
    where = ' '.join(str(each[k]) for k in ('scope', 'name') if each.get(k))
    until = f'until {each["until"]}' if each.get('until') else 'until resumed'
    why = f' ({each["reason"]})' if each.get('reason') else ''
    return f'{where} {until}{why}'


class Column(NamedTuple):
    title: str
    #: In what steal-api says.
    key: str
    kind: Callable[[Any], Any] = Text
    #: Shown with --long only.
    long: bool = False


Shape = Sequence[Column]


def listed(
    shape: Shape, rows: Iterable[Mapping[str, Any]], long: bool = True
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """What a Lister returns."""
    wanted = [column for column in shape if long or not column.long]
    return (
        tuple(column.title for column in wanted),
        [tuple(c.kind(row.get(c.key)) for c in wanted) for row in rows],
    )


def shown(
    shape: Shape, item: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """What a ShowOne returns."""
    titles, [row] = listed(shape, [item])
    return titles, row
