from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision import limits
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.others import PERIOD, others
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Migration
from steal_scheduler.model.host_view import Tier
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import NOW, fleet, migration, server, signals, snapshot

#: Host a to host h.
HOSTS = 'abcdefgh'


def foreign(*ways: str, **values: object) -> list[Migration]:
    """Begun by others just now; for example ab, from a to b."""
    return [
        migration(
            f's{n}',
            migration_id=n,
            source=way[0],
            target=way[1:] or None,
            **({'user_id': 'them'} | values),
        )
        for n, way in enumerate(ways)
    ]


def known(*records: Migration, hosts: str = HOSTS) -> Snapshot:
    return snapshot(
        fleet(
            server(),
            hosts=dict.fromkeys(hosts, 'az1'),
            migrations=records,
        ),
        measured=signals(hosts=dict.fromkeys(hosts, 16.0)),
    )


def holds(found: Snapshot) -> list[str]:
    return [str(reason) for reason, _ in limits.holds(found, ())]


class TestOthers(base.BaseTestCase):
    def test_by_hand(self) -> None:
        found = others(known(*foreign('ab', 'ac')))
        self.assertEqual((2, frozenset()), (found.migrations, found.busy))

    def test_a_host_that_is_emptied(self) -> None:
        """It is neither left nor reached by ours; nor are those it fills."""
        records = foreign('ab', 'ab', 'ab', 'ac')
        found = others(known(*records))
        self.assertEqual({'a', 'b'}, found.busy)
        ((reason, detail),) = found.nos(server())
        self.assertEqual('foreign_migrations', reason)
        self.assertIn('4 live migrations from or to its host a', detail)
        self.assertEqual([], [*found.nos(server(host='c'))])
        view = build_view(known(*records))
        self.assertEqual(
            {'a', 'b'},
            {n for n, h in view.hosts.items() if h.tier is Tier.UNKNOWN},
        )
        self.assertEqual([], holds(known(*records)))

    def test_at_half_of_the_hosts(self) -> None:
        """A balancer may move a single server from each."""
        three = foreign('ab', 'cd', 'ef')
        self.assertEqual(['foreign_migrations'], holds(known(*three)))
        wide = HOSTS + 'ijklm'
        self.assertEqual([], holds(known(*three, hosts=wide)))
        two = foreign('ab', 'cd')
        self.assertEqual([], holds(known(*two, hosts='abcd')))
        ((_, detail),) = others(known(*three)).holds()
        self.assertIn('3 live migrations', detail)
        self.assertIn('6 of 8 hosts', detail)

    def test_ours_do_not_count(self) -> None:
        ours = foreign('ab', 'cd', 'ef', user_id='us')
        self.assertEqual(0, others(known(*ours)).migrations)

    def test_until_they_have_ended_their_work(self) -> None:
        for ago, count in ((PERIOD, 3), (PERIOD + 1, 0)):
            records = foreign('ab', 'ab', 'ab', created_at=NOW - ago)
            self.assertEqual(count, others(known(*records)).migrations)

    def test_however_they_go(self) -> None:
        """Nova has not chosen a target yet, or found none, or it fails."""
        for status in ('accepted', 'running', 'error', 'completed'):
            found = others(known(*foreign('a', 'a', 'ab', status=status)))
            self.assertEqual({'a'}, found.busy)

    @given(st.lists(st.sampled_from(['ab', 'ba', 'cd', 'ac', 'a'])))
    def test_each_is_counted_once_at_each_end(self, ways: list[str]) -> None:
        found = others(known(*foreign(*ways)))
        self.assertEqual(len(ways), found.migrations)
        self.assertEqual(
            sum(len(way) for way in ways), sum(found.by_host.values())
        )
