from oslotest import base

from steal_scheduler.decision import fair_shares
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Migration
from steal_scheduler.model.move import Move, Outcome, Stage
from tests.unit import make
from tests.unit.make import NOW, ended, fleet, migration, move, server

#: Three servers each.
PROJECTS = {'p': ('p0', 'p1', 'p2'), 'q': ('q0', 'q1', 'q2')}


def snapshot(*moves: Move, migrations: tuple = (), **some: object) -> Snapshot:
    servers = [
        server(s, project_id=project, ram_mb=1024, disk_gb=0)
        for project, ids in PROJECTS.items()
        for s in ids
    ]
    known = fleet(*servers, migrations=migrations)
    return make.snapshot(known, *moves, **some)


class TestTurns(base.BaseTestCase):
    def order(self, *moved: str, **hosts: str) -> str:
        """Of hosts, given worst first, where these moved an hour ago."""
        records = tuple(
            migration(s, migration_id=n, created_at=NOW - 3599, source='z')
            for n, s in enumerate(moved)
        )
        turns = fair_shares.turns(snapshot(migrations=records))
        return ''.join(
            turns.ordered(hosts, {h: set(p) for h, p in hosts.items()})
        )

    def test_the_worst_first_where_all_are_of_one_project(self) -> None:
        for moved in ((), ('p0', 'p1')):
            found = self.order(*moved, b='p', a='p', c='p')
            self.assertEqual('bac', found)

    def test_one_after_the_other(self) -> None:
        self.assertEqual('adbc', self.order(a='p', b='p', c='p', d='q'))

    def test_who_had_his_turn_waits_for_the_others(self) -> None:
        hosts = {'a': 'p', 'b': 'p', 'c': 'q', 'd': 'q'}
        self.assertEqual('acbd', self.order(**hosts))
        self.assertEqual('cadb', self.order('p0', **hosts))
        self.assertEqual('cdab', self.order('p0', 'p1', **hosts))

    def test_others_on_a_host_do_not_put_it_off(self) -> None:
        hosts = {'a': 'p', 'b': 'p', 'c': 'p', 'd': 'pq'}
        self.assertEqual('adbc', self.order(**hosts))

    def test_what_counts(self) -> None:
        old = NOW - 3601
        in_vain = ended('p0', outcome=Outcome.NOT_STARTED)
        for counts, seen in (
            (1, snapshot(migrations=(migration('p0', created_at=NOW),))),
            (
                0,
                snapshot(migrations=(migration('p0', created_at=old),)),
            ),
            # Of others than us.
            (0, snapshot(migrations=(migration('p0', user_id='them'),))),
            (0, snapshot(migrations=(migration('gone'),))),
            (1, snapshot(move('p0'))),
            # The same one, and not twice.
            (1, snapshot(move('p0'), migrations=(migration('p0'),))),
            (0, snapshot(move('p0', stage=Stage.VERIFY))),
            (
                1,
                snapshot(ended={'p0': in_vain}),
            ),
        ):
            found = fair_shares.turns(seen)
            self.assertEqual(counts, found.projects.get('p', 0))
            self.assertEqual(counts, found.of('a', 'p'))
            self.assertEqual(0, found.of('a', 'q'))
            self.assertEqual(0, found.of('b', 'p'))


