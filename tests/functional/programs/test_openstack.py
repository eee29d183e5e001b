"""``openstack steal ...``, from the terminal to a real Nova and back."""

from tests.functional import desk, one  # isort: skip (before Nova's)

from typing import Any

from steal_scheduler.demo import users
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.model import until
from tests.functional.scene import Guest
from tests.shared import PATIENCE

#: It decides, and begins nothing; it looks no more often than it has to.
DRY = {'dry_run': True, 'poll_interval': 0.5}
LIVE = {'poll_interval': 0.5}
#: Nothing is contended: whatever moves was asked for.
CALM = {'steal_threshold': 99}
#: However long a busy machine takes to measure.
PATIENT = {'source': 'static', 'max_age': 900}

scene = one.scene
setUpModule = one.set_up()


class StealTestCase(desk.DeskTestCase):
    scene = scene

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.remove_aggregate)

    def remove_aggregate(self) -> None:
        for each in scene.call('GET', '/os-aggregates')['aggregates']:
            if each['name'] == until.AGGREGATE:
                scene.call('DELETE', f'/os-aggregates/{each["id"]}')


def of(row: Any, *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


class TestDryRun(StealTestCase):
    """Everything can be looked at, and what is kept in Nova be asked."""

    def setUp(self) -> None:
        super().setUp()
        self.mover = self.boot_contended()
        (self.calm,) = scene.boot(Guest('calm', 'b1', 0.1))
        self.lead(migrator=DRY, signals=PATIENT)

    def test_looks(self) -> None:
        rows = self.rows('server list --contended')
        self.assertEqual(
            [(self.mover, 'on-a1', 'a1')],
            [of(row, 'Server ID', 'Name', 'Host') for row in rows],
        )
        [row] = self.rows('server list --zone az2 --long')
        self.assertEqual(
            (self.calm, 'calm', 'b1', False),
            of(row, 'Server ID', 'Name', 'Host', 'Contended'),
        )
        server = self.rows('server show on-a1')
        self.assertEqual((self.mover, None), of(server, 'Server ID', 'Move'))
        hosts = {row['Host']: row for row in self.rows('host list --long')}
        self.assertEqual({*one.HOSTS}, {*hosts})
        self.assertGreater(hosts['a1']['Steal'], 0.05)
        self.assertEqual(2.0, hosts['a1']['Cores'])
        [there] = self.rows('host show a1')['Servers']
        self.assertEqual(self.mover, there['server_id'])
        plan = self.rows('plan')
        self.assertIn(
            ('move', self.mover),
            [of(row, 'What', 'Server ID') for row in plan],
        )
        summary = self.rows('summary')
        self.assertEqual(
            (True, 2, 0), of(summary, 'Dry Run', 'Servers', 'Moves')
        )
        settings = [
            of(row, 'Group', 'Name') for row in self.rows('setting list')
        ]
        self.assertIn(('migrator', 'dry_run'), settings)

    def test_asks(self) -> None:
        """Pauses and skips are kept in Nova, whoever leads."""
        paused = self.rows('pause --zone az1 --for 2h --reason "a: b"')
        self.assertEqual(('zone', 'az1'), of(paused, 'Scope', 'Name'))
        self.assertIn('a: b', paused['Reason'])
        [pause] = self.rows('summary')['Pauses']
        self.assertEqual('az1', pause['name'])
        self.assertIsNotNone(self.rows('host show a1')['Paused'])
        self.assertEqual('', self.steal('resume --zone az1'))
        self.assertEqual([], self.rows('summary')['Pauses'])
        skipped = self.rows('server skip calm --for 2h')
        self.assertIsNotNone(skipped['Skipped Until'])
        free = self.rows('server skip calm --stop')
        self.assertIsNone(free['Skipped Until'])
        said = self.steal('move create calm', 2)
        self.assertIn('dry_run', said)
        self.assertIn('No move of server', self.steal('move cancel calm', 1))


class TestLive(StealTestCase):
    def test_a_move(self) -> None:
        """It is asked for, waited for, seen and told of."""
        (calm,) = scene.boot(Guest('calm', 'a1', 0.1))
        self.lead(migrator=LIVE, signals=PATIENT, detection=CALM)
        done = self.run_it('move create calm --wait -f json')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn(f'calm ({calm}): ', done.stderr)
        self.assertNotEqual('a1', scene.host(calm))
        self.assertIn(f'"To": "{scene.host(calm)}"', done.stdout)
        self.assert_back(calm)
        last = self.rows('server show calm')['Last Move']
        self.assertEqual(('a1', 'admin'), of(last, 'source', 'asked_by'))

    def test_it_is_cancelled(self) -> None:
        endless = {'demo:seconds': 'never'}
        (calm,) = scene.boot(Guest('calm', 'a1', 0.1, metadata=endless))
        self.lead(migrator=LIVE, signals=PATIENT, detection=CALM)
        self.steal('move create calm')
        wait_for(
            lambda: scene.stage(calm) == 'migrate', PATIENCE, 'the migration'
        )
        [move] = self.rows('move list')
        self.assertEqual((calm, 'a1'), of(move, 'Server ID', 'From'))
        self.assertEqual('migrate', self.rows('move show calm')['Stage'])
        ended = self.rows('move cancel calm --wait --reason "a: b"')
        self.assertIn(ended['Outcome'], ('failed', 'not_started'))
        self.assertEqual('a1', scene.host(calm))
        self.assert_back(calm)

    def test_a_host_is_relieved(self) -> None:
        mover = self.boot_contended()
        # By itself it waits for more polls than there will ever be.
        polls = {'polls_contended': 60, 'polls_window': 60}
        self.lead(migrator=LIVE, signals=PATIENT, detection=polls)
        self.assertIn('contended', self.steal('host relieve b1', 2))
        rows = self.rows('host relieve a1 --wait')
        self.assertEqual(
            [('move', mover)], [of(row, 'What', 'Server ID') for row in rows]
        )
        self.assertNotEqual('a1', scene.host(mover))
        self.assert_back(mover)

    def test_a_host_is_emptied(self) -> None:
        """Whoever cannot leave is told of; then it leaves, and all is over."""
        names = 'calm', 'locked'
        ids = scene.boot(*(Guest(name, 'b1', 0.1) for name in names))
        calm, locked = ids
        scene.action(locked, 'lock')
        self.lead(migrator=LIVE, signals=PATIENT, detection=CALM)
        said = self.steal('host drain nowhere', 1)
        self.assertIn('nowhere', said)
        host = self.rows('host drain b1 --for 2h --reason "a: new memory"')
        self.assertIn('a: new memory', host['Drained'])
        wait_for(
            lambda: scene.host(calm) == 'b2' and not scene.tags(calm),
            PATIENCE,
            'the one that can to leave',
        )
        done = self.run_it('host drain b1 --for 2h --wait --timeout 1s')
        self.assertEqual(2, done.returncode, done.stderr)
        self.assertIn('b1: 1 server is left', done.stderr)
        [left] = self.rows('host show b1')['Servers']
        self.assertEqual((locked, 'locked'), of(left, 'server_id', 'reason'))
        scene.action(locked, 'unlock')
        host = self.rows('host drain b1 --for 2h --wait')
        self.assertEqual([], host['Servers'])
        wait_for(lambda: not self.rows('move list'), PATIENCE, 'the end')
        for id_ in ids:
            self.assertEqual('b2', scene.host(id_))
            self.assertEqual(['completed'], scene.migrations(id_))
            self.assert_back(id_)
        self.assertIsNone(self.rows('host drain b1 --stop')['Drained'])
        self.assertIn('emptied', self.steal('host drain b1 --stop', 1))
        # It is told of as any move.
        self.assert_told(ids)

    def assert_told(self, ids: list[str]) -> None:
        """These have moved from b1 to b2, for it was emptied."""
        told = self.rows('history --since 1h --long')
        self.assertEqual({*ids}, {row['Server ID'] for row in told})
        self.assertEqual(
            {('b1', 'b2', 'arrived', 'az2')},
            {of(row, 'From', 'To', 'Outcome', 'Zone') for row in told},
        )
        for row in told:
            self.assertIn('host b1 is emptied: admin: ', row['Reason'])
        self.assertEqual(told, self.rows('history --zone az2 --long'))
        self.assertEqual([], self.rows('history --zone az1'))
        [one_of_them] = self.rows('history --server calm')
        self.assertEqual(ids[0], one_of_them['Server ID'])
        [zone] = self.rows('relief')
        self.assertEqual(('az2', 2, 0), of(zone, 'Zone', 'Moves', 'Helped'))

    def test_moves_are_approved_and_rejected(self) -> None:
        """What was proposed stays where it is until somebody says yes."""
        for zone in 'az1', 'az2':
            self.approval(zone, 'true')
            self.addCleanup(self.approval, zone, None)
        moves, stays = (self.boot_contended(host) for host in ('a1', 'b1'))
        self.lead(migrator=LIVE, signals=PATIENT)
        wait_for(
            lambda: len(self.rows('approval list')) == 2,
            PATIENCE,
            'both to be proposed',
        )
        rows = self.rows('approval list')
        self.assertEqual(
            {(moves, 'on-a1', 'a1'), (stays, 'on-b1', 'b1')},
            {of(row, 'Server ID', 'Name', 'From') for row in rows},
        )
        for row in rows:
            self.assertLess(row['Asked At'], row['Expires At'])
        said = self.steal('approval reject on-b1 --reason "a: not today"')
        self.assertEqual('', said)
        [waits] = self.rows('approval list')
        self.assertEqual(moves, waits['Server ID'])
        [no] = self.rows('server show on-b1')['Refusals']
        self.assertEqual('approval', no['reason'])
        self.assertIn('a: not today', no['detail'])
        # Nobody says it twice.
        self.assertIn('rejected', self.steal('approval approve on-b1', 2))
        self.assertEqual('', self.steal('approval approve on-a1'))
        wait_for(
            lambda: scene.host(moves) != 'a1' and not scene.tags(moves),
            PATIENCE,
            'the move',
        )
        self.assert_back(moves)
        self.assertEqual([], self.rows('approval list'))
        said = self.steal('approval approve on-a1', 1)
        self.assertIn('waits for a yes', said)
        self.assertEqual([], scene.migrations(stays))

    def approval(self, zone: str, wanted: str | None) -> None:
        scene.set_zone_metadata(zone, {'steal:approval': wanted})


class TestWho(StealTestCase):
    def test_a_project_sees_its_own(self) -> None:
        scene.boot(Guest('ours', 'b1', 0.1))
        (theirs,) = scene.boot(Guest('theirs', '', 0.1), owner=users.CAROL)
        self.lead(migrator=DRY, signals=PATIENT)
        rows = self.rows('server list', user=users.CAROL)
        self.assertEqual(
            [(theirs, 'theirs', None)],
            [of(row, 'Server ID', 'Name', 'Host') for row in rows],
        )
        said = self.steal('server show ours', 1, user=users.CAROL)
        self.assertIn("No server is called 'ours'", said)
        for command in ('summary', 'host list', 'plan', 'pause'):
            said = self.steal(command, 1, user=users.CAROL)
            self.assertIn('You may not do this', said)

    def test_nobody_leads(self) -> None:
        self.assertIn('migrator leads', self.steal('summary', 1))
