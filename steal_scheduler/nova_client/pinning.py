"""Pinning: how many vCPUs of a server have a pCPU of their own.

Nova's rules, as its ``virt/hardware.py`` has them.

NOTE: the image's word (``hw_cpu_policy``) counts to Nova where the flavor has
none. Nova tells it from 2.98 on, and never of a server that was booted from a
volume: else such a server is taken for one that shares its CPUs.
"""

import re
from collections.abc import Mapping
from typing import Any


def dedicated(
    vcpus: int, flavor: Mapping[str, Any], image: Mapping[str, Any]
) -> int:
    """How many of so many vCPUs are pinned.

    Of 4 vCPUs all are with ``hw:cpu_policy=dedicated``, and two with
    ``hw:cpu_policy=mixed`` and a ``hw:cpu_dedicated_mask`` of ``2-3``.

    :param flavor: its extra specs
    :param image: its properties, as far as Nova tells them
    """
    own = sum(
        _number(said) or 0
        for key, said in flavor.items()
        # Of a numbered group it may be as well.
        if re.fullmatch(r'resources[\w-]*:PCPU', key)
    )
    if own:
        return min(own, vcpus)
    said = flavor.get('hw:cpu_policy') or image.get('hw_cpu_policy')
    policy = str(said).strip().lower()
    if policy == 'mixed':
        # One that is realtime says by another mask which are not.
        mask = flavor.get('hw:cpu_dedicated_mask')
        if mask is None:
            mask = image.get('hw_cpu_realtime_mask')
        if mask is None:
            mask = flavor.get('hw:cpu_realtime_mask', '')
        return len(_cpus(str(mask), vcpus))
    return vcpus if policy == 'dedicated' else 0


def _cpus(mask: str, vcpus: int) -> set[int]:
    """vCPUs that a mask names: ``0-3,^1``, or all but some: ``^0-1``.

    What is no number names none: then they count as shared, and are judged.
    """
    named, left_out = set[int](), set[int]()
    for part in mask.replace(' ', '').split(','):
        first, _, last = part.removeprefix('^').partition('-')
        low, high = _number(first), _number(last or first)
        if low is not None and high is not None:
            cpus = range(low, min(high, vcpus - 1) + 1)
            (left_out if part.startswith('^') else named).update(cpus)
    if mask.strip().startswith('^'):
        named.update(range(vcpus))
    return (named - left_out) & {*range(vcpus)}


def _number(said: Any) -> int | None:
    text = str(said).strip()
    return int(text) if text.isdecimal() and len(text) < 9 else None
