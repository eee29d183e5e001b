import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision.breaker import Breaker, breaker
from steal_scheduler.model.cloud import Migration
from tests.unit import (
    make,
    strategies,  # noqa: F401 (hypothesis' settings)
)
from tests.unit.make import NOW, fleet, migration, server, snapshot

RULES = make.rules(breaker_failures=3, breaker_pause=1800.0)
#: Server x1 is of project x, ...
PROJECTS = 'uvxyz'
SERVERS = tuple(
    server(f'{p}{n}', project_id=p) for p in PROJECTS for n in '12'
)


def tripped(*records: Migration) -> Breaker:
    """By these, the last one last."""
    told = fleet(
        *SERVERS,
        hosts=dict.fromkeys('abcdef', 'az1'),
        migrations=tuple(
            dataclasses.replace(record, migration_id=n, updated_at=NOW + n)
            for n, record in enumerate(records)
        ),
    )
    return breaker(snapshot(told, rules=RULES))


def failed(server_id: str, way: str, **other: object) -> Migration:
    """For example on the way ab, from a to b."""
    source, target = way
    values = {'status': 'error', 'source': source, 'target': target}
    return migration(server_id, **(values | other))


def aborted(server_id: str, way: str) -> Migration:
    return failed(server_id, way, status='cancelled')


class BreakerTestCase(base.BaseTestCase):
    def assert_blamed(
        self,
        *records: Migration,
        sources: str = '',
        projects: str = '',
        cloud: int = 0,
    ) -> Breaker:
        found = tripped(*records)
        self.assertEqual(
            (set(sources), set(projects), cloud),
            ({*found.sources}, {*found.projects}, len(found.cloud)),
        )
        return found


