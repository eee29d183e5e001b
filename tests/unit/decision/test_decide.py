import dataclasses

from oslotest import base

from steal_scheduler.decision.decide import blind, decide
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.rules import MaxUnavailable
from steal_scheduler.model.host_view import Tier
from steal_scheduler.model.move import Stage
from steal_scheduler.model.refusal import Reason, Refusal
from steal_scheduler.model.room import Free, HostRoom, Room
from tests.bench import clouds
from tests.unit import make
from tests.unit.make import (
    NOW,
    fleet,
    migration,
    rules,
    server,
    signal,
    signals,
)

RULES = rules(
    polls_contended=1,
    polls_window=1,
    shared_storage=True,
)


def snapshot(*servers, migrations=(), seen='xyz', cores=8.0):
    """x, y and z ask for 4 cores each, of the 8 cores of a."""
    servers = servers or tuple(server(s) for s in 'xyz')
    measured = signals(
        *(signal(s, used=8 / 3, waited=4 / 3) for s in seen),
        hosts={'a': cores, 'b': 8.0, 'c': 8.0},
    )
    known = fleet(*servers, migrations=migrations)
    found = make.snapshot(known, measured=measured, rules=RULES)
    return dataclasses.replace(found, view=build_view(found))


def made_of(some):
    return decide(some, {})


class TestDecide(base.BaseTestCase):
    def test_one_of_three_leaves(self):
        made = made_of(snapshot())
        self.assertEqual(3, len(made.findings))
        self.assertEqual(['x'], [m.server_id for m in made.admitted])
        self.assertEqual(
            {('y', Reason.NOT_NEEDED), ('z', Reason.NOT_NEEDED)},
            {(r.server_id, r.reason) for r in made.refusals},
        )
        self.assertEqual(100.0, made.coverage)
        self.assertEqual({'x', 'y', 'z'}, set(made.watches))

    def test_who_may_not_move_is_passed_over(self):
        made = made_of(
            snapshot(server('x', locked=True), server('y'), server('z'))
        )
        self.assertEqual(['y'], [m.server_id for m in made.admitted])
        self.assertIn(
            ('x', Reason.LOCKED),
            {(r.server_id, r.reason) for r in made.refusals},
        )

    def test_who_is_opted_out_makes_no_room(self):
        """b has the cores, and c has room for one of its servers."""
        room = Room(
            {
                n: HostRoom(Free({'MEMORY_MB': mib, 'VCPU': 99}))
                for n, mib in {'a': 0, 'b': 2048, 'c': 2048}.items()
            }
        )
        for opted_out, begun in (('', ['m']), ('metadata', [])):
            m = server(
                'm', host='b', ram_mb=2048, disk_gb=0, opted_out=opted_out
            )
            known = snapshot(*(server(s, disk_gb=0) for s in 'xyz'), m)
            measured = dict(known.signals.servers)
            measured['m'] = signal('m', host='b', used=1.0, waited=0.0)
            known = dataclasses.replace(
                known,
                signals=dataclasses.replace(known.signals, servers=measured),
                room=room,
            )
            known = dataclasses.replace(known, view=build_view(known))
            made = made_of(known)
            self.assertEqual(begun, [m.server_id for m in made.admitted])

    def test_what_holds_holds_everybody(self):
        made = made_of(snapshot(seen='xy'))
        self.assertEqual((), made.admitted)
        self.assertEqual(Reason.COVERAGE, made.refusals[0].reason)
        self.assertEqual(2, len(made.findings))
        self.assertEqual(200 / 3, made.coverage)

    def test_where_one_zone_is_not_seen_the_others_go_on(self):
        """x, y and z are seen, and wait; of the other zone nothing is."""
        unseen = (server(f'u{n}', host='d', zone='az2') for n in range(9))
        known = snapshot(*(server(s) for s in 'xyz'), *unseen)
        made = made_of(known)
        self.assertEqual(['x'], [m.server_id for m in made.admitted])
        self.assertEqual(25.0, made.coverage)
        # And the other way round.
        zones = {'x': 'az2', 'y': 'az2', 'z': 'az1'}
        known = snapshot(
            *(server(s, zone=zone) for s, zone in zones.items()),
            *(server(f'u{n}', zone='az1') for n in range(3)),
        )
        made = made_of(known)
        self.assertEqual({}, {m.server_id: 0 for m in made.admitted})
        refused = {r.server_id: r.reason for r in made.refusals}
        self.assertIs(Reason.COVERAGE, refused['z'])
        self.assertNotIn(None, refused)

    def test_a_project_whose_servers_fail_is_left_alone(self):
        """Then one of another project leaves."""
        servers = (
            *(server(s, project_id=s) for s in 'xyz'),
            server('old', project_id='x', status='SHUTOFF'),
        )
        aborted = tuple(
            migration('old', migration_id=n, status='cancelled', source='c')
            for n in range(3)
        )
        for records, expected in ((aborted[:2], 'x'), (aborted, 'y')):
            made = made_of(snapshot(*servers, cores=6.0, migrations=records))
            begun = {m.server_id for m in made.admitted}
            self.assertEqual(set(expected), begun)
        refused = {r.server_id: r.reason for r in made.refusals}
        self.assertIs(Reason.BREAKER_PROJECT, refused['x'])

    def test_blind(self):
        trouble = Refusal(Reason.SIGNALS, 'no answer')
        made = blind(trouble)
        self.assertEqual(
            ((trouble,), (), {}), (made.refusals, made.findings, made.watches)
        )


