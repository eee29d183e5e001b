import dataclasses
import threading

import fixtures
from oslotest import base

from steal_scheduler.exception import OrchestratorError, SignalError
from steal_scheduler.model import until
from steal_scheduler.model.host_view import Tier
from steal_scheduler.model.move import Outcome, Stage
from tests.hostile import HOSTILE
from tests.samples import sample
from tests.shared import PATIENCE
from tests.unit import fakes
from tests.unit.make import migration, move, server
from tests.unit.rig import RULES, Rig


class MigratorTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))

    def ends(self, rig: Rig) -> dict[str, float]:
        """How many moves ended in each way."""
        counts = {
            str(o): sample(rig.metrics, 'moves_total', {'outcome': str(o)})
            for o in Outcome
        }
        return {outcome: count for outcome, count in counts.items() if count}


class TestTick(MigratorTest):
    def test_from_steal_to_a_cured_server(self) -> None:
        rig = Rig()
        rig.overload()
        rig.tick()
        self.assertEqual({'x': 'drain'}, rig.stages())
        rig.tick(3)
        self.assertEqual({'x': 'request'}, rig.stages())
        rig.nova.proceed('running', 'x')
        rig.tick(3)
        self.assertEqual({'x': 'migrate'}, rig.stages())
        rig.nova.proceed('completed', 'x')
        rig.tick(3, times=2)
        self.assertEqual({'x': 'verify'}, rig.stages())
        self.assertEqual(set(), rig.orchestrator.out)
        rig.tick(30, times=4)
        self.assertEqual({}, rig.stages())
        self.assertEqual({'helped': 1.0}, self.ends(rig))
        self.assertEqual([], rig.tags())
        self.assertEqual(
            ['drain', 'request', 'migrate', 'reattach', 'verify', 'helped'],
            [event for event, _ in rig.notifier.said],
        )

    def test_no_server_is_contended(self) -> None:
        rig = Rig()
        rig.tick(times=5)
        self.assertEqual(([], []), (rig.notifier.said, rig.tags()))
        self.assertEqual(5.0, sample(rig.metrics, 'ticks_total'))

    def test_signals_are_polled_at_their_own_pace(self) -> None:
        rig = Rig()
        rig.tick(3, times=21)
        self.assertEqual(3, rig.source.reads)

    def test_a_clock_that_is_set_back(self) -> None:
        rig = Rig()
        rig.tick()
        rig.tick(-3600)
        self.assertEqual(2, rig.source.reads)

    def test_a_hot_host_cools_down_by_a_band(self) -> None:
        rig = Rig(dry_run=True)
        rig.overload()
        rig.tick()
        rig.source.demand = {'x': 4.0, 'y': 2.0, 'z': 1.9}
        rig.tick()
        self.assertIs(Tier.HOT, rig.sender.views[-1].hosts['a'].tier)
        # Who has not seen it hot does not know.
        rig.restart()
        rig.tick()
        self.assertIs(Tier.COLD, rig.sender.views[-1].hosts['a'].tier)

    def test_dry_run_touches_nothing(self) -> None:
        rig = Rig(dry_run=True)
        rig.overload()
        rig.tick(times=4)
        self.assertEqual(
            ['x'], [m.server_id for m in rig.migrator.decided.admitted]
        )
        self.assertEqual(
            ([], [], {}), (rig.tags(), rig.orchestrator.asked, rig.stages())
        )
        # Said once, for as long as it holds.
        self.assertEqual([('planned', 'x')], rig.notifier.said)
        self.assertIn('would move away from host a', self.log.output)

    def test_dry_run_of_some_hosts(self) -> None:
        """Until their aggregate says something else."""
        rig = Rig()
        rig.nova.create_aggregate('az1', 'a')
        rig.nova.set_aggregate_metadata(1, {'steal:dry_run': 'true'})
        rig.overload()
        rig.tick(times=4)
        self.assertEqual(
            ([], [], {}), (rig.tags(), rig.orchestrator.asked, rig.stages())
        )
        self.assertEqual([('planned', 'x')], rig.notifier.said)
        rig.nova.set_aggregate_metadata(1, {'steal:dry_run': None})
        rig.tick()
        self.assertEqual({'x': 'drain'}, rig.stages())

    def test_dry_run_puts_back_whom_it_finds_drained(self) -> None:
        rig = Rig()
        rig.overload()
        rig.orchestrator.says = ['waiting']
        rig.tick(times=2)
        self.assertEqual({'x'}, rig.orchestrator.out)
        rig.rules = dataclasses.replace(rig.rules, dry_run=True)
        rig.restart()
        rig.tick(3, times=4)
        self.assertEqual(
            (set(), [], {}), (rig.orchestrator.out, rig.tags(), rig.stages())
        )
        self.assertEqual({}, rig.nova.records)

    def test_a_forged_tag_is_removed_and_moves_nobody(self) -> None:
        rig = Rig()
        rig.tick()
        forged = f'steal:migrate:{int(rig.now)}'
        rig.nova.change('z', tags=('theirs', forged))
        rig.tick(times=3)
        self.assertEqual(['theirs'], rig.tags())
        self.assertEqual({}, rig.stages())
        # Nobody knows a key that signed it, so it may be one of ours.
        self.assertEqual([('reattach', 'z')], rig.orchestrator.asked)

    def test_a_forged_tag_that_stays_holds_nobody(self) -> None:
        rig = Rig()
        rig.overload()
        rig.tick()
        rig.nova.change('z', tags=(f'steal:migrate:{int(rig.now)}',))
        rig.nova.trouble = ['lost']
        rig.tick()
        self.assertEqual(0.0, sample(rig.metrics, 'tick_errors_total'))
        self.assertIn(('drain', 'x'), rig.orchestrator.asked)

    def test_a_tenant_who_keeps_removing_the_tag_stops_nothing(self) -> None:
        rig = Rig()
        rig.overload()
        rig.tick()
        for _ in range(100):
            rig.nova.change('x', tags=())
            rig.nova.proceed('running', 'x')
            rig.tick(30)
        self.assertNotIn('x', rig.orchestrator.out)

    def test_the_ways_back_come_first(self) -> None:
        """An orchestrator that takes its time holds up no way back."""
        rig = Rig()
        rig.overload()
        rig.orchestrator.says = ['waiting']
        rig.tick(times=2)
        rig.orchestrator.asked.clear()
        rig.migrator.moves['y'] = move('y', stage=Stage.UNDO, since=rig.now)
        rig.tick(3)
        self.assertEqual(
            [('reattach', 'y'), ('drain', 'x')], rig.orchestrator.asked
        )

    def test_who_is_slow_to_answer_is_asked_last(self) -> None:
        rig = Rig()
        rig.tick()
        for server_id in 'xy':
            tag = fakes.tag(server_id, 'undo', rig.now)
            rig.nova.change(server_id, tags=(tag,))
        rig.orchestrator.says = ['silent', 'waiting']
        rig.restart()
        rig.tick(3)
        rig.orchestrator.asked.clear()
        rig.tick(6)
        self.assertEqual(
            [('reattach', 'y'), ('reattach', 'x')], rig.orchestrator.asked
        )

    def test_one_after_the_other(self) -> None:
        """The second is asked for when Nova has chosen for the first."""
        rig = Rig()
        rig.nova.set_host('d')
        for server_id, host in zip('xyz', 'aca', strict=True):
            rig.nova.change(server_id, host=host, vcpus=8)
        # Each alone waits: on c something else is in its way.
        rig.nova.servers['w'] = server('w', host='c', vcpus=8)
        rig.source.demand = {'x': 6.2, 'y': 6.3, 'z': 6.5, 'w': 6.4}
        rig.tick()
        self.assertEqual({'x': 'drain', 'y': 'drain'}, rig.stages())
        rig.tick(3, times=4)
        self.assertEqual({'x': 'request', 'y': 'drain'}, rig.stages())
        rig.nova.proceed('preparing', 'x')
        rig.tick(3)
        self.assertEqual({'x': 'request', 'y': 'request'}, rig.stages())
        # The view that Nova chose the second target by has the first in it.
        sent = rig.sender.views[-1].hosts
        self.assertEqual(1, sent['b'].arrivals)
        # What it uses, and three tenths of that.
        used = 8.0 * 6.2 / (6.2 + 6.5)
        self.assertAlmostEqual(1.3 * used, sent['b'].credit)


