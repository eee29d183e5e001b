from oslotest import base

from tests.unit.make import migration, signal


class TestServerSignal(base.BaseTestCase):
    def test_steal_is_the_share_of_what_it_wanted(self):
        one = signal(used=3.0, waited=1.0)
        self.assertEqual((4.0, 0.25), (one.demand, one.steal))

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