class TestWhoIsBlamed(BreakerTestCase):
    def test_nobody(self) -> None:
        self.assert_blamed()
        self.assert_blamed(failed('x1', 'ab'), failed('x1', 'ab'))

    def test_a_source(self) -> None:
        """Of whichever project, and wherever they were to go."""
        three = (failed('x1', 'ab'), failed('y1', 'ac'), failed('x2', 'ad'))
        self.assert_blamed(*three, sources='a')
        self.assert_blamed(*three, migration('x1', source='a'))
        self.assert_blamed(migration('x1', source='a'), *three, sources='a')
        self.assert_blamed(*three, migration('x1', source='b'), sources='a')

    def test_a_target(self) -> None:
        """Which ``failed_arrivals`` tells, and nobody else is blamed for."""
        self.assert_blamed(
            failed('x1', 'ad'), failed('x1', 'bd'), failed('x2', 'cd')
        )

    def test_a_source_for_one_project(self) -> None:
        """Or a few: perhaps theirs alone cannot leave, and they see to it."""
        records = [failed('x1', 'ab'), failed('x2', 'ac'), failed('x1', 'ad')]
        for more, those in (
            ('', 'x'),
            ('y', 'xy'),
            ('z', 'xyz'),
            ('u', PROJECTS),
        ):
            records += [failed(f'{p}1', 'ae') for p in more]
            found = self.assert_blamed(*records, sources='a')
            refused = [
                project
                for project in PROJECTS
                if [*found.nos(server(project_id=project), NOW)]
            ]
            self.assertEqual([*those], refused)
        # Deleted meanwhile: nobody knows whose they were.
        found = self.assert_blamed(
            *[failed('gone', way) for way in ('ab', 'ac', 'ad')], sources='a'
        )
        self.assertEqual([], [*found.nos(server(project_id='x'), NOW)])

    def test_of_targets_one_for_each_project(self) -> None:
        """A tenant let all that went to d, and then to e, fail."""
        two = [
            failed(s, f'{source}{target}')
            for target in 'de'
            for s, source in (('x1', 'a'), ('x2', 'b'), ('x1', 'c'))
        ]
        self.assert_blamed(*two[:3])
        self.assert_blamed(*two, projects='x')
        # A second project of his changes nothing, four do.
        other = [
            failed(f'{p}1', f'{source}{target}')
            for p, source in zip('yzu', 'fgh', strict=True)
            for target in 'ed'
        ]
        self.assert_blamed(*two, *other[:4], projects='x')
        self.assert_blamed(*two, *other)

    def test_a_project(self) -> None:
        three = (failed('x1', 'ad'), failed('x2', 'be'), failed('x1', 'cf'))
        self.assert_blamed(*three, projects='x')
        self.assert_blamed(*three, failed('y1', 'ae'), projects='x')
        self.assert_blamed(*three, migration('x2'))

    def test_not_for_what_a_host_is_blamed_for(self) -> None:
        """All are of project x, which has nothing to do with it."""
        self.assert_blamed(
            failed('x1', 'ab'),
            failed('x1', 'ac'),
            failed('x2', 'ad'),
            failed('x1', 'be'),
            failed('x2', 'ce'),
            sources='a',
        )

    def test_a_project_for_copies_that_never_end(self) -> None:
        """Six of one project kept the breaker open for all."""
        three = (aborted('x1', 'ab'), aborted('x2', 'ac'), aborted('x1', 'ab'))
        self.assert_blamed(*three, projects='x')
        told = [
            dataclasses.replace(m, status='error', aborted=True) for m in three
        ]
        self.assert_blamed(*told, projects='x')
        self.assert_blamed(
            aborted('x1', 'ad'), aborted('y1', 'be'), aborted('z1', 'cf')
        )

    def test_all(self) -> None:
        """Nobody can be blamed alone: the network, perhaps."""
        ways = zip('xyzuv', ('ad', 'be', 'ae', 'cf', 'bd'), strict=True)
        all_ = [failed(f'{project}1', way) for project, way in ways]
        self.assert_blamed(*all_[:3])
        self.assert_blamed(*all_[:4], cloud=4)
        self.assert_blamed(*all_, cloud=5)
        # An abort proves nothing, for it or against it.
        self.assert_blamed(*all_[:4], aborted('z1', 'cf'), cloud=4)
        self.assert_blamed(*all_, migration('z1', source='c'))

    def test_few_projects_are_not_all(self) -> None:
        """One tenant may have them all, and let theirs fail in turn."""
        ways = ('ad', 'be', 'cf', 'ae', 'bf', 'cd')
        of_few = [
            failed(f'{p}{n}', way)
            for (n, p), way in zip(
                [(n, p) for n in (1, 2) for p in 'xyz'], ways, strict=True
            )
        ]
        self.assert_blamed(*of_few)
        self.assert_blamed(*of_few, failed('x1', 'dc'), projects='x')

    def test_all_that_there_are(self) -> None:
        """There is nobody else whom it could be kept from."""
        records = [
            failed('x1', 'ad', migration_id=1),
            failed('y1', 'be', migration_id=2),
            failed('x2', 'ae', migration_id=3),
        ]
        told = fleet(
            *(s for s in SERVERS if s.project_id in 'xy'),
            hosts=dict.fromkeys('abcdef', 'az1'),
            migrations=tuple(records),
        )
        self.assertEqual(3, len(breaker(snapshot(told, rules=RULES)).cloud))

    def test_one_bad_host_is_not_all(self) -> None:
        """Others fail as well, now and then."""
        self.assert_blamed(
            failed('x1', 'ab'),
            failed('y1', 'ac'),
            failed('x2', 'ad'),
            failed('y1', 'be'),
            failed('z1', 'cf'),
            sources='a',
        )

    def test_of_a_server_that_is_gone(self) -> None:
        """Its project is not known, and so not blamed."""
        self.assert_blamed(*[failed('gone', way) for way in ('ad', 'be')])
        self.assert_blamed(
            *[failed('gone', way) for way in ('ad', 'be', 'cf')]
        )

    def test_what_was_not_ours(self) -> None:
        self.assert_blamed(*[failed('x1', 'ab', user_id='them')] * 5)