class TestNewerVersion(MigratorTest):
    """The leader before was upgraded already, and this one is not."""

    def test_its_tags_are_left_alone(self) -> None:
        rig = Rig()
        rig.overload()
        newer = {
            'x': fakes.newer_tag('x', 'steal2:drain:1:'),
            # Where it looks like one of ours.
            'z': fakes.newer_tag('z', f'steal:drain:{int(rig.now)}:1:2:3:'),
        }
        for server_id, text in newer.items():
            rig.nova.change(server_id, tags=(text,))
        # Of y there is a stray as ever.
        rig.nova.change('y', tags=('steal:drain:1:forged',))
        rig.source.demand = {}
        rig.tick(times=4)
        self.assertEqual(sorted(newer.values()), sorted(rig.tags()))
        self.assertEqual([('reattach', 'y')], rig.orchestrator.asked[:1])
        self.assertEqual({'y'}, {s for _, s in rig.orchestrator.asked})
        said = 'Tags of a newer steal-scheduler are left alone'
        self.assertEqual(1, self.log.output.count(said))
        self.assertIn('moved: x, z. Upgrade steal-migrator', self.log.output)
        self.assertEqual(0.0, sample(rig.metrics, 'tick_errors_total'))

    def test_its_servers_are_not_moved(self) -> None:
        rig = Rig()
        rig.overload()
        for server_id in 'xyz':
            text = fakes.newer_tag(server_id, 'steal2:drain:1:')
            rig.nova.change(server_id, tags=(text,))
        rig.tick(times=4)
        self.assertEqual({}, rig.stages())
        refused = {r.server_id: r for r in rig.migrator.decided.refusals}
        self.assertEqual(set('xyz'), {*refused})
        self.assertIn('a newer steal-scheduler has', refused['x'].detail)

    def test_one_that_it_drained_is_reattached(self) -> None:
        """Its orchestrator tells; the tag is for the newer one to remove."""
        rig = Rig()
        text = fakes.newer_tag('x', 'steal2:drain:1:')
        rig.nova.change('x', tags=(text,))
        rig.orchestrator.out = {'x'}
        rig.tick(30, times=6)
        self.assertEqual(
            (set(), [text], {}),
            (rig.orchestrator.out, rig.tags(), rig.stages()),
        )


