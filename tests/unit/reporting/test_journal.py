import dataclasses

import fixtures
from oslotest import base

from steal_scheduler.decision.decide import NOTHING
from steal_scheduler.decision.host_checks import HostCheck, UnreliableHost
from steal_scheduler.exception import NovaError
from steal_scheduler.model import policy
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import Outcome, Stage
from steal_scheduler.model.rankings import Ranking, Rankings
from steal_scheduler.model.refusal import Reason, Refusal, Saturation
from steal_scheduler.model.relief import Relief
from steal_scheduler.model.scheduler import CLASSES, Scheduler
from steal_scheduler.reporting.journal import Journal
from steal_scheduler.reporting.metrics import Metrics
from tests.samples import sample
from tests.unit import fakes
from tests.unit.make import (
    NOW,
    ended,
    finding,
    fleet,
    move,
    rules,
    scheduler,
    server,
    snapshot,
)

WAITS = Refusal(Reason.TARGET_PENDING, 'its turn comes', 'm')
SNAPSHOT = snapshot(
    None,
    move('m', waits=WAITS),
    view=View(NOW, {'a': HostView(Tier.COLD)}, {}, {}),
    sent=True,
    rules=rules(dry_run=True),
)


class TestJournal(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.said = 0
        self.metrics = Metrics()
        self.notifier = fakes.FakeNotifier()
        self.journal = Journal(self.metrics, self.notifier)

    def lines(self) -> list[str]:
        """What was logged since the last time, but for the audit."""
        lines = self.log.output.splitlines()
        found = [line for line in lines if not line.startswith('{')]
        new, self.said = found[self.said :], len(found)
        return new

    def test_a_stage(self) -> None:
        self.journal.stage(
            move(
                stage=Stage.MIGRATE,
                name='web-1',
                target='b',
                reason='it waits',
            )
        )
        self.assertEqual([('migrate', 's')], self.notifier.said)
        self.assertEqual(
            [
                'Move of server web-1 (s) from host a to host b entered stage '
                'migrate: it waits.'
            ],
            self.lines(),
        )
        self.journal.stage(
            move(name='', reason='it waits', failure='it was locked')
        )
        self.assertEqual(
            [
                "Move of server s from host a to a host of Nova's choice "
                'entered stage drain: it was locked.'
            ],
            self.lines(),
        )

    def test_a_move_that_is_stuck_is_said_once(self) -> None:
        """Each answer of Nova's has an id of its own."""

        def stuck(*told: tuple[str, int]) -> list[str]:
            self.journal.stuck(
                [
                    (move(s), NovaError(f'no (Request-ID: req-{n})'))
                    for s, n in told
                ]
            )
            return self.lines()

        said = 'Move of server name of {} ({}) waits in stage drain: no ('
        self.assertEqual(
            [f'{said.format(s, s)}Request-ID: req-1)' for s in 'ab'],
            stuck(('a', 1), ('b', 1)),
        )
        self.assertEqual([], stuck(('a', 2), ('b', 3)))
        self.assertEqual([], stuck(('b', 4)))
        self.assertEqual(1, len(stuck(('a', 5), ('b', 6))))

    def test_a_cell_that_is_down_is_said_once(self) -> None:
        def show(*unread: str) -> list[str]:
            known = fleet(*map(server, 'ab'))
            missing = dataclasses.replace(known, unread_servers={*unread})
            self.journal.show(snapshot(missing), NOTHING)
            return self.lines()

        self.assertEqual([], show())
        (line,) = show('b', 'a')
        self.assertIn('Nova does not tell of 2 servers now (a, ...)', line)
        self.assertEqual([], show('b'))
        self.assertEqual(['Nova tells of all servers again.'], show())
        (line,) = show('b')
        self.assertIn('Nova does not tell of 1 server now (b)', line)

    def test_the_end(self) -> None:
        self.journal.ended(
            ended(move=move(target='b'), outcome=Outcome.FAILED)
        )
        self.assertEqual([('failed', 's')], self.notifier.said)
        self.assertEqual(
            1.0,
            sample(self.metrics, 'moves_total', {'outcome': 'failed'}),
        )
        (line,) = self.lines()
        self.assertIn('from host a to host b ended: failed', line)
        self.journal.ended(ended(move=move(drained_at=NOW - 90)))
        (line,) = self.lines()
        self.assertIn('now. It was out of service for 90 s.', line)

    def test_what_it_has_brought(self) -> None:
        for core_seconds, said, name in (
            (257.4, '257 core-seconds less', 'relief'),
            (-30.0, '30 core-seconds more', 'harm'),
        ):
            relief = Relief(NOW, core_seconds, 900.0, over=True)
            made = move(stage=Stage.VERIFY, target='b')
            self.journal.relieved(ended(move=made), relief)
            (line,) = self.lines()
            self.assertIn(
                f'within 900 s their servers waited for {said}', line
            )
            found = sample(
                self.metrics, f'{name}_core_seconds_total', {'zone': 'az1'}
            )
            self.assertEqual(abs(core_seconds), found)

    def test_what_nobody_has_measured_is_not_told(self) -> None:
        made = move(stage=Stage.VERIFY, target='b')
        self.journal.relieved(ended(move=made), Relief(NOW, over=True))
        self.assertEqual([], self.lines())
        self.assertEqual([], self.notifier.said)

    def test_a_dry_run_says_it_once(self) -> None:
        for moves in ((move('x'),), (move('x'), move('y')), (), (move('x'),)):
            self.journal.would_begin(moves)
        self.assertEqual(
            [('planned', 'x'), ('planned', 'y'), ('planned', 'x')],
            self.notifier.said,
        )

    def show(self, **decided: object) -> list[str]:
        not_sent = [Refusal(Reason.VIEW_NOT_SENT, 'not told', 'n')]
        decision = dataclasses.replace(NOTHING, **decided)
        self.journal.show(SNAPSHOT, decision, not_sent)
        return self.lines()

    def test_a_refusal_is_said_when_it_changes(self) -> None:
        no = Refusal(Reason.COOLDOWN, '90 s are left', 's')
        self.assertEqual(
            ['Server s not moved: reason=cooldown: 90 s are left.'],
            self.show(refusals=(no,)),
        )
        later = dataclasses.replace(no, detail='60 s are left')
        self.assertEqual([], self.show(refusals=(later,)))
        other = dataclasses.replace(no, server_id='t')
        self.assertEqual(1, len(self.show(refusals=(later, other))))
        self.assertEqual([], self.show())
        self.assertEqual(1, len(self.show(refusals=(no,))))

    def test_saturation_is_said_when_it_begins(self) -> None:
        for cores, lines in ((2.0, 1), (3.0, 0)):
            found = self.show(saturations=(Saturation('az1', cores),))
            self.assertEqual(lines, len(found))

    def test_each_scarce_thing_of_a_zone_is_said(self) -> None:
        cores = Saturation('az1', 2.0)
        ram = Saturation('az1', 4.0, Reason.RAM)
        self.assertEqual(1, len(self.show(saturations=(cores,))))
        (said,) = self.show(saturations=(cores, ram))
        self.assertIn('4.0 cores are short. Scarce is: ram.', said)

    def test_the_metrics(self) -> None:
        self.show(
            coverage=75.0,
            findings=(finding(),),
            refusals=(Refusal(Reason.QUOTA, '', 's'),),
            saturations=(Saturation('az1', 2.5),),
        )
        for name, labels, expected in (
            ('dry_run', {}, 1.0),
            ('view_sent', {}, 1.0),
            ('coverage_ratio', {}, 0.75),
            ('contended_servers', {}, 1.0),
            ('moves_in_flight', {'stage': 'drain'}, 1.0),
            ('refusals', {'reason': 'quota'}, 1.0),
            ('refusals', {'reason': 'target_pending'}, 1.0),
            ('refusals', {'reason': 'view_not_sent'}, 1.0),
            (
                'saturated_cores',
                {'zone': 'az1', 'scarce': 'cores'},
                2.5,
            ),
            ('hosts', {'tier': 'cold'}, 1.0),
        ):
            found = sample(self.metrics, name, labels)
            self.assertEqual(expected, found, name)

    def test_policies_that_are_ignored_are_said_once(self) -> None:
        said = {'steal:slots': 'many', 'steal:dry_run': 'true'}
        found = policy.read_all([Aggregate(1, 'az1', ('a',), said)])
        known = dataclasses.replace(fleet(), policies=found)
        now = snapshot(known, rules=rules(dry_run=False))
        for times in (1, 1):
            self.journal.show(now, NOTHING)
            line = (
                'Policy steal:slots of aggregate az1 ignored: its value '
                "'many' makes no sense: write a whole number from 1 to 1000 "
                '(servers).'
            )
            self.assertEqual(times, self.log.output.count(line))
            for name, value in (
                ('dry_run', 0.0),
                ('dry_run_hosts', 1.0),
                ('ignored_policies', 1.0),
            ):
                self.assertEqual(value, sample(self.metrics, name), name)

    def test_a_blocked_reattach_calls_a_person_once(self) -> None:
        blocked = move('m', stage=Stage.UNDO, trouble='no answer')
        for moves, said, notes in (
            ({}, 0, 0),
            ({'m': dataclasses.replace(blocked, trouble='')}, 0, 0),
            ({'m': blocked}, 1, 1),
            ({'m': blocked}, 1, 1),
            ({}, 1, 1),
            ({'m': blocked}, 2, 2),
        ):
            snapshot = dataclasses.replace(SNAPSHOT, moves=moves)
            self.journal.show(snapshot, NOTHING)
            text = 'Server name of m (m) cannot be reattached to its '
            text += 'orchestrator: no answer'
            self.assertEqual(said, self.log.output.count(text))
            self.assertEqual(
                notes, self.notifier.said.count(('reattach_blocked', 'm'))
            )
            found = sample(self.metrics, 'reattach_blocked_servers')
            self.assertEqual('m' in moves and bool(moves['m'].trouble), found)

    def test_a_stalled_move_calls_a_person_once(self) -> None:
        one = move('m', stage=Stage.REQUEST, since=NOW - 9999)
        waits = dataclasses.replace(
            one,
            server=dataclasses.replace(one.server, task_state='migrating'),
        )
        for moves, said in (
            ({'m': one}, 0),
            ({'m': waits}, 1),
            ({'m': waits}, 1),
            ({}, 1),
        ):
            snapshot = dataclasses.replace(SNAPSHOT, moves=moves)
            self.journal.show(snapshot, NOTHING)
            text = 'Move of server name of m (m) needs a person: Nova has '
            self.assertEqual(said, self.log.output.count(text))
            self.assertEqual(said, self.notifier.said.count(('stalled', 'm')))
            found = sample(self.metrics, 'stalled_moves')
            self.assertEqual(moves.get('m') is waits, found)

    def check(self, **hosts: HostCheck) -> list[str]:
        unreliable = {
            name: UnreliableHost(name, reason, f'{name} is {reason}')
            for name, reason in hosts.items()
        }
        snapshot = dataclasses.replace(SNAPSHOT, unreliable=unreliable)
        self.journal.show(snapshot, NOTHING)
        return self.lines()

    def test_unreliable_metrics_are_said_when_it_changes(self) -> None:
        clock, flat = HostCheck.CLOCK, HostCheck.FLAT_WAIT
        self.assertEqual(
            [
                'Metrics of host b marked unreliable (reason=clock). '
                'b: b is clock.',
                'Metrics of hosts a, c marked unreliable (reason=flat_wait). '
                'a: a is flat_wait.',
            ],
            self.check(a=flat, b=clock, c=flat),
        )
        self.assertEqual([], self.check(a=flat, b=clock, c=flat))
        self.assertEqual(
            [
                'Metrics of host a marked unreliable (reason=clock). '
                'a: a is clock.',
                'Metrics of hosts b, c are reliable again.',
            ],
            self.check(a=clock),
        )
        self.assertEqual(
            ['Metrics of host a are reliable again.'], self.check()
        )

    def test_a_host_that_is_gone_is_not_reliable_again(self) -> None:
        self.check(gone=HostCheck.STALE)
        self.assertEqual([], self.check())

    def test_an_outage_does_not_fill_the_log(self) -> None:
        hosts = {f'h{n}': HostCheck.STALE for n in range(5)}
        (line,) = self.check(**hosts)
        self.assertIn('of hosts h0, h1, h2, h3, h4 marked', line)
        self.journal.standby()
        hosts = {f'h{n}': HostCheck.STALE for n in range(7)}
        (line,) = self.check(**hosts)
        self.assertIn('of hosts h0, h1, h2, h3, h4 and 2 more marked', line)
        (line,) = self.check(x=HostCheck.STALE, **hosts)
        self.assertIn('of host x marked', line)

    def told(self, *schedulers: Scheduler, after: float = 0.0) -> list[str]:
        """Not in a dry run; of a cloud with the hosts a, b and c."""
        self.journal.show(
            dataclasses.replace(
                SNAPSHOT,
                now=NOW + after,
                rules=rules(dry_run=False),
                schedulers={s.host: s for s in schedulers},
            ),
            NOTHING,
        )
        return self.lines()

    def test_who_takes_the_views_is_said_once(self) -> None:
        one, two = scheduler('one'), scheduler('two')
        less = dataclasses.replace(two, classes=('StealFilter',))
        line = (
            'Views are taken by nova-scheduler of %s. Enabled there: %s; '
            'not enabled: %s.'
        )
        every = ', '.join(CLASSES)
        self.assertEqual(
            [line % ('hosts one, two', every, 'nothing')], self.told(one, two)
        )
        self.assertEqual([], self.told(one, two))
        self.assertEqual(
            [
                line
                % (
                    'host two',
                    'StealFilter',
                    'SameAvailabilityZoneFilter, StealWeigher',
                )
            ],
            self.told(one, less),
        )
        self.assertEqual(
            [line % ('host two', 'nothing', every)],
            self.told(one, dataclasses.replace(two, classes=())),
        )

    def test_placement_that_hides_hosts(self) -> None:
        hosts = len(SNAPSHOT.fleet.hosts)
        for most, lines in ((hosts, 1), (hosts - 1, 2), (hosts - 1, 0)):
            found = self.told(scheduler(max_placement_results=most))
            self.assertEqual(lines, len(found), found)
        self.journal.standby()
        found = self.told(scheduler(max_placement_results=1))
        self.assertIn(
            f'nova-scheduler of host controller only 1 of the {hosts} hosts',
            found[1],
        )

    def test_who_is_not_waited_for_any_more(self) -> None:
        own = Ranking((), frozenset(), since=NOW - 31)
        view = dataclasses.replace(
            SNAPSHOT.view, rankings=Rankings(NOW, {'s': own})
        )
        behind = scheduler('two', ranked_at=NOW - 40)
        self.told(scheduler('one', ranked_at=NOW), behind)
        for lines in (1, 0):
            self.journal.show(
                dataclasses.replace(
                    SNAPSHOT,
                    rules=rules(dry_run=False),
                    view=view,
                    schedulers={'two': behind},
                ),
                NOTHING,
            )
            found = [line for line in self.lines() if 'do not wait' in line]
            self.assertEqual(lines, len(found))
            if found:
                self.assertIn('nova-scheduler of host two: it has', found[0])

    def test_nobody_takes_the_views(self) -> None:
        old = scheduler(recent=False)
        for after, schedulers, lines in (
            (0.0, (), 0),
            (59.0, (old,), 0),
            (60.0, (old,), 1),
            (90.0, (), 0),
            # Found again, and lost again.
            (100.0, (scheduler(),), 1),
            (159.0, (), 0),
            (160.0, (), 1),
        ):
            found = self.told(*schedulers, after=after)
            self.assertEqual(lines, len(found), (after, found))
        self.assertIn('no nova-scheduler takes them', found[0])

    def test_a_dry_run_needs_nobody(self) -> None:
        for after in (0.0, 120.0):
            self.journal.show(
                dataclasses.replace(SNAPSHOT, now=NOW + after), NOTHING
            )
        self.assertEqual([], self.lines())

    def test_on_standby_it_shows_nothing(self) -> None:
        no = Refusal(Reason.COOLDOWN, '90 s are left', 's')
        self.show(refusals=(no,), findings=(finding(),))
        self.journal.standby()
        for name, labels in (
            ('view_sent', {}),
            ('contended_servers', {}),
            ('moves_in_flight', {'stage': 'drain'}),
            ('refusals', {'reason': 'cooldown'}),
        ):
            found = sample(self.metrics, name, labels)
            self.assertEqual(0.0, found, name)
        # As the leader again it says everything anew.
        self.assertEqual(1, len(self.show(refusals=(no,))))

    def test_on_standby_it_forgets_who_is_unreliable(self) -> None:
        self.check(a=HostCheck.STALE)
        stale = {'reason': 'stale'}
        self.assertEqual(1.0, sample(self.metrics, 'unreliable_hosts', stale))
        self.journal.standby()
        self.assertEqual(0.0, sample(self.metrics, 'unreliable_hosts', stale))
        self.assertEqual(1, len(self.check(a=HostCheck.STALE)))

    def test_a_project_fills_no_log(self) -> None:
        """Each of its servers is refused for another reason each time."""
        servers = [server(f'p{n}', project_id='p') for n in range(1000)]
        known = snapshot(fleet(*servers, server('q', project_id='q')))
        for reason in (Reason.LOCKED, Reason.COOLDOWN):
            refusals = [
                Refusal(reason, 'no', s.server_id)
                for s in (*servers, known.fleet.servers['q'])
            ]
            decided = dataclasses.replace(NOTHING, refusals=tuple(refusals))
            self.journal.show(known, decided)
            lines = self.lines()
            self.assertEqual(22, len(lines), lines[-3:])
            self.assertIn('Server name of q (q) not moved', lines[-2])
            self.assertIn('980 more servers of project p', lines[-1])

    def test_what_wants_a_person_is_a_warning(self) -> None:
        levels = fixtures.FakeLogger(
            'steal_scheduler', format='%(levelname)s %(message)s'
        )
        with levels:
            self.show(refusals=(Refusal(Reason.SIGNALS, 'no answer.'),))
            self.check(a=HostCheck.STALE)
            self.check()
        self.assertEqual(
            [
                'WARNING Migrator suspended: reason=signals: no answer.',
                'WARNING Metrics of host a marked unreliable (reason=stale). '
                'a: a is stale.',
                'INFO Metrics of host a are reliable again.',
            ],
            [
                line
                for line in levels.output.splitlines()
                if not line.startswith('INFO {')
            ],
        )
