"""Series that name the same host: of one host, or of two of one name.

One store may hold several regions, and their hosts have the same names.
Nobody knows which label tells regions apart, but a host that two jobs scrape
tells the same twice: so series of a host that agree are of one host, and the
others are of nobody, until a selector says which.
"""

from collections.abc import Container, Iterable
from typing import Any

from steal_scheduler.edge.text import one_line, several


def told_apart(label: str, series: Iterable[Any]) -> str:
    """In which labels series of one host differ, and what to do about it.

    :param label: the one that names the host, the last to tell clouds apart
    :returns: for example ``2 series name it, which differ in region (eu1,
        eu2). Set [prometheus] selector, ...``
    """
    found = [one['metric'] for one in series]
    values = {
        name: sorted({one_line(labels.get(name, '')) for labels in found})
        for name in sorted({name for labels in found for name in labels})
    }
    differ = {name: said for name, said in values.items() if len(said) > 1}
    named = ', '.join(
        f'{name} ({several([value or "none" for value in said])})'
        for name, said in differ.items()
    )
    other = next((name for name in differ if name != label), label)
    value = next(filter(None, differ.get(other, ())), '...')
    return (
        f'{len(found)} series name it, which differ in {named}. Set '
        '[prometheus] selector, so that only those of this cloud are read, '
        f'for example to {other}="{value}"'
    )


def ambiguous(
    label: Any, names: Container[str], series: Iterable[Any]
) -> dict[str, str]:
    """The same of each host of several.

    :param label: the ``labels.Label`` that names a host
    :param names: those that series name which do not agree
    """
    groups: dict[str, list[Any]] = {}
    for one in series:
        if (name := label.read(one)) in names:
            groups.setdefault(name, []).append(one)
    return {n: told_apart(label.name, group) for n, group in groups.items()}