class TestPause(MigratorTest):
    """Nothing begins; what is under way is brought to its end."""

    def setUp(self) -> None:
        super().setUp()
        self.rig = Rig()
        self.rig.overload()

    def test_nothing_begins_until_it_is_over(self) -> None:
        rig = self.rig
        rig.nova.pause('steal:pause', until.iso(rig.now + 300) + ' alice')
        rig.tick(30, times=9)
        self.assertEqual({}, rig.stages())
        shown = sample(rig.metrics, 'refusals', {'reason': 'paused'})
        self.assertEqual(1.0, shown)
        self.assertEqual(
            1.0, sample(rig.metrics, 'pauses', {'scope': 'cloud'})
        )
        rig.tick(30)
        self.assertEqual({'x': 'drain'}, rig.stages())
        self.assertEqual(
            0.0, sample(rig.metrics, 'pauses', {'scope': 'cloud'})
        )
        # Each was said once.
        for said in (
            'Migrator suspended: reason=paused: paused until ',
            'Moves of the cloud are paused until ',
            'Moves of the cloud: the pause is over.',
        ):
            self.assertEqual(1, self.log.output.count(said), said)

    def test_somebody_resumes(self) -> None:
        rig = self.rig
        for key in ('steal:pause', 'steal:pause:zone:az1'):
            rig.nova.pause(key)
            rig.tick(times=3)
            self.assertEqual({}, rig.stages())
            rig.nova.pause(key, None)
        rig.tick()
        self.assertEqual({'x': 'drain'}, rig.stages())

    def test_a_migration_that_nova_was_asked_for(self) -> None:
        rig = self.rig
        rig.tick()
        rig.tick(3)
        self.assertEqual({'x': 'request'}, rig.stages())
        rig.nova.pause()
        for status in ('running', 'completed'):
            rig.nova.proceed(status, 'x')
            rig.tick(3, times=2)
        rig.tick(30, times=4)
        self.assertEqual({'helped': 1.0}, self.ends(rig))
        self.assertEqual(([], set()), (rig.tags(), rig.orchestrator.out))

    def test_a_server_that_is_being_drained(self) -> None:
        """It is reattached: no migration begins, however long it took."""
        for key in (
            'steal:pause',
            'steal:pause:host:a',
            'steal:pause:zone:az1',
        ):
            rig = Rig()
            rig.overload()
            rig.orchestrator.says = ['waiting']
            rig.tick(times=2)
            self.assertEqual({'x'}, rig.orchestrator.out)
            rig.nova.pause(key)
            rig.tick(3, times=3)
            self.assertEqual({'not_started': 1.0}, self.ends(rig))
            self.assertEqual(([], set()), (rig.tags(), rig.orchestrator.out))
            self.assertEqual({}, rig.nova.records)

    def test_a_host_is_no_target(self) -> None:
        """Of b and c only the other one is; and none where both are not."""
        rig = self.rig
        rig.nova.pause('steal:pause:host:b')
        rig.tick()
        view = rig.sender.views[-1]
        self.assertEqual(
            [False, True], [view.takes(name, 1.0) for name in 'bc']
        )
        self.assertEqual({'x': 'drain'}, rig.stages())
        # It has no turn to go anywhere any more.
        rig.nova.pause('steal:pause:host:c')
        rig.tick(3)
        self.assertEqual({'x': 'drain'}, rig.stages())
        self.assertEqual({}, rig.nova.records)
        rig.nova.pause('steal:pause:host:b', None)
        rig.tick(3)
        self.assertEqual({'x': 'request'}, rig.stages())

    def test_what_nobody_can_mean(self) -> None:
        self.rig.nova.pause('steal:pause', '2h')
        self.rig.nova.pause('steal:pause:host:q', 'true')
        self.rig.tick(times=2)
        for said in (
            'Moves of the cloud are paused until somebody resumes by '
            "steal:pause of aggregate steal-scheduler (its value '2h' says no",
            'Nova knows no host q: check its name',
        ):
            self.assertEqual(1, self.log.output.count(said), said)