class TestItsPause(base.BaseTestCase):
    def test_of_a_source(self) -> None:
        found = tripped(
            failed('x1', 'ab'), failed('y1', 'ac'), failed('x2', 'ad')
        )
        self.assertEqual([], [*found.holds(NOW)])
        for host, later, expected in (
            ('a', 2, ['breaker_source']),
            ('a', 1801, ['breaker_source']),
            ('a', 1802, []),
            ('b', 2, []),
        ):
            mine = server(host=host, project_id='x')
            nos = [*found.nos(mine, NOW + later)]
            self.assertEqual(expected, [reason for reason, _ in nos])
        ((_, detail),) = found.nos(server(project_id='x'), NOW + 2)
        self.assertIn('the last 3 migrations from its host a failed', detail)
        self.assertIn('one is tried in 1800 s', detail)

    def test_of_a_project(self) -> None:
        found = tripped(*[aborted('x1', 'ab')] * 4)
        self.assertEqual([], [*found.holds(NOW)])
        for project, later, expected in (
            ('x', 3, ['breaker_project']),
            ('x', 1803, []),
            ('y', 3, []),
            ('', 3, []),
        ):
            nos = [*found.nos(server(project_id=project), NOW + later)]
            self.assertEqual(expected, [reason for reason, _ in nos])
        ((_, detail),) = found.nos(server(project_id='x'), NOW + 3)
        self.assertIn('the last 4 migrations of servers of its', detail)

    def test_of_all(self) -> None:
        found = tripped(
            failed('x1', 'ad'),
            failed('y1', 'be'),
            failed('z1', 'cf'),
            failed('u1', 'af'),
        )
        for later, expected in (
            (3, ['breaker']),
            (1802.9, ['breaker']),
            (1803, []),
        ):
            nos = [*found.holds(NOW + later)]
            self.assertEqual(expected, [reason for reason, _ in nos])
        self.assertEqual([], [*found.nos(SERVERS[0], NOW + 2)])


class TestAnyRecords(base.BaseTestCase):
    RECORD = st.builds(
        failed,
        st.sampled_from([s.server_id for s in SERVERS]),
        st.sampled_from(['ad', 'ae', 'be', 'bf', 'cf', 'cd']),
        status=st.sampled_from(
            ['error', 'error', 'failed', 'cancelled', 'completed']
        ),
    )
    RECORDS = st.lists(RECORD, max_size=12)

    @given(RECORDS, st.data())
    def test_no_valid_host_changes_nothing(
        self, records: list[Migration], data: st.DataObject
    ) -> None:
        """However often Nova found no target, and for whomever."""
        more = list(records)
        for record in data.draw(self.RECORDS):
            none = dataclasses.replace(record, status='error', target=None)
            more.insert(data.draw(st.integers(0, len(more))), none)
        one, other = tripped(*records), tripped(*more)
        for found in (one, other):
            self.assertLessEqual({*found.projects}, {*PROJECTS})
        self.assertEqual(
            (one.sources.keys(), one.projects.keys(), len(one.cloud)),
            (other.sources.keys(), other.projects.keys(), len(other.cloud)),
        )

    @given(RECORDS)
    def test_a_blame_is_just(self, records: list[Migration]) -> None:
        """What is blamed has failed three times, and not succeeded since."""
        found = tripped(*records)
        projects = {s.server_id: s.project_id for s in SERVERS}
        for streaks, of in (
            (found.sources, lambda m: m.source),
            (found.projects, lambda m: projects[m.server_id]),
            ({True: found.cloud} if found.cloud else {}, lambda _: True),
        ):
            for key, streak in streaks.items():
                self.assertGreaterEqual(len(streak), 3)
                first = streak[-1].migration_id
                since = [m for m in records[first:] if of(m) == key]
                self.assertNotIn('completed', {m.status for m in since})

    @given(RECORDS)
    def test_what_holds_all_is_no_single_one_s_doing(
        self, records: list[Migration]
    ) -> None:
        found = tripped(*records)
        projects = {s.server_id: s.project_id for s in SERVERS}
        if found.cloud:
            for of, more_than in (
                (lambda m: m.source, 1),
                (lambda m: m.target, 1),
                (lambda m: projects[m.server_id], 3),
            ):
                those = {of(m) for m in found.cloud}
                self.assertGreater(len(those), more_than)

    @given(RECORDS, st.lists(RECORD, min_size=7, max_size=7))
    def test_seven_failures_in_a_row_never_pass(
        self, before: list[Migration], last: list[Migration]
    ) -> None:
        """Somebody is blamed: a host, a project or all.

        Of seven, three are of one project, or one each is of four.
        """
        failing = [dataclasses.replace(m, status='error') for m in last]
        records = before + failing
        found = tripped(*records)
        targets = {
            target
            for target in 'def'
            if sum(m.target == target and m.failed for m in records) >= 3
        }
        self.assertTrue(
            found.sources or found.projects or found.cloud or targets
        )
