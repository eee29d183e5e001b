from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision.no_host import tries
from steal_scheduler.model.cloud import Migration
from tests.unit import (
    make,
    strategies,  # noqa: F401 (hypothesis' settings)
)
from tests.unit.make import NOW, fleet, migration, server, snapshot

GIB = 1024
HOUR = 3600.0
PROJECTS = ('p1', 'p2', 'q1', 'r1', 't1')
#: Server s8 has 8 GiB, ..., and each leaves host a.
SERVERS = (
    *(server(f's{n}', ram_mb=n * GIB) for n in (2, 4, 8, 16)),
    *(server(s, ram_mb=GIB, project_id=s[0]) for s in PROJECTS),
)


class TestNoHost(base.BaseTestCase):
    def refused(
        self,
        *records: Migration,
        later: float = 0.0,
        of: str = 'x',
        **of_server: object,
    ) -> str:
        """'' where one of 8 GiB on host a may move, else what is said."""
        one = server(of, **({'ram_mb': 8 * GIB} | of_server))
        known = snapshot(
            fleet(*SERVERS, one, migrations=records),
            rules=make.rules(cooldown=HOUR),
            now=NOW + later,
        )
        found = [*tries(known).nos(one, known.now)]
        for reason, _ in found:
            self.assertEqual('no_host', reason)
        return ''.join(detail for _, detail in found)

    def found_none(
        self, *server_ids: str, **values: object
    ) -> list[Migration]:
        """One after the other, the last one at NOW."""
        none = {'status': 'error', 'target': None}
        last = len(server_ids) - 1
        return [
            migration(
                server_id,
                migration_id=n,
                created_at=NOW - (last - n),
                **(none | values),
            )
            for n, server_id in enumerate(server_ids)
        ]

    def test_for_two_others(self) -> None:
        self.assertEqual('', self.refused(*self.found_none('s4')))
        said = self.refused(*self.found_none('s4', 's8'))
        for words in (
            'found no host 2 times for servers of a',
            'such as name of s8 (s8)',
            'tried again in 3600 s',
            'zone and cell',
        ):
            self.assertIn(words, said)

    def test_of_each_other_project_one(self) -> None:
        """A tenant has two of 1 GiB that may not leave their host."""
        self.assertEqual('', self.refused(*self.found_none('p1', 'p2', 'p1')))
        mine = self.refused(*self.found_none('p1', 'p2'), project_id='p')
        self.assertIn('found no host 2 times', mine)
        # That of his, and one of one's own.
        said = self.refused(*self.found_none('p1', 'p2', 'p1', 's4'))
        self.assertIn('found no host 2 times', said)
        self.assertIn('tried again in 3600 s', said)

    def test_of_few_projects_none(self) -> None:
        """They may be of one tenant."""
        three = self.found_none('p1', 'q1', 'r1')
        self.assertEqual('', self.refused(*three))
        for many in (('p1', 'q1', 'r1', 't1'), ('p1', 'q1', 'r1', 's4')):
            said = self.refused(*self.found_none(*many))
            self.assertIn('found no host 4 times', said)
            self.assertIn('tried again in 3600 s', said)

    def test_one_may_be_special(self) -> None:
        """By its server group, say; it backs off by itself."""
        self.assertEqual('', self.refused(*self.found_none(*['s4'] * 5)))

    def test_for_those_that_need_more(self) -> None:
        self.assertEqual('', self.refused(*self.found_none('s8', 's16')))
        two = self.found_none('s4', 's8')
        self.assertEqual('', self.refused(*two, ram_mb=8 * GIB - 1))
        self.assertEqual('', self.refused(*two, vcpus=3))

    def test_from_elsewhere(self) -> None:
        """Another host may be in another cell."""
        two = self.found_none('s4', 's8')
        self.assertEqual('', self.refused(*two, host='b'))
        self.assertEqual(
            '', self.refused(*self.found_none('s4', 's8', source='b'))
        )

    def test_each_further_one_doubles_it(self) -> None:
        for count, hours in ((2, 1), (3, 2), (4, 4), (7, 24), (99, 24)):
            many = self.found_none(
                *[f's{4 + 4 * (n % 2)}' for n in range(count)]
            )
            end = hours * HOUR
            self.assertNotEqual('', self.refused(*many, later=end - 1))
            self.assertEqual('', self.refused(*many, later=end))

    def test_since_it_found_one(self) -> None:
        two = self.found_none('s4', 's8')
        for server_id, expected in (
            ('s8', True),
            ('s16', True),
            ('s4', False),
        ):
            for status in ('completed', 'error'):
                found = migration(
                    server_id,
                    migration_id=9,
                    status=status,
                    created_at=NOW + 1,
                )
                said = self.refused(*two, found, later=2)
                self.assertEqual(expected, said == '', server_id)

    def test_what_says_nothing(self) -> None:
        for values in (
            {'status': 'accepted'},
            {'status': 'cancelled'},
            {'aborted': True},
            {'target': 'b'},
        ):
            two = self.found_none('s4', 's8', **values)
            self.assertEqual('', self.refused(*two), values)
        self.assertEqual('', self.refused(*self.found_none('s4', 'gone')))

    @given(st.integers(0, 64), st.integers(0, 64))
    def test_who_needs_more_waits_as_well(self, one: int, more: int) -> None:
        """Or small ones would be drained before large ones, in vain."""
        two = self.found_none('s4', 's8')
        if self.refused(*two, ram_mb=one * GIB):
            self.assertNotEqual(
                '', self.refused(*two, ram_mb=(one + more) * GIB)
            )