class TestQuota(base.BaseTestCase):
    """b is idle, but for a server that its own quota holds back."""

    def made(self, host, **held):
        """Whether x, y or z begins to leave a, and the tier of b."""
        servers = [server(s) for s in 'xyz']
        measured = [signal(s, used=8 / 3, waited=4 / 3) for s in 'xyz']
        runnable = 0.0
        if held:
            servers.append(server('q', host=host, vcpus=16))
            measured.append(signal('q', host=host, **held))
            runnable = (held['used'] + held['waited']) / 16
        hosts = {
            name: make.host_signal(
                name,
                cores=16.0 if name == 'b' else 8.0,
                runnable=runnable if name == host else 0.0,
            )
            for name in 'abc'
        }
        found = make.snapshot(
            fleet(*servers, hosts=dict.fromkeys('ab', 'az1')),
            measured=signals(*measured, hosts=hosts),
            rules=RULES,
        )
        found = dataclasses.replace(found, view=build_view(found))
        made = made_of(found)
        tier = found.view.hosts['b'].tier
        return [m.server_id for m in made.admitted], made.saturations, tier

    def test_its_host_is_not_hot(self):
        """80 % of its time it waits, for nobody else."""
        held = {'used': 3.2, 'waited': 12.8, 'throttled': 12.8}
        self.assertEqual(self.made('b'), self.made('b', **held))
        self.assertEqual((['x'], (), Tier.COLD), self.made('b', **held))

    def test_beside_those_that_wait_it_changes_nothing(self):
        held = {'used': 0.0, 'waited': 4.0, 'throttled': 4.0}
        self.assertEqual(self.made('a'), self.made('a', **held))

    def test_without_contention_none_moves_for_it(self):
        held = {'used': 1.0, 'waited': 7.0, 'throttled': 7.0}
        found = make.snapshot(
            fleet(server('q', vcpus=8)),
            measured=signals(signal('q', **held), hosts={'a': 8.0, 'b': 8.0}),
            rules=RULES,
        )
        made = made_of(dataclasses.replace(found, view=build_view(found)))
        self.assertEqual((), made.admitted)
        self.assertEqual([Reason.QUOTA], [r.reason for r in made.refusals])


