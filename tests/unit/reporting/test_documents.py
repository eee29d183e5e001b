"""What people are told: see also ``tests/unit/migrator/test_desk.py``."""

import dataclasses
import json
from typing import Any

from oslotest import base

from steal_scheduler.exception import RequestRefused
from tests.unit.asking import ALICE, ask, look, of_project
from tests.unit.make import rules
from tests.unit.rig import Rig

#: Each look, with arguments with which it answers.
LOOKS: dict[str, dict[str, Any]] = {
    'summary': {},
    'plan': {},
    'hosts': {},
    'host': {'host': 'a'},
    'servers': {},
    'server': {'server_id': 'x'},
    'moves': {},
    'move': {'server_id': 'x'},
    'approvals': {},
    'history': {'since': 86400},
    'relief': {},
}
OF_PROJECTS = 'servers', 'server', 'moves', 'move', 'history'


def words(value: Any) -> list[str]:
    """Every text in a document that is no key."""
    if isinstance(value, dict):
        return [w for each in value.values() for w in words(each)]
    if isinstance(value, list):
        return [w for each in value for w in words(each)]
    return [value] if isinstance(value, str) else []


class DocumentsTest(base.BaseTestCase):
    """x of project p1 moves from host-a; y of p2 and z of p1 wait there."""

    def setUp(self) -> None:
        super().setUp()
        self.rig = Rig()
        nova = self.rig.nova
        for name in ('host-a', 'host-b'):
            nova.set_host(name)
        for server_id, project in zip('xyz', ('p1', 'p2', 'p1'), strict=True):
            nova.change(server_id, host='host-a', project_id=project)
        self.rig.overload()
        self.rig.tick()

    def look(self, method: str, who: Any = ALICE, **args: Any) -> Any:
        return look(self.rig, method, who, **args)


