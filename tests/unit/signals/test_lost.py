import collections

from oslotest import base

from steal_scheduler.signals.lost import Lost, sentence


class SentenceTest(base.BaseTestCase):
    def test_the_most_frequent_first(self):
        lost = collections.Counter({Lost.STALE: 1, Lost.NEGATIVE: 3})
        self.assertEqual('3 negative, 1 older than max_age', sentence(lost))
        self.assertEqual('', sentence(collections.Counter()))