class TestTwoProjects(base.BaseTestCase):
    """p has one server that waits, and q floods the cloud."""

    HOSTS = dict.fromkeys(('a', 'b', 'c', *map(str, range(20))), 'az1')

    def made(self, *others, migrations=(), **some):
        """Servers of q ask for 4 cores each, on 20 hosts of 4 cores."""
        servers = (
            *(server(s, host='a', project_id='p') for s in ('v', 'w')),
            *(
                server(f'{n}-{i}', host=f'{n}', project_id='q')
                for n in range(20)
                for i in range(2)
            ),
            *others,
        )
        cores = {name: 4.0 for name in self.HOSTS} | {'a': 6.0}
        known = fleet(*servers, hosts=self.HOSTS, migrations=migrations)
        measured = signals(
            *(
                signal(s.server_id, host=s.host, used=2.0, waited=w)
                for s in servers
                for w in [1.5 if s.project_id == 'p' else 2.0]
            ),
            hosts=cores | {'b': 16.0, 'c': 16.0},
        )
        found = make.snapshot(
            known, measured=measured, **{'rules': RULES} | some
        )
        return made_of(dataclasses.replace(found, view=build_view(found)))

    def test_each_has_a_slot_and_its_turn(self):
        begun = [m.server.project_id for m in self.made().admitted]
        self.assertEqual(['q', 'p'], begun)

    def test_who_moved_lately_comes_later(self):
        moved = migration('5-0', created_at=NOW - 600, source='5')
        made = self.made(migrations=(moved,))
        self.assertEqual('p', made.admitted[0].server.project_id)

    def test_one_cannot_take_all_slots(self):
        """Nobody else waits now; who waits next must not wait for him."""
        rules = dataclasses.replace(
            RULES, limits=dataclasses.replace(RULES.limits, slots=4)
        )
        moving = {
            s: make.move(s, stage=Stage.MIGRATE, source=s[0], project_id='q')
            for s in ('5-0', '6-0')
        }
        made = self.made(moves=moving, rules=rules)
        self.assertEqual(['p'], [m.server.project_id for m in made.admitted])
        refused = {r.reason for r in made.refusals if r.server_id != 'w'}
        self.assertIn(Reason.SLOT_PROJECT, refused)

    def test_those_that_left_in_vain_are_followed_by_others(self):
        """q asks for more on the host of p than anybody could cure."""
        tempting = [
            server(f't{n}', host='a', project_id='q', ram_mb=64)
            for n in range(6)
        ]
        first = self.made(*tempting)
        self.assertIn(('a', 'q'), sides(first))
        left = migration('t0', created_at=NOW - 60)
        gone = server('t0', host='c', project_id='q', ram_mb=64)
        second = self.made(*tempting[1:], gone, migrations=(left,))
        self.assertIn(('a', 'p'), sides(second))


def sides(made):
    return {(m.source, m.server.project_id) for m in made.admitted}


class TestLargeCloud(base.BaseTestCase):
    """As large as the cloud that all this was invented for."""

    def test_each_is_moved_or_told_why_not(self):
        told, measured = clouds.cloud(80, 1000, NOW)
        # Nothing but the cure itself holds anybody back.
        freely = rules(
            polls_contended=1,
            polls_window=1,
            slots=1000,
            max_unavailable=MaxUnavailable(None, None),
            copy_rate=1_000_000,
        )
        found = make.snapshot(told, measured=measured, rules=freely)
        view = build_view(found)
        made = made_of(dataclasses.replace(found, view=view))
        self.assertEqual(100.0, made.coverage)
        contended = {f.server_id for f in made.findings}
        moving = {m.server_id for m in made.admitted}
        refused = {r.server_id for r in made.refusals}
        self.assertEqual(set(), contended - (moving | refused))
        self.assertEqual(set(), moving & refused)
        hot = {f.host for f in made.findings}
        self.assertEqual(8, len(hot))
        # One of each leaves, and then it is measured anew.
        self.assertEqual(sorted(hot), sorted(m.source for m in made.admitted))
        tiers = [h.tier for h in view.hosts.values()]
        self.assertEqual((80, 8), (len(tiers), tiers.count(Tier.HOT)))
