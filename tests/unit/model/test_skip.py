import math

from oslotest import base

from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.skip import Skip, read_all
from tests.unit.make import NOW


class TestSkip(base.BaseTestCase):
    def read(self, key: str, value: str) -> dict[str, Skip]:
        aggregate = Aggregate(1, 'Steal-Scheduler', (), {key: value})
        return read_all([aggregate])

    def test_what_is_written_is_read(self) -> None:
        for skip in (
            Skip('s', math.inf),
            Skip('s', NOW, 'alice: a release'),
            Skip('s', NOW, 'bob', by_owner=True),
        ):
            found = self.read(skip.key, skip.value(skip.reason))
            self.assertEqual({'s': skip}, found)

    def test_by_hand(self) -> None:
        self.assertEqual(
            {'ab-1': Skip('ab-1', math.inf)},
            self.read(' Steal:Skip:Server:AB-1 ', 'true'),
        )
        off = self.read('steal:skip:server:s', 'no')['s']
        self.assertFalse(off.in_force(NOW))
        self.assertEqual({}, self.read('steal:pause:host:a', 'true'))

    def test_what_cannot_be_read_skips_it(self) -> None:
        skip = self.read('steal:skip:server:s', '2h')['s']
        self.assertEqual(math.inf, skip.until)
        self.assertIn("'2h' says no time", skip.told)

    def test_the_longer_one_holds(self) -> None:
        aggregate = Aggregate(
            1,
            'steal-scheduler',
            (),
            {
                'steal:skip:server:s': '2030-01-01T00:00Z alice',
                'steal:skip:owner:s': '2029-01-01T00:00Z bob',
                'steal:skip:server:t': '2028-01-01T00:00Z alice',
                'steal:skip:owner:t': '2029-01-01T00:00Z bob',
            },
        )
        found = read_all([aggregate])
        self.assertEqual(
            {'s': 'alice', 't': 'bob'}, {k: s.reason for k, s in found.items()}
        )

    def test_another_aggregate_says_nothing(self) -> None:
        other = Aggregate(1, 'rack 7', ('a',), {'steal:skip:server:s': 'true'})
        self.assertEqual({}, read_all([other]))