class TestTrouble(MigratorTest):
    def reason(self, rig: Rig) -> list[str]:
        return [str(r.reason) for r in rig.migrator.decided.refusals]

    def test_no_signals(self) -> None:
        for trouble in (
            SignalError('no answer'),
            SignalError(HOSTILE),
            KeyError('a bug'),
        ):
            rig = Rig()
            rig.overload()
            rig.source.trouble = trouble
            rig.tick(times=3)
            self.assertEqual(
                (['signals'], {}), (self.reason(rig), rig.stages())
            )
            (refusal,) = rig.migrator.decided.refusals
            self.assertTrue(refusal.detail.isprintable())
            rig.source.trouble = None
            rig.tick()
            self.assertEqual({'x': 'drain'}, rig.stages())

    def test_moves_go_on_without_signals(self) -> None:
        rig = Rig()
        rig.overload()
        rig.tick(times=2)
        rig.nova.proceed('completed', 'x')
        rig.source.trouble = SignalError('no answer')
        rig.tick(3)
        rig.tick(300)
        self.assertEqual({'x': 'verify'}, rig.stages())
        self.assertEqual(set(), rig.orchestrator.out)

    def test_the_view_does_not_reach_nova(self) -> None:
        rig = Rig()
        rig.overload()
        rig.sender.reaches = False
        rig.tick(times=3)
        self.assertEqual({}, rig.stages())
        self.assertEqual(0.0, sample(rig.metrics, 'view_sent'))
        why = {'reason': 'view_not_sent'}
        self.assertEqual(1.0, sample(rig.metrics, 'refusals', why))

    def test_the_view_ceases_to_reach_nova(self) -> None:
        rig = Rig()
        rig.overload()
        rig.tick()
        rig.sender.reaches = False
        rig.tick(times=3)
        self.assertEqual({'x': 'drain'}, rig.stages())

    def test_without_the_lock_nothing_is_known_and_done(self) -> None:
        rig = Rig()
        rig.overload()
        rig.tick(times=2)
        rig.leader.held = False
        tags, asked = rig.tags(), list(rig.orchestrator.asked)
        rig.nova.proceed('completed', 'x')
        rig.tick(times=5)
        self.assertEqual({}, rig.stages())
        self.assertEqual((tags, asked), (rig.tags(), rig.orchestrator.asked))
        self.assertEqual(0.0, sample(rig.metrics, 'leader'))

    def test_who_leads_again_reads_all_anew(self) -> None:
        rig = Rig()
        rig.tick(times=3)
        rig.leader.held = False
        rig.tick()
        # Meanwhile another migrator began a move, and died. To Nova a tag
        # is no change.
        tag = fakes.tag('y', 'undo', rig.now)
        rig.nova.servers['y'] = server('y', vcpus=4, tags=(tag,))
        rig.orchestrator.out.add('y')
        rig.leader.held = True
        rig.tick()
        self.assertEqual(set(), rig.orchestrator.out)
        self.assertEqual([], rig.tags())

    def test_nova_does_not_answer(self) -> None:
        rig = Rig()
        rig.overload()
        rig.nova.down = True
        rig.tick(times=2)
        self.assertEqual(2.0, sample(rig.metrics, 'tick_errors_total'))
        rig.nova.down = False
        rig.tick()
        self.assertEqual({'x': 'drain'}, rig.stages())

    def test_one_move_in_trouble_does_not_hold_the_others(self) -> None:
        rig = Rig()
        for server_id in 'xy':
            tag = fakes.tag(server_id, 'undo', rig.now)
            rig.nova.change(server_id, tags=(tag,))
        rig.nova.trouble = ['lost']
        rig.tick(3)
        self.assertEqual({'x': 'undo'}, rig.stages())

    def test_a_mistake_does_not_end_the_loop(self) -> None:
        rig = Rig()
        rig.nova.aggregates = lambda: 1 // 0
        rig.tick()
        self.assertEqual(1.0, sample(rig.metrics, 'tick_errors_total'))
        self.assertIn('ZeroDivisionError', self.log.output)

    def test_nova_takes_no_first_tag(self) -> None:
        rig = Rig()
        rig.overload()
        rig.nova.trouble = ['refused']
        rig.tick()
        self.assertEqual({}, rig.stages())
        self.assertEqual({'not_started': 1.0}, self.ends(rig))
        rig.tick()
        # It has a cooldown, and another goes instead.
        self.assertEqual({'y': 'drain'}, rig.stages())

    def test_a_server_in_error_holds_no_slot(self) -> None:
        one = dataclasses.replace(RULES.limits, slots=1)
        rig = Rig(dataclasses.replace(RULES, limits=one))
        rig.overload()
        rig.tick(times=2)
        rig.nova.proceed('error', 'x')
        rig.nova.change('x', status='ERROR')
        rig.tick(3, times=2)
        self.assertEqual({'x': 'undo'}, rig.stages())
        self.assertEqual(set(), rig.orchestrator.out)
        for server_id in 'yz':
            rig.nova.change(server_id, vcpus=8)
        rig.source.demand = {'y': 6.0, 'z': 6.0}
        rig.tick()
        self.assertEqual({'x': 'undo', 'y': 'drain'}, rig.stages())


