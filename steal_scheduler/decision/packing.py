"""Packing: whether servers find places on hosts, all of them at once."""

from collections.abc import Iterator, Sequence

import numpy as np

from steal_scheduler.decision.arrays import Amounts, Mask

#: On so many hosts or fewer all ways to place servers are tried, until so many
#: have been placed in vain.
FEW, TRIES = 32, 2000


def packed(
    left: Amounts, needs: Sequence[Amounts], may: Sequence[Mask], *, by: int
) -> tuple[Amounts, int]:
    """What hosts have left with all of them, and how many find no place.

    One after the other each is placed where least is left. If one finds no
    place then, and the hosts are few, other ways are tried as well.

    For example hosts have 5 and 4 left, and servers need 3, 2, 2 and 2: the
    first one goes to the host with 4, and there is no place for the last one.
    So it is tried on the other one, and all find places.

    :param left: what each host has
    :param needs: of each server, those that need most first
    :param may: where each may go, whatever is left there
    :param by: the class of which least has to be left
    """
    free, missing = left.copy(), 0
    for need, mask in zip(needs, may, strict=True):
        fitting = _fitting(free, need) & mask
        if fitting.any():
            at = np.where(fitting, free[by], np.inf).argmin()
            free[:, at] -= need
        else:
            missing += 1
    if missing and left.shape[1] <= FEW:
        found = _Search(needs, may).tried(left)
        if found is not None:
            return found, 0
    return free, missing


class _Search:
    """All ways to place servers, one after the other."""

    def __init__(self, needs: Sequence[Amounts], may: Sequence[Mask]) -> None:
        """:param may: where each may go, whatever is left there"""
        self._needs = needs
        self._may = may
        self._tries = TRIES

    def tried(self, left: Amounts) -> Amounts | None:
        """What is left once all have a place.

        None where they have not, or where it was not found out.
        """
        # NOTE: no recursion, for a host may have a thousand servers.
        ways = [self._ways(left, 0)]
        while ways:
            after = next(ways[-1], None)
            if after is None:
                ways.pop()
            elif len(ways) == len(self._needs):
                return after
            else:
                ways.append(self._ways(after, len(ways)))
        return None

    def _ways(self, left: Amounts, number: int) -> Iterator[Amounts]:
        """What is left with this one as well, for each place it may have."""
        need = self._needs[number]
        fitting = _fitting(left, need) & self._may[number]
        seen = set[bytes]()
        for at in np.flatnonzero(fitting):
            like = left[:, at].tobytes()
            if like in seen and not self._picky(number):
                continue
            seen.add(like)
            if not self._tries:
                return
            self._tries -= 1
            after = left.copy()
            after[:, at] -= need
            yield after

    def _picky(self, first: int) -> bool:
        """Whether of two hosts with as much left one may do less."""
        return not all(mask.all() for mask in self._may[first:])


def _fitting(left: Amounts, need: Amounts) -> Mask:
    """Hosts with enough of each class that it needs."""
    rows = np.flatnonzero(need)
    found: Mask = np.all(left[rows] >= need[rows, np.newaxis], axis=0)
    return found
