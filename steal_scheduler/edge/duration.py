"""A duration as a person writes it on a command line: 30m, 2h, 1d12h."""

import argparse
import re

#: Of a duration, by its unit.
_UNITS = {'d': 86400, 'h': 3600, 'm': 60, 's': 1}
#: Longest one, in seconds; who means longer leaves it out.
_LONGEST = 3650 * 86400


def duration(text: str) -> int:
    """Of a duration: 5400 for '1h30m'. A number without a unit is none.

    :raises argparse.ArgumentTypeError: it is none, or out of all bounds
    """
    numbers = ''.join(rf'(?:(\d{{1,9}}){unit})?' for unit in _UNITS)
    found = re.fullmatch(numbers, text.strip().lower())
    seconds = sum(
        int(number or 0) * unit
        for number, unit in zip(
            found.groups() if found else (), _UNITS.values(), strict=False
        )
    )
    if not 0 < seconds <= _LONGEST:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no time of a second to 3650 days: write it like '
            '30m, 2h or 1d12h'
        )
    return seconds
