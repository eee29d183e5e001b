import dataclasses

from oslotest import base

from steal_scheduler.decision import told
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.told import PATIENCE
from steal_scheduler.model.host_view import NO_VIEW
from steal_scheduler.model.rankings import Ranking, Rankings
from steal_scheduler.model.scheduler import Scheduler
from tests.unit.make import NOW, move, scheduler, snapshot


def known(*schedulers: Scheduler, **since: float) -> Snapshot:
    """:param since: by server id, for how many seconds it has been told"""
    of = {s: Ranking((), frozenset(), NOW - age) for s, age in since.items()}
    return snapshot(
        view=dataclasses.replace(NO_VIEW, rankings=Rankings(NOW, of)),
        schedulers={each.host: each for each in schedulers},
    )


class TestWaitedFor(base.BaseTestCase):
    def waited_for(self, *schedulers: Scheduler, age: float = 9) -> list[str]:
        return told.waited_for(move('s'), known(*schedulers, s=age))

    def test_all_have_it(self) -> None:
        self.assertEqual(
            [],
            self.waited_for(
                scheduler('a', ranked_at=NOW - 9),
                scheduler('b', ranked_at=NOW - 3),
            ),
        )

    def test_some_are_behind(self) -> None:
        found = self.waited_for(
            scheduler('b', ranked_at=NOW - 9.1),
            scheduler('c', ranked_at=NOW),
            scheduler('a', ranked_at=NOW - 60),
        )
        self.assertEqual(['a', 'b'], found)

    def test_no_longer_than_that(self) -> None:
        behind = scheduler(ranked_at=NOW - 60)
        for age, found in ((PATIENCE, ['controller']), (PATIENCE + 1, [])):
            self.assertEqual(found, self.waited_for(behind, age=age))

    def test_who_is_not_there(self) -> None:
        gone = scheduler(ranked_at=NOW - 60, recent=False)
        self.assertEqual([], self.waited_for(gone))
        self.assertEqual([], self.waited_for())

    def test_who_reads_no_rankings(self) -> None:
        """One of before there were any: it would be waited for in vain."""
        self.assertEqual([], self.waited_for(scheduler()))

    def test_one_that_is_not_ranked(self) -> None:
        behind = scheduler(ranked_at=NOW - 60)
        found = told.waited_for(move('another'), known(behind, s=9))
        self.assertEqual([], found)


class TestGivenUp(base.BaseTestCase):
    def test_after_some_time(self) -> None:
        behind = scheduler('a', ranked_at=NOW - 60)
        there = scheduler('b', ranked_at=NOW)
        for age, found in ((PATIENCE, []), (PATIENCE + 1, ['a'])):
            snap = known(behind, there, s=age, another=3)
            self.assertEqual(found, told.given_up(snap))

    def test_nobody_is_about_to_move(self) -> None:
        """Then nobody waits, however long ago the last view was."""
        behind = scheduler('a', ranked_at=NOW - 200)
        self.assertEqual([], told.given_up(known(behind)))
