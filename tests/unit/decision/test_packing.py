import itertools
import random

import numpy as np
from oslotest import base

from steal_scheduler.decision.packing import packed


class TestPacked(base.BaseTestCase):
    def missing(self, left: list[list[int]], needs: list[list[int]]) -> int:
        """How many find no place.

        :param left: of each host, by class; as are the needs of each server
        """
        columns = np.array(left, float).T
        each = [np.array(need, float) for need in needs]
        may = [np.ones(len(left), bool) for _ in needs]
        after, missing = packed(columns, each, may, by=0)
        self.assertTrue((after <= columns).all())
        if not missing:
            total = np.sum(each, axis=0)
            self.assertTrue(np.allclose((columns - after).sum(axis=1), total))
            self.assertTrue((after >= np.minimum(columns, 0)).all())
        return missing

    def test_the_example(self) -> None:
        self.assertEqual(0, self.missing([[5], [4]], [[3], [2], [2], [2]]))
        self.assertEqual(1, self.missing([[5], [4]], [[3], [3], [2], [2]]))

    def test_what_it_needs_none_of_may_be_overdrawn(self) -> None:
        self.assertEqual(0, self.missing([[5, -1]], [[5, 0]]))
        self.assertEqual(1, self.missing([[5, -1]], [[5, 1]]))

    def test_not_where_it_may_not_go(self) -> None:
        left, need = np.array([[8.0, 8.0]]), np.array([8.0])
        masks = [np.array([True, False]), np.array([True, False])]
        self.assertEqual(1, packed(left, [need, need], masks, by=0)[1])
        masks[1] = np.array([True, True])
        self.assertEqual(0, packed(left, [need, need], masks, by=0)[1])

    def test_all_ways_are_tried(self) -> None:
        """Against each way to place a few servers."""
        both = 0
        for number in range(500):
            draw = random.Random(number)
            left = [
                [draw.randint(0, 9), draw.randint(0, 9)]
                for _ in range(draw.randint(1, 4))
            ]
            needs = [
                [draw.randint(0, 6), draw.randint(0, 4)]
                for _ in range(draw.randint(1, 5))
            ]
            found = not self.missing(left, needs)
            self.assertEqual(fit(left, needs), found, number)
            both += found
        self.assertTrue(100 < both < 400, both)

    def test_a_thousand_servers_of_a_host(self) -> None:
        """Two of them need what one host has, and the other one is short."""
        self.assertEqual(1, self.missing([[600], [599.5]], [[1]] * 1200))

    def test_many_hosts_end_soon(self) -> None:
        left = np.full((1, 30), 9.0)
        needs = [np.array([5.0])] * 31
        may = [np.ones(30, bool)] * 31
        self.assertEqual(1, packed(left, needs, may, by=0)[1])


def fit(left: list[list[int]], needs: list[list[int]]) -> bool:
    """Whether there is a way to place all."""
    for way in itertools.product(range(len(left)), repeat=len(needs)):
        taken = [[0] * len(host) for host in left]
        for at, need in zip(way, needs, strict=True):
            for n, amount in enumerate(need):
                taken[at][n] += amount
        if all(
            not took or took <= has
            for host, use in zip(left, taken, strict=True)
            for has, took in zip(host, use, strict=True)
        ):
            return True
    return False
