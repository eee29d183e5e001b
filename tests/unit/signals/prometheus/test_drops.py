from oslotest import base

from steal_scheduler.signals.prometheus.drops import DropReason, Drops


class DropsTest(base.BaseTestCase):
    def test_the_most_frequent_first(self):
        drops = Drops()
        drops.add(DropReason.STALE, 'x')
        drops.add(DropReason.NEGATIVE, 'y', 3)
        self.assertEqual(
            '3 negative (y), 1 older than [signals] max_age (x)',
            drops.sentence(),
        )
        self.assertEqual('', Drops().sentence())

    def test_the_first_are_named(self):
        drops = Drops()
        for name in ('a', '', 'b', 'c', 'd'):
            drops.add(DropReason.STALE, name)
        self.assertEqual(
            '5 older than [signals] max_age (a, b, c and 1 more)',
            drops.sentence(),
        )

    def test_what_others_wrote_moves_no_cursor(self):
        drops = Drops()
        drops.add(DropReason.STALE, 'a\x1b[2J\nb')
        self.assertIn('(a?[2J b)', drops.sentence())
