import itertools
import random

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision.lightest_cure import lightest_cure
from steal_scheduler.model.move import Move
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import move


def pool(*sizes: tuple[float, int]) -> list[Move]:
    """:param sizes: cores it asks for, and GiB to copy"""
    return [
        move(f's{n}', demand=demand, copy_mb=gib * 1024)
        for n, (demand, gib) in enumerate(sizes)
    ]


def ids(moves: list[Move]) -> list[str]:
    return [m.server_id for m in moves]


def pools() -> st.SearchStrategy[list[Move]]:
    # Quarters add up exactly.
    size = st.tuples(
        st.integers(0, 32).map(lambda n: n / 4), st.integers(0, 9)
    )
    return st.lists(size, min_size=1, max_size=7).map(lambda s: pool(*s))


EXCESSES = st.integers(-4, 120).map(lambda n: n / 4)


def smallest(moves: list[Move], excess: float) -> int | None:
    """By trying every set: how many it takes; None where all do not do."""
    for count in range(1, len(moves) + 1):
        for found in itertools.combinations(moves, count):
            if sum(m.demand.expected for m in found) >= excess:
                return count
    return None


class TestLightestCure(base.BaseTestCase):
    def test_of_two_that_cure_the_lighter_goes(self) -> None:
        found = lightest_cure(pool((4, 500), (3, 8), (3.5, 80)), 3)
        self.assertEqual(['s1'], ids(found))

    def test_one_large_before_two_small(self) -> None:
        found = lightest_cure(pool((2, 1), (2, 1), (4, 500)), 4)
        self.assertEqual(['s2'], ids(found))

    def test_the_lightest_pair(self) -> None:
        found = lightest_cure(pool((4, 90), (4, 80), (3, 9), (3, 8)), 6)
        self.assertEqual(['s3', 's2'], ids(found))

    def test_nothing_has_to_leave_and_one_is_contended(self) -> None:
        found = lightest_cure(pool((4, 90), (1, 8)), -1)
        self.assertEqual(['s1'], ids(found))

    def test_all_do_not_suffice(self) -> None:
        found = lightest_cure(pool((1, 1), (2, 1)), 10)
        self.assertEqual(['s1', 's0'], ids(found))

    @given(pools(), EXCESSES)
    def test_never_more_than_needed(
        self, moves: list[Move], excess: float
    ) -> None:
        found = lightest_cure(moves, excess)
        needed = smallest(moves, excess)
        if needed is None:
            self.assertEqual(sorted(ids(moves)), sorted(ids(found)))
            return
        self.assertEqual(needed, len(found))
        self.assertGreaterEqual(sum(m.demand.expected for m in found), excess)
        self.assertEqual(len(found), len(set(ids(found))))

    @given(pools(), EXCESSES)
    def test_one_that_suffices_is_the_lightest(
        self, moves: list[Move], excess: float
    ) -> None:
        found = lightest_cure(moves, excess)
        alone = [m.copy_mb for m in moves if m.demand.expected >= excess]
        if alone:
            self.assertEqual([min(alone)], [m.copy_mb for m in found])

    @given(pools(), EXCESSES)
    def test_no_swap_would_make_it_lighter(
        self, moves: list[Move], excess: float
    ) -> None:
        found = lightest_cure(moves, excess)
        leaving = sum(m.demand.expected for m in found)
        for leaver, stayer in itertools.product(found, moves):
            after = leaving - leaver.demand.expected + stayer.demand.expected
            if stayer not in found and after >= excess:
                self.assertGreaterEqual(stayer.copy_mb, leaver.copy_mb)

    @given(pools(), EXCESSES, st.randoms(use_true_random=False))
    def test_order_does_not_matter(
        self, moves: list[Move], excess: float, chance: random.Random
    ) -> None:
        found = lightest_cure(moves, excess)
        chance.shuffle(moves)
        self.assertEqual(ids(found), ids(lightest_cure(moves, excess)))
