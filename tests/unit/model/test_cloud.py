from oslotest import base

from steal_scheduler.model.cloud import LEFT_OVER
from tests.unit.make import NOW, fleet, migration, server, signal

MIGRATING = {'status': 'MIGRATING', 'task_state': 'migrating'}


class TestServerSignal(base.BaseTestCase):
    def test_steal_is_the_share_of_what_it_wanted(self):
        one = signal(used=3.0, waited=1.0)
        self.assertEqual((4.0, 0.25), (one.asked, one.steal))

    def test_who_wants_nothing_waits_for_nothing(self):
        self.assertEqual(0.0, signal(used=0.0, waited=0.0).steal)


class TestMigration(base.BaseTestCase):
    def test_every_status_of_nova(self):
        for status, is_running, is_ended in (
            ('accepted', False, False),
            ('pre-migrating', False, False),
            ('queued', False, False),
            ('preparing', False, False),
            ('running', True, False),
            ('running (post-copy)', True, False),
            ('post-migrating', True, False),
            ('completed', False, True),
            ('done', False, True),
            ('cancelled', False, True),
            ('failed', False, True),
            ('error', False, True),
        ):
            one = migration(status=status)
            found = (one.running, one.ended)
            self.assertEqual((is_running, is_ended), found, status)
            self.assertFalse(one.completed and one.failed, status)


class TestGoesOn(base.BaseTestCase):
    """Whether Nova may still go on with a migration."""

    def going_on(self, at: float, record: str, **values: object) -> bool:
        one = migration(status=record, created_at=at)
        known = fleet(server(**values), migrations=(one,))
        found = known.going_on('s', NOW)
        self.assertIs(one if found else None, found)
        return found is not None

    def test_one_that_has_ended(self):
        for status in ('completed', 'error', 'cancelled'):
            self.assertFalse(self.going_on(NOW, status, **MIGRATING))

    def test_one_of_a_server_that_migrates(self):
        for status in ('accepted', 'running'):
            self.assertTrue(self.going_on(NOW - 10**6, status, **MIGRATING))

    def test_one_that_is_left_over(self):
        """Nova says nothing of it any more, and its server is at rest."""
        self.assertTrue(self.going_on(NOW - LEFT_OVER, 'accepted'))
        self.assertFalse(self.going_on(NOW - LEFT_OVER - 1, 'accepted'))
        busy = {'task_state': 'image_snapshot'}
        self.assertFalse(self.going_on(NOW - 10**6, 'running', **busy))

    def test_of_a_server_that_is_gone(self):
        gone = server(**MIGRATING).deleted()
        self.assertFalse(gone.migrating)
        one = migration('x', status='running', created_at=NOW - 10**6)
        known = fleet(gone, migrations=(one,))
        self.assertIsNone(known.going_on('x', NOW))
        self.assertIsNone(known.going_on('s', NOW))
