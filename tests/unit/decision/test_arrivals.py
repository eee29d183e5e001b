from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision import arrivals
from steal_scheduler.model.cloud import Fleet, Migration
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import NOW, fleet, migration, server, signal


class TestLately(base.BaseTestCase):
    def lately(self, *records: Migration) -> set[str]:
        known = fleet(server('s'), server('t'), migrations=records)
        return set(arrivals.lately(known, NOW - 60))

    def test_who_moved_since(self) -> None:
        for ago, counts in ((59, True), (60, True), (61, False)):
            for status in ('completed', 'error', 'cancelled'):
                record = migration(status=status, updated_at=NOW - ago)
                found = self.lately(record)
                self.assertEqual({'s'} if counts else set(), found, ago)

    def test_who_moves_however_long(self) -> None:
        going_on = migration(status='running', updated_at=NOW - 9999)
        self.assertEqual({'s'}, self.lately(going_on))

    def test_its_newest_migration_counts(self) -> None:
        old = migration(status='running', updated_at=NOW - 9999)
        new = migration(migration_id=2, updated_at=NOW - 61)
        self.assertEqual(set(), self.lately(old, new))
        newer = migration(migration_id=3, updated_at=NOW - 1)
        self.assertEqual({'s'}, self.lately(old, new, newer))

    def test_each_server_by_itself(self) -> None:
        old = migration('s', updated_at=NOW - 61)
        new = migration('t', migration_id=2, updated_at=NOW - 1)
        self.assertEqual({'t'}, self.lately(old, new))
        self.assertEqual(set(), self.lately())
        self.assertEqual(set(), arrivals.lately(Fleet({}, {}, {'s': ()}), NOW))


class TestBrought(base.BaseTestCase):
    def test_the_newest_that_completed(self) -> None:
        ways = ('completed', 'completed', 'error', 'running')
        records = [
            migration(migration_id=n, status=status)
            for n, status in enumerate(ways)
        ]
        never = migration('t', migration_id=9, status='error')
        known = fleet(server('s'), server('t'), migrations=(*records, never))
        self.assertEqual(records[1], arrivals.brought(known, 's'))
        self.assertIsNone(arrivals.brought(known, 't'))
        self.assertIsNone(arrivals.brought(known, 'unknown'))


class TestUnseenDemand(base.BaseTestCase):
    """A server of 4 vCPUs that arrived some seconds before its sample."""

    def unseen(
        self,
        seconds: float,
        demand: float = 1.0,
        window: float = 60.0,
        **record: object,
    ) -> float:
        return arrivals.unseen_demand(
            server(vcpus=4),
            signal(used=demand * 0.75, waited=demand * 0.25),
            migration(updated_at=NOW - seconds, **record),
            window,
        )

    def test_it_is_scaled_up_to_the_whole_window(self) -> None:
        self.assertEqual(1.0, self.unseen(30))
        self.assertAlmostEqual(0.2, self.unseen(50))

    def test_at_most_to_all_its_vcpus(self) -> None:
        self.assertEqual(1.0, self.unseen(20, demand=3.0))
        self.assertEqual(0.0, self.unseen(20, demand=4.5))

    def test_too_little_of_it_says_nothing(self) -> None:
        self.assertEqual(1.5, self.unseen(15, demand=0.5))
        for seconds in (14.9, 0, -5):
            self.assertEqual(3.5, self.unseen(seconds, demand=0.5), seconds)

    def test_the_whole_window_shows_all(self) -> None:
        for seconds in (60, 61, 9999):
            self.assertEqual(0.0, self.unseen(seconds, demand=0.5))

    def test_a_source_without_a_window(self) -> None:
        self.assertEqual(0.0, self.unseen(0, window=0.0))

    @given(
        st.floats(-1e3, 1e3),
        st.floats(0, 16),
        st.floats(0, 300),
    )
    def test_never_less_than_nothing_nor_more_than_its_vcpus(
        self, seconds: float, demand: float, window: float
    ) -> None:
        found = self.unseen(seconds, demand, window)
        self.assertGreaterEqual(found, 0.0)
        self.assertLessEqual(found, max(4.0 - demand, 0.0) + 1e-9)