class TestRestart(MigratorTest):
    def test_in_every_stage(self) -> None:
        for looks in range(6):
            rig = Rig()
            rig.overload()
            for look in range(20):
                if look == looks:
                    rig.restart()
                rig.tick(31)
                rig.nova.proceed('completed', 'x')
                rig.nova.proceed('running', 'x')
            self.assertEqual({}, rig.stages(), looks)
            self.assertEqual([], rig.tags())
            self.assertEqual(set(), rig.orchestrator.out)
            self.assertEqual(1, rig.nova.asked['x'])
            self.assertEqual('b', rig.nova.servers['x'].host)

    def test_a_record_that_never_ends_holds_up_nobody(self) -> None:
        """We asked for it, and its nova-compute was killed two days ago."""
        rig = Rig()
        at = rig.now - 2 * 86400
        rig.nova.records[1] = migration('x', status='running', created_at=at)
        rig.overload()
        rig.tick()
        self.assertEqual({'x': 'drain'}, rig.stages())
        rig.tick(3)
        self.assertEqual(
            ({'x': 'request'}, 1), (rig.stages(), rig.nova.asked['x'])
        )

    def test_who_lost_its_tag_is_put_back(self) -> None:
        rig = Rig()
        rig.orchestrator.out = {'y', 'gone'}
        rig.nova.deleted = {'gone'}
        rig.tick()
        rig.tick(3)
        # Nova may have been asked right before: its record comes in a minute.
        self.assertEqual({'y'}, rig.orchestrator.out)
        self.assertEqual({'y': 'request'}, rig.stages())
        rig.tick(61, times=2)
        self.assertEqual(set(), rig.orchestrator.out)
        self.assertEqual({}, rig.stages())

    def test_who_lost_its_tag_while_nova_was_asked(self) -> None:
        rig = Rig()
        rig.orchestrator.out = {'y'}
        rig.tick()
        rig.nova.live_migrate('y')
        rig.nova.record()
        rig.nova.proceed('running', 'y')
        rig.tick(61, times=3)
        self.assertEqual({'y'}, rig.orchestrator.out)
        self.assertEqual({'y': 'migrate'}, rig.stages())
        rig.nova.proceed('completed', 'y')
        rig.tick(3, times=3)
        self.assertEqual(set(), rig.orchestrator.out)

    def test_an_orchestrator_that_never_forgets_the_deleted(self) -> None:
        rig = Rig()
        listed = {'gone'}
        rig.nova.deleted = {'gone'}
        self.useFixture(
            fixtures.MockPatchObject(
                rig.orchestrator, 'detached', lambda: frozenset(listed)
            )
        )
        rig.tick(310, times=10)
        asked = [('reattach', 'gone')]
        self.assertEqual(asked, rig.orchestrator.asked)
        self.assertEqual({}, rig.stages())
        # Its cell did not answer: it was never deleted.
        rig.nova.servers['gone'] = server('gone')
        rig.tick(310, times=2)
        listed.clear()
        rig.tick(310)
        self.assertEqual(2 * asked, rig.orchestrator.asked)

    def test_whose_cell_did_not_answer_at_first(self) -> None:
        rig = Rig()
        away = rig.nova.servers.pop('y')
        rig.orchestrator.out, rig.orchestrator.lists = {'y'}, False
        rig.tick()
        tag = f'steal:migrate:{int(rig.now)}'
        rig.nova.servers['y'] = dataclasses.replace(away, tags=(tag,))
        rig.tick(3)
        self.assertEqual(set(), rig.orchestrator.out)
        self.assertEqual(([], {}), (rig.tags(), rig.stages()))

    def test_it_does_not_say_whom_it_has(self) -> None:
        rig = Rig()
        rig.orchestrator.out = {'y'}
        rig.orchestrator.list_trouble = OrchestratorError('no answer')
        for _ in range(3):
            rig.tick()
            self.assertEqual(0.0, sample(rig.metrics, 'tick_errors_total'))
        self.assertEqual(1, self.log.output.count('did not list its drained'))
        rig.orchestrator.list_trouble = None
        rig.tick()
        rig.tick(61, times=2)
        self.assertEqual(set(), rig.orchestrator.out)


class TestRun(MigratorTest):
    def test_it_runs_until_it_is_stopped(self) -> None:
        rig = Rig(poll_interval=3600.0)
        looked = threading.Event()
        rig.sender.send = lambda view: looked.set() or True
        loop = threading.Thread(target=rig.migrator.run)
        loop.start()
        self.assertTrue(looked.wait(PATIENCE))
        self.assertTrue(rig.receiver.listens)
        rig.migrator.stop()
        loop.join(PATIENCE)
        self.assertFalse(rig.receiver.listens)
        self.assertFalse(loop.is_alive())
        self.assertFalse(rig.leader.held)
