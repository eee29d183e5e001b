"""Readings: two of the same may differ, and yet be of the same."""

from collections.abc import Sequence

#: By how much, as a share, and in cores, shares or seconds: they are not of
#: the same moment.
_APART = 0.1


def agree(values: Sequence[float], constant: bool) -> bool:
    """Whether these can be readings of one host.

    For example 3.9 and 4.1 cores in use; but not 64 and 48 cores that it has.

    :param constant: it does not change from one reading to the next
    """
    low, high = min(values, default=0.0), max(values, default=0.0)
    return high - low <= (0.0 if constant else _APART * (1 + abs(high)))