class TestLooks(DocumentsTest):
    def test_each_is_json(self) -> None:
        for method, args in LOOKS.items():
            args = args | ({'host': 'host-a'} if method == 'host' else {})
            found = self.look(method, **args)
            self.assertEqual(
                found, json.loads(json.dumps(found, allow_nan=False))
            )

    def test_objects_of_a_kind_have_the_same_keys(self) -> None:
        hosts = self.look('hosts')['hosts']
        self.assertEqual(1, len({tuple(h) for h in hosts}))
        servers = self.look('servers')['servers']
        self.assertEqual(1, len({tuple(s) for s in servers}))
        self.assertLess({*servers[0]}, {*self.look('server', server_id='x')})
        self.assertEqual({*hosts[0]}, {*self.look('host', host='b')})

    def test_summary(self) -> None:
        found = self.look('summary')
        self.assertEqual(
            (3, 3, 1, False),
            tuple(
                found[k] for k in ('servers', 'contended', 'moves', 'dry_run')
            ),
        )
        self.assertEqual({'cold': 4, 'unknown': 0, 'hot': 1}, found['hosts'])
        self.assertEqual(100.0, found['coverage_percent'])
        self.assertEqual('1970-01-12T13:47:10Z', found['judged_at'])
        self.assertEqual(str(self.rig.leader.number), found['leadership'])
        for status in ('', 'running', 'completed', '', '', ''):
            self.rig.tick(10)
            if status:
                self.rig.nova.proceed(status, 'x')
        self.rig.tick(100, times=5)
        last_day = self.look('summary')['last_day']
        self.assertEqual({'helped': 1}, last_day['moves'])

    def test_each_move_of_a_server_counts(self) -> None:
        self.rig.source.demand = {}
        for _ in range(2):
            ask(self.rig, 'move_cancel', server_id='x', reason='again')
            self.rig.tick(3)
            self.assertNotIn('x', self.rig.stages())
            self.rig.tick(1000)
            ask(self.rig, 'move_create', server_id='x', reason='again')
        last_day = self.look('summary')['last_day']
        self.assertEqual({'not_started': 2}, last_day['moves'])

    def test_a_host(self) -> None:
        found = self.look('host', host='host-a')
        self.assertEqual(
            ('host-a', 'az1', 'hot', 8.0, None),
            tuple(
                found[k]
                for k in ('host', 'zone', 'tier', 'cores', 'unreliable')
            ),
        )
        self.assertEqual(
            ['x', 'y', 'z'], [s['server_id'] for s in found['servers']]
        )
        self.assertAlmostEqual(0.27, found['steal'], 2)
        self.assertLessEqual(found['demand_low'], found['demand_expected'])
        self.assertLessEqual(found['demand_expected'], found['demand_high'])
        # Of what is left Nova is asked when somebody is to be placed.
        self.assertIsNone(found['room'])
        self.rig.tick(3)
        room = self.look('host', host='b')['room']
        self.assertEqual(2**20, room['MEMORY_MB'])
        error = self.assertRaises(
            RequestRefused, self.look, 'host', host='nope'
        )
        self.assertEqual('not_found', error.reason)

    def test_policies_of_a_host(self) -> None:
        nova = self.rig.nova
        for number, (name, text) in enumerate(
            (('az1', 'Mon 01:00-02:00'), ('rack7', '03:00-04:00')), 1
        ):
            nova.create_aggregate(name, 'host-a')
            said = {'steal:window': text, 'steal:slots': str(number)}
            nova.set_aggregate_metadata(number, said)
        nova.set_aggregate_metadata(1, {'steal:dry_run': 'yes'})
        self.rig.tick(3)
        found = self.look('host', host='host-a')['policy']
        self.assertEqual(
            {
                'steal:dry_run': ('yes', 'aggregate az1'),
                'steal:steal_threshold': ('5', '[detection] steal_threshold'),
                'steal:load_threshold': ('0.3', '[detection] load_threshold'),
                'steal:slots': ('1', 'aggregate az1'),
                'steal:window': (
                    'Mon 01:00-02:00 and 03:00-04:00',
                    'aggregate az1, aggregate rack7',
                ),
            },
            {k: (v['value'], v['source']) for k, v in found.items()},
        )
        nova.change('y', metadata={'steal:window': 'Sat,Sun 00:00-24:00'})
        self.rig.tick(60)
        self.assertEqual(
            'Sat,Sun 00:00-24:00 and Mon 01:00-02:00 and 03:00-04:00',
            self.look('server', server_id='y')['window'],
        )
        # What operators say of its host is not its project's to know.
        self.assertEqual(
            'Sat,Sun 00:00-24:00',
            self.look('server', of_project('p2'), server_id='y')['window'],
        )
        other = self.look('host', host='host-b')['policy']
        self.assertEqual('[limits] slots', other['steal:slots']['source'])

    def test_the_option_dry_run_is_about_all(self) -> None:
        nova = self.rig.nova
        nova.create_aggregate('az1', 'host-a')
        nova.set_aggregate_metadata(1, {'steal:dry_run': 'false'})
        self.rig.rules = dataclasses.replace(self.rig.rules, dry_run=True)
        self.rig.restart()
        self.rig.tick()
        found = self.look('host', host='host-a')['policy']['steal:dry_run']
        self.assertEqual(
            {'value': 'true', 'source': '[migrator] dry_run'}, found
        )

    def test_hosts_come_by_zone_and_name(self) -> None:
        """Not as Nova tells them."""
        for name, zone in (('z', 'az0'), ('A', 'az2'), ('aa', 'az1')):
            self.rig.nova.set_host(name, zone=zone)
        self.rig.tick()
        found = [(h['zone'], h['host']) for h in self.look('hosts')['hosts']]
        self.assertEqual(sorted(found), found)
        self.assertEqual(('az0', 'z'), found[0])

    def test_one_that_is_not_measured_is_not_idle(self) -> None:
        self.rig.nova.set_host('dark', zone='az2')
        self.rig.source._cores = 0.0
        self.rig.tick()
        (found,) = self.look('hosts', zone='az2')['hosts']
        self.assertEqual('unknown', found['tier'])
        for key in ('steal', 'cores', 'demand_low', 'demand_high'):
            self.assertIsNone(found[key], key)

    def test_which_servers(self) -> None:
        def ids(**args: Any) -> list[str]:
            servers = self.look('servers', **args)['servers']
            return [s['server_id'] for s in servers]

        self.assertEqual(['x', 'y', 'z'], ids())
        self.assertEqual(['y'], ids(project='p2'))
        self.assertEqual(['x', 'y', 'z'], ids(host='host-a'))
        self.assertEqual([], ids(host='b'))
        self.assertEqual([], ids(zone='az2'))
        self.assertEqual(['x', 'y', 'z'], ids(contended=True))
        self.assertEqual([], ids(contended=False))
        self.rig.source.demand = {}
        self.rig.tick()
        self.assertEqual([], ids(contended=True))
        self.assertEqual(['x', 'y', 'z'], ids(contended=False))

    def test_why_one_stays(self) -> None:
        self.rig.nova.change('y', locked=True)
        self.rig.tick(60)
        found = self.look('server', server_id='y')
        self.assertEqual('locked', found['reason'])
        self.assertIn('it is locked', found['detail'])
        # One that does not wait, too.
        self.rig.source.demand = {}
        self.rig.tick(60)
        found = self.look('server', server_id='y')
        self.assertIs(False, found['contended'])
        self.assertEqual(
            ['locked'], [no['reason'] for no in found['refusals']]
        )

    def test_a_move(self) -> None:
        found = self.look('move', server_id='x')
        self.assertEqual(
            ('host-a', 'drain', 'p1', None, None),
            tuple(
                found[k]
                for k in (
                    *('source', 'stage', 'project_id', 'target'),
                    'requested_by',
                )
            ),
        )
        self.assertEqual([found], self.look('moves')['moves'])
        server = self.look('server', server_id='x')
        self.assertEqual(found, server['move'])
        self.assertEqual('drain', server['state'])
        error = self.assertRaises(
            RequestRefused, self.look, 'move', server_id='y'
        )
        self.assertEqual('not_found', error.reason)

    def test_the_plan(self) -> None:
        found = self.look('plan')
        (planned,) = found['admitted']
        self.assertEqual(
            ('x', 'host-a'), (planned['server_id'], planned['source'])
        )
        self.assertEqual(
            {'y': 'not_needed', 'z': 'not_needed'},
            {no['server_id']: no['reason'] for no in found['refusals']},
        )
        self.assertEqual([], found['holds'])
        self.assertIsNone(planned['detail'])

    def test_what_a_dry_run_only_plans(self) -> None:
        """And who wants that, of one zone among others that are live."""
        self.rig = Rig()
        self.rig.nova.create_aggregate('az1', 'a')
        self.rig.nova.set_aggregate_metadata(1, {'steal:dry_run': 'true'})
        self.rig.overload()
        self.rig.tick()
        (planned,) = self.look('plan')['admitted']
        self.assertEqual(
            'dry run: steal:dry_run = true of aggregate az1', planned['detail']
        )