class TestSlots(base.BaseTestCase):
    ALL = 'pqrstu'

    def fits(
        self,
        slots: int,
        held: str,
        project: str,
        projects: str = ALL,
        records: tuple[Migration, ...] = (),
    ) -> bool:
        """Whether one more slot fits, where these have one each."""
        servers = [server(f'{p}1', project_id=p) for p in projects]
        # It does not run, and so does not wait.
        off = server('z', project_id='z', status='SHUTOFF')
        known = make.snapshot(
            fleet(*servers, off, migrations=records),
            rules=make.rules(slots=slots),
        )
        busy = [move(project_id=p) for p in held]
        return fair_shares.Slots(known, busy).has_share_left(project)

    def most(self, slots: int, *few: str) -> int:
        """How many these take in turn, until none of them may any more."""
        held = ''
        while len(held) < slots:
            new = next((p for p in few if self.fits(slots, held, p)), None)
            if new is None:
                break
            held += new
        return len(held)

    def test_few_projects_leave_some(self) -> None:
        """As it is with one tenant who has several."""
        for slots, of_one, of_two, of_three in (
            (1, 1, 1, 1),
            (2, 1, 2, 2),
            (3, 2, 3, 3),
            (4, 2, 3, 4),
            (8, 4, 6, 7),
            (10, 5, 8, 9),
            (100, 50, 75, 88),
        ):
            for few, most in (
                ('p', of_one),
                ('pq', of_two),
                ('pqr', of_three),
            ):
                self.assertEqual(most, self.most(slots, *few), (slots, few))
            self.assertEqual(slots, self.most(slots, *self.ALL))

    def test_nobody_else_is_there(self) -> None:
        for slots in (1, 2, 3, 10):
            held = 'p' * (slots - 1)
            self.assertTrue(self.fits(slots, held, 'p', projects='p'))
        self.assertTrue(self.fits(4, 'ppq', 'q', projects='pq'))
        self.assertFalse(self.fits(4, 'ppq', 'p', projects='pq'))

    def test_the_last_one_is_for_who_has_none(self) -> None:
        self.assertTrue(self.fits(3, 'pq', 'r'))
        for project in 'pq':
            self.assertFalse(self.fits(3, 'pq', project))
            # All have one.
            self.assertTrue(self.fits(3, 'pq', project, projects='pq'))

    def test_nor_for_who_had_one_in_vain(self) -> None:
        """Else two projects of his would hold both, hour after hour."""
        for age, status, fits in (
            (0, 'error', False),
            (3600, 'cancelled', False),
            (3601, 'error', True),
            (0, 'completed', True),
        ):
            record = migration('q1', created_at=NOW - age, status=status)
            self.assertEqual(fits, self.fits(2, 'p', 'q', records=(record,)))
            self.assertTrue(self.fits(2, '', 'q', records=(record,)))
            self.assertTrue(self.fits(1, '', 'q', records=(record,)))
        # The last one of it counts, and that Nova chose no target is no try.
        failed = migration(
            'q1', migration_id=1, status='error', created_at=NOW - 9
        )
        for later in (
            {'status': 'completed', 'created_at': NOW},
            {'status': 'error', 'target': None, 'created_at': NOW},
        ):
            second = migration('q1', migration_id=2, **later)
            fits = later['status'] == 'completed'
            found = self.fits(2, 'p', 'q', records=(failed, second))
            self.assertEqual(fits, found, later)


class TestHeaviest(base.BaseTestCase):
    def test_of_what_was_copied_and_what_waits(self) -> None:
        two = tuple(
            migration(s, migration_id=n, created_at=NOW - 80000)
            for n, s in enumerate(('p0', 'p1'))
        )
        seen = snapshot(migrations=two)
        self.assertEqual(['p'], fair_shares.heaviest((), seen))
        wanted = move('q0', project_id='q', copy_mb=2049)
        self.assertEqual(['q', 'p'], fair_shares.heaviest((wanted,), seen))
        more = [move(p, project_id=p, copy_mb=n) for n, p in enumerate('rst')]
        found = fair_shares.heaviest((wanted, *more), seen)
        self.assertEqual(['q', 'p', 't'], found)

    def test_nobody(self) -> None:
        self.assertEqual([], fair_shares.heaviest((), snapshot()))
        for record in (
            # Nothing was copied.
            migration('p0', status='error', target=None),
            migration('p0', created_at=NOW - 86401),
            migration('gone'),
        ):
            seen = snapshot(migrations=(record,))
            self.assertEqual([], fair_shares.heaviest((), seen))
