import dataclasses

import fixtures
from oslotest import base

from steal_scheduler.decision.decide import NOTHING
from steal_scheduler.decision.disruption_budget import OutRules
from steal_scheduler.decision.host_checks import Doubt
from steal_scheduler.decision.host_trust import Distrust
from steal_scheduler.decision.snapshot import World
from steal_scheduler.decision.usable_signals import Evidence
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import Outcome, Stage
from steal_scheduler.model.refusal import Refusal, Saturation, Why
from steal_scheduler.reporting.journal import Journal
from steal_scheduler.reporting.metrics import Metrics
from tests.unit import fakes
from tests.unit.make import NOW, ended, finding, fleet, move, signals

WORLD = World(
    now=NOW,
    fleet=fleet(),
    known=Evidence(signals(), {}),
    view=View(NOW, {'a': HostView(Tier.COLD)}, {}, {}),
    moves={'m': move('m')},
    ended={},
    ours=(),
)


class TestJournal(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.said = 0
        self.metrics = Metrics()
        self.notifier = fakes.FakeNotifier()
        self.journal = Journal(
            self.metrics, self.notifier, OutRules(), dry_run=True
        )

    def lines(self) -> list[str]:
        """What was logged since the last time."""
        found = self.log.output.splitlines()
        new, self.said = found[self.said :], len(found)
        return new

    def test_a_stage(self) -> None:
        self.journal.stage(
            move(stage=Stage.MIGRATE, target='b', reason='it waits')
        )
        self.assertEqual([('migrate', 's')], self.notifier.said)
        self.assertEqual(
            ['Its move from a to b is at migrate: it waits.'], self.lines()
        )
        self.journal.stage(move(reason='it waits', failure='it was locked'))
        self.assertEqual(
            [
                'Its move from a to where Nova chooses is at drain: '
                'it was locked.'
            ],
            self.lines(),
        )

    def test_the_end(self) -> None:
        self.journal.ended(
            ended(move=move(target='b'), outcome=Outcome.FAILED)
        )
        self.assertEqual([('failed', 's')], self.notifier.said)
        self.assertEqual(
            1.0, self.metrics.value('steal_moves_total', {'outcome': 'failed'})
        )
        (line,) = self.lines()
        self.assertIn('from a to b is over: failed', line)

    def test_a_dry_run_says_it_once(self) -> None:
        for moves in ((move('x'),), (move('x'), move('y')), (), (move('x'),)):
            self.journal.would_begin(moves)
        self.assertEqual(
            [('planned', 'x'), ('planned', 'y'), ('planned', 'x')],
            self.notifier.said,
        )

    def show(self, **decided: object) -> list[str]:
        waiting = [Refusal(Why.TARGET_PENDING, 'its turn comes', 'm')]
        self.journal.show(
            WORLD, dataclasses.replace(NOTHING, **decided), waiting, sent=True
        )
        return self.lines()

    def test_a_refusal_is_said_when_it_changes(self) -> None:
        no = Refusal(Why.COOLDOWN, '90 s are left', 's')
        self.assertEqual(
            ['No (cooldown): 90 s are left.'], self.show(refusals=(no,))
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

    def test_the_metrics(self) -> None:
        self.show(
            coverage=75.0,
            findings=(finding(),),
            refusals=(Refusal(Why.QUOTA, '', 's'),),
            saturations=(Saturation('az1', 2.5),),
        )
        for name, labels, expected in (
            ('dry_run', {}, 1.0),
            ('view_sent', {}, 1.0),
            ('coverage_percent', {}, 75.0),
            ('suffering_servers', {}, 1.0),
            ('moves_in_flight', {'stage': 'drain'}, 1.0),
            ('refusals', {'why': 'quota'}, 1.0),
            ('refusals', {'why': 'target_pending'}, 1.0),
            ('saturated_cores', {'zone': 'az1'}, 2.5),
            ('hosts', {'tier': 'cold'}, 1.0),
        ):
            found = self.metrics.value(f'steal_{name}', labels)
            self.assertEqual(expected, found, name)

    def test_a_stuck_server_calls_a_person_once(self) -> None:
        stuck = move('m', stage=Stage.UNDO, trouble='no answer')
        for moves, said, notes in (
            ({}, 0, 0),
            ({'m': dataclasses.replace(stuck, trouble='')}, 0, 0),
            ({'m': stuck}, 1, 1),
            ({'m': stuck}, 1, 1),
            ({}, 1, 1),
            ({'m': stuck}, 2, 2),
        ):
            world = dataclasses.replace(WORLD, moves=moves)
            self.journal.show(world, NOTHING, (), sent=True)
            text = 'It can not be put back into its orchestrator: no answer'
            self.assertEqual(said, self.log.output.count(text))
            self.assertEqual(
                notes, self.notifier.said.count(('reattach_blocked', 'm'))
            )
            found = self.metrics.value('steal_stuck_servers')
            self.assertEqual('m' in moves and bool(moves['m'].trouble), found)

    def doubt(self, **hosts: Doubt) -> list[str]:
        distrust = {
            name: Distrust(name, why, f'{name} is {why}')
            for name, why in hosts.items()
        }
        world = dataclasses.replace(WORLD, known=Evidence(signals(), distrust))
        self.journal.show(world, NOTHING, [], sent=True)
        return self.lines()

    def test_who_is_not_believed_is_said_when_it_changes(self) -> None:
        clock, flat = Doubt.CLOCK, Doubt.FLAT_WAIT
        self.assertEqual(
            [
                'Not believed any more (clock): b. b: b is clock.',
                'Not believed any more (flat_wait): a, c. a: a is flat_wait.',
            ],
            self.doubt(a=flat, b=clock, c=flat),
        )
        self.assertEqual([], self.doubt(a=flat, b=clock, c=flat))
        self.assertEqual(
            [
                'Not believed any more (clock): a. a: a is clock.',
                'Believed again: b, c.',
            ],
            self.doubt(a=clock),
        )
        self.assertEqual(['Believed again: a.'], self.doubt())

    def test_a_host_that_is_gone_is_not_believed_again(self) -> None:
        self.doubt(gone=Doubt.STALE)
        self.assertEqual([], self.doubt())

    def test_an_outage_does_not_fill_the_log(self) -> None:
        hosts = {f'h{n}': Doubt.STALE for n in range(5)}
        (line,) = self.doubt(**hosts)
        self.assertIn('(stale): h0, h1, h2, h3, h4. h0: h0 is', line)
        self.journal.stand_by()
        hosts = {f'h{n}': Doubt.STALE for n in range(7)}
        (line,) = self.doubt(**hosts)
        self.assertIn('(stale): h0, h1, h2, h3, h4 and 2 more hosts.', line)
        (line,) = self.doubt(x=Doubt.STALE, **hosts)
        self.assertIn('(stale): x. x: x is stale.', line)

    def test_standing_by_it_shows_nothing(self) -> None:
        no = Refusal(Why.COOLDOWN, '90 s are left', 's')
        self.show(refusals=(no,), findings=(finding(),))
        self.journal.stand_by()
        for name, labels in (
            ('view_sent', {}),
            ('suffering_servers', {}),
            ('moves_in_flight', {'stage': 'drain'}),
            ('refusals', {'why': 'cooldown'}),
        ):
            found = self.metrics.value(f'steal_{name}', labels)
            self.assertEqual(0.0, found, name)
        # At work again it says everything anew.
        self.assertEqual(1, len(self.show(refusals=(no,))))

    def test_standing_by_it_forgets_who_is_not_believed(self) -> None:
        self.doubt(a=Doubt.STALE)
        why = {'why': 'stale'}
        self.assertEqual(
            1.0, self.metrics.value('steal_distrusted_hosts', why)
        )
        self.journal.stand_by()
        self.assertEqual(
            0.0, self.metrics.value('steal_distrusted_hosts', why)
        )
        self.assertEqual(1, len(self.doubt(a=Doubt.STALE)))

    def test_what_wants_a_person_is_a_warning(self) -> None:
        levels = fixtures.FakeLogger(
            'steal_scheduler', format='%(levelname)s %(message)s'
        )
        with levels:
            self.show(refusals=(Refusal(Why.SIGNALS, 'no answer.'),))
            self.doubt(a=Doubt.STALE)
            self.doubt()
        self.assertEqual(
            [
                'WARNING No (signals): no answer.',
                'WARNING Not believed any more (stale): a. a: a is stale.',
                'INFO Believed again: a.',
            ],
            levels.output.splitlines(),
        )