class TestProject(DocumentsTest):
    """Whoever may see the servers of one project, and nothing else."""

    def hidden(self, project: str, *allowed: str) -> None:
        """No answer names a host, or anything of another project."""
        who = of_project(project)
        secrets = {'host-a', 'host-b', 'alice', 'p1', 'p2', 'x', 'y', 'z'}
        secrets -= {project, *allowed}
        for method in OF_PROJECTS:
            args = LOOKS[method]
            try:
                found = self.look(method, who, **args)
            except RequestRefused as no:
                self.assertEqual('not_found', no.reason)
                continue
            for said in words(found):
                for secret in secrets:
                    self.assertNotIn(
                        secret, said.replace('name of', '').split()
                    )
                self.assertNotIn('host-', said)

    def test_it_sees_its_own_alone(self) -> None:
        servers = self.look('servers', of_project('p1'))['servers']
        self.assertEqual(['x', 'z'], [s['server_id'] for s in servers])
        servers = self.look('servers', of_project('p2'))['servers']
        self.assertEqual(['y'], [s['server_id'] for s in servers])
        self.assertEqual([], self.look('moves', of_project('p2'))['moves'])
        for method in ('server', 'move'):
            error = self.assertRaises(
                RequestRefused,
                self.look,
                method,
                of_project('p2'),
                server_id='x',
            )
            self.assertEqual('not_found', error.reason)

    def test_it_cannot_ask_around(self) -> None:
        for args in ({'project': 'p2'}, {'host': 'host-a'}):
            found = self.look('servers', of_project('p1'), **args)
            self.assertEqual([], found['servers'])
        for method in ('summary', 'plan', 'hosts', 'settings'):
            error = self.assertRaises(
                RequestRefused, self.look, method, of_project('p1')
            )
            self.assertEqual('invalid', error.reason)

    def test_no_host_is_named_anywhere(self) -> None:
        rig = self.rig
        self.hidden('p1', 'x', 'z')
        self.hidden('p2', 'y')
        # On its way, with a target; and over, with what it has come to.
        for status in ('', 'running', 'completed', '', '', ''):
            rig.tick(10)
            if status:
                rig.nova.proceed(status, 'x')
            self.hidden('p1', 'x', 'z')
        rig.tick(100, times=5)
        self.hidden('p1', 'x', 'z')
        last = self.look('server', of_project('p1'), server_id='x')['last']
        self.assertEqual('helped', last['outcome'])

    def test_nor_where_others_are_the_reason(self) -> None:
        rig = self.rig
        for server_id in 'yz':
            rig.nova.change(server_id, locked=True)
        rig.nova.pause('steal:pause:host:host-a', 'true alice')
        rig.tick(60)
        self.hidden('p1', 'x', 'z')
        self.hidden('p2', 'y')

    def test_nor_who_asked_for_its_host(self) -> None:
        """Its own wait is left, whatever the words are."""
        for method, said, args in (
            ('host_relieve', 'waits 27%', {'host': 'a'}),
            ('move_create', '', {'server_id': 'x'}),
        ):
            rig = Rig(rules(polls_contended=3, polls_window=3))
            rig.overload()
            rig.tick()
            ask(rig, method, reason='host-a is slow', **args)
            (move,) = rig.migrator.moves.values()
            self.assertIn('asked for by alice: host-a is slow', move.reason)
            self.assertEqual(said, move.own_reason[:9])
            self.assertNotIn('alice', move.own_reason)

    def test_nor_what_an_operator_writes(self) -> None:
        rig = self.rig
        rig.source.demand = {}
        ask(rig, 'move_cancel', server_id='x', reason='host-a is fine')
        self.hidden('p1', 'x', 'z')
        rig.tick(3)
        rig.tick(1000)
        ask(rig, 'server_skip', server_id='z', reason='host-a is bad')
        ask(rig, 'move_create', server_id='x', reason='off host-a')
        self.assertEqual('drain', rig.stages()['x'])
        self.hidden('p1', 'x', 'z')
