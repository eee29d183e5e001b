from oslotest import base

from steal_scheduler.decision import fair_shares
from steal_scheduler.decision.snapshot import Snapshot
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


def leaving(**hosts: str) -> dict[str, list[Move]]:
    """By host, the projects of its servers that might leave it."""
    return {
        host: [move(project_id=project) for project in projects]
        for host, projects in hosts.items()
    }


class TestTurns(base.BaseTestCase):
    def order(self, *moved: str, **hosts: str) -> str:
        """Of hosts, given worst first, where these moved an hour ago."""
        records = tuple(
            migration(s, migration_id=n, created_at=NOW - 3599, source='z')
            for n, s in enumerate(moved)
        )
        turns = fair_shares.turns(snapshot(migrations=records))
        return ''.join(turns.ordered(hosts, leaving(**hosts)))

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
            self.assertEqual(counts, found.of(move(project_id='p')))
            self.assertEqual(0, found.of(move(project_id='q')))
            self.assertEqual(0, found.of(move(source='b', project_id='p')))


class TestSlots(base.BaseTestCase):
    def test_half_of_them_where_there_are_others(self) -> None:
        for all_, share in ((1, 1), (2, 1), (3, 2), (10, 5)):
            rules = make.rules(slots=all_)
            self.assertEqual(share, fair_shares.slots(snapshot(rules=rules)))
            alone = fleet(
                server('x', project_id='p'),
                server('y', project_id='p'),
                # It does not run, and so does not wait.
                server('z', project_id='q', status='SHUTOFF'),
            )
            known = make.snapshot(alone, rules=rules)
            self.assertEqual(all_, fair_shares.slots(known))


class TestHeaviest(base.BaseTestCase):
    def test_of_what_was_copied_and_what_waits(self) -> None:
        two = tuple(
            migration(s, migration_id=n, created_at=NOW - 80000)
            for n, s in enumerate(('p0', 'p1'))
        )
        seen = snapshot(migrations=two)
        self.assertEqual('p', fair_shares.heaviest((), seen))
        wanted = move('q0', project_id='q', copy_mb=2049)
        self.assertEqual('q', fair_shares.heaviest((wanted,), seen))

    def test_nobody(self) -> None:
        self.assertIsNone(fair_shares.heaviest((), snapshot()))
        for record in (
            # Nothing was copied.
            migration('p0', status='error', target=None),
            migration('p0', created_at=NOW - 86401),
            migration('gone'),
        ):
            seen = snapshot(migrations=(record,))
            self.assertIsNone(fair_shares.heaviest((), seen))
