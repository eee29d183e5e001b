import contextlib
import dataclasses
import traceback
from typing import Any

import fixtures
from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.exception import LockLost
from steal_scheduler.model.cloud import Host, Server
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import FOLLOWS, Ended, Move, Outcome, Stage
from steal_scheduler.model.progress import Copied
from steal_scheduler.model.refusal import Reason
from steal_scheduler.model.relief import Load
from steal_scheduler.moves.effects import SETTLES
from steal_scheduler.moves.state import moves_in_flight
from steal_scheduler.moves.state_machine import StateMachine
from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.calls import Worker
from tests.unit import (
    fakes,
    strategies,  # noqa: F401 (hypothesis' settings)
)
from tests.unit.make import (
    NOW,
    fleet,
    move,
    rules,
    server,
    signal,
    signals,
    snapshot,
)

OURS = 'steal_scheduler'
SHELVED = {'status': 'SHELVED_OFFLOADED'}
SNAPSHOT = 'image_snapshot'
COLD = HostView(Tier.COLD, cores=16.0)
FULL = HostView(Tier.HOT, demand=16.0, cores=16.0)


class Ride(base.BaseTestCase):
    """One server and its move."""

    def setUp(self) -> None:
        super().setUp()
        self.nova = fakes.FakeNova(server())
        self.orchestrator = fakes.FakeOrchestrator()
        self.leader = fakes.FakeLeader()
        #: Of the signals, in seconds.
        self.window = 90.0
        #: What Nova tells of them, by name, and what is not as by default.
        self.hosts: dict[str, Host] = {}
        self.rules: dict[str, Any] = {}
        #: As the view has host a.
        self.source = FULL
        self.effects = fakes.effects(self.nova, self.leader)
        self.machine = StateMachine(
            self.effects,
            fakes.dispatcher(self.orchestrator, in_time=self.effects.in_time),
        )

    def at(self, stage: Stage | str, **values: object) -> Move:
        """A move at this stage since now, with its tag."""
        made = move(stage=Stage(stage), since=self.nova.now, **values)
        self.nova.change('s', tags=(self.effects.signer.tag(made),))
        known = self.nova.servers.get('s') or made.server
        return dataclasses.replace(made, server=known)

    def step(
        self,
        made: Move,
        seconds: float = 3.0,
        sent: bool = True,
        dry_run: bool = False,
        **of_signal: float | None,
    ) -> Move | Ended:
        """Host b can take it, and a is still full."""
        self.nova.now += seconds
        seen = []
        if of_signal:
            here: dict[str, Any] = {'host': self.nova.servers['s'].host}
            seen = [signal(at=self.nova.now, **(here | of_signal))]
        told = fleet(
            *self.nova.servers.values(),
            migrations=tuple(self.nova.records.values()),
        )
        told.hosts.update({h.name: h for h in self.nova.hosts()})
        told = dataclasses.replace(told, unread_servers=self.nova.cell_down)
        known = snapshot(
            dataclasses.replace(told, copies=self.nova.copies),
            made,
            measured=signals(*seen, window=self.window),
            view=View(NOW, {'a': self.source, 'b': COLD}, {}, {}),
            now=self.nova.now,
            sent=sent,
            rules=rules(dry_run=dry_run, breaker_failures=99, **self.rules),
        )
        hosts = {**known.fleet.hosts, **self.hosts}
        known = dataclasses.replace(
            known, fleet=dataclasses.replace(known.fleet, hosts=hosts)
        )
        known = dataclasses.replace(known, moves=moves_in_flight(known, {}))
        after = self.machine.advance(known.moves['s'], known)
        reached = after.stage if isinstance(after, Move) else after.outcome
        if reached is not made.stage:
            self.assertIn(reached, FOLLOWS[made.stage])
        return after

    def assert_at(self, stage: str, made: Move | Ended) -> Move:
        """At this stage since now, and its one tag says so."""
        assert isinstance(made, Move), made
        self.assertEqual(stage, made.stage)
        self.assertEqual(self.nova.now, made.since)
        if 's' in self.nova.servers:
            tags = self.nova.servers['s'].tags
            self.assertEqual([self.effects.signer.tag(made)], [*tags])
        return made

    def assert_ended(
        self, outcome: Outcome, detail: str, made: Move | Ended
    ) -> None:
        assert isinstance(made, Ended), made
        self.assertEqual(
            (outcome, NOW), (made.outcome, made.at - self.nova.now + NOW)
        )
        self.assertIn(detail, made.detail)
        if 's' in self.nova.servers:
            self.assertEqual((), self.nova.servers['s'].tags)
        self.assertEqual(set(), self.orchestrator.out)

    def assert_undone(
        self, outcome: Outcome, detail: str, made: Move | Ended
    ) -> None:
        assert isinstance(made, Move), made
        self.assertEqual(Stage.UNDO, made.stage)
        self.assert_ended(outcome, detail, self.step(made, SETTLES + 1))


class TestWholeMove(Ride):
    def test_it_helps(self) -> None:
        made = move(steal_before=0.25, drained_at=NOW)
        self.assertIs(made, self.machine.begin(made, snapshot()))
        (tag,) = self.nova.servers['s'].tags
        self.assertEqual('steal:drain:1000000:250', tag.rsplit(':', 2)[0])
        self.assertEqual([], self.orchestrator.asked)
        made = dataclasses.replace(made, steal_before=None)
        made = self.assert_at('request', self.step(made))
        self.assertEqual({'s'}, self.orchestrator.out)
        self.assertEqual(1, self.nova.asked['s'])
        self.nova.proceed('running')
        made = self.assert_at('migrate', self.step(made))
        self.assertEqual('b', made.target)
        self.nova.copies['s'] = Copied(2100.0, 2000.0)
        made = self.assert_at('migrate', self.step(made, 0))
        self.nova.copies.clear()
        self.nova.proceed('completed')
        made = self.assert_at('reattach', self.step(made))
        self.assertEqual({'s'}, self.orchestrator.out)
        made = self.assert_at('verify', self.step(made))
        self.assertEqual(set(), self.orchestrator.out)
        over = self.step(made, 90, used=3.85, waited=0.15, host=None)
        self.assert_ended(Outcome.HELPED, 'waits 4% of its time now', over)
        self.assertAlmostEqual(0.0375, over.steal_after)
        self.assertEqual((12.0, 2100.0), (over.seconds_out, over.copied_mb))


class TestFrames(Ride):
    def test_a_drain_passes_three_frames_of_ours(self) -> None:
        """What a traceback of a plug-in shows above its own code."""
        stacks: list[list[str]] = []

        def drain(server: Server, node: str) -> Answer:
            stack = traceback.extract_stack()
            names = [f.name for f in stack if f'/{OURS}/' in f.filename]
            stacks.append(names)
            return DONE

        self.useFixture(
            fixtures.MockPatchObject(self.orchestrator, 'drain', drain)
        )
        dispatcher = fakes.dispatcher(self.orchestrator, worker=Worker)
        while dispatcher.drain(server()).state is State.WAITING:
            dispatcher.calls.new_tick()
        self.assertEqual([['_work', '_make']], stacks)


class TestDrain(Ride):
    def test_it_is_asked_again(self) -> None:
        self.orchestrator.says = ['waiting', 'silent', 'waiting']
        made = self.at('drain')
        for _ in range(3):
            self.assertEqual(made, self.step(made))
        self.assert_at('request', self.step(made))

    def test_it_is_not_its_turn(self) -> None:
        made = self.at('drain')
        after = self.step(made, sent=False)
        assert isinstance(after, Move) and after.waits, after
        self.assertEqual(Reason.VIEW_NOT_SENT, after.waits.reason)
        self.assertEqual(made, dataclasses.replace(after, waits=None))
        self.assertEqual({'s'}, self.orchestrator.out)
        self.assertEqual(0, self.nova.asked['s'])

    def test_refused(self) -> None:
        self.orchestrator.says = ['refused']
        self.assert_undone(
            Outcome.NOT_STARTED,
            'drain refused: fake: is refused',
            self.step(self.at('drain')),
        )

    def test_its_source_dies(self) -> None:
        """Nova would take the request, and end it as error at once."""
        self.orchestrator.says = ['waiting']
        made = self.step(self.at('drain'))
        self.nova.set_host('a', up=False)
        self.assert_undone(
            Outcome.NOT_STARTED,
            'nova-compute of its host a is down',
            self.step(made),
        )
        self.assertEqual(0, self.nova.asked['s'])

    def test_it_takes_too_long(self) -> None:
        self.orchestrator.says = ['waiting']
        made = self.step(self.at('drain'), 600)
        self.assertEqual(Stage.DRAIN, made.stage)
        self.assert_undone(
            Outcome.NOT_STARTED, '600 s (drain_timeout)', self.step(made, 1)
        )

    def test_its_cell_goes_down(self) -> None:
        """Nova was not asked: whatever it can tell, it is put back in time."""
        for words in (['waiting'] * 2, []):
            self.nova.now, self.nova.servers['s'] = NOW, server()
            self.orchestrator.says = [*words]
            made = self.step(self.at('drain'), sent=False)
            self.nova.cell_down = {'s'}
            made = self.step(made, 590)
            assert isinstance(made, Move) and made.waits, made
            self.assertEqual(Reason.SERVER_UNKNOWN, made.waits.reason)
            self.assertEqual(Stage.DRAIN, made.stage)
            made = self.step(made, 11)
            assert isinstance(made, Move)
            self.assertEqual(Stage.UNDO, made.stage)
            self.assertIn('600 s (drain_timeout)', made.failure)
            made = self.step(made, SETTLES + 1)
            assert isinstance(made, Move) and made.back, made
            self.assertEqual(set(), self.orchestrator.out)
            self.nova.cell_down = set()
            self.assert_ended(
                Outcome.NOT_STARTED, 'drain_timeout', self.step(made)
            )

    def test_it_has_no_tag_when_its_cell_goes_down(self) -> None:
        """As Nova told last, right after its move began."""
        self.orchestrator.out.add('s')
        made = dataclasses.replace(self.at('drain'), since=NOW - 601)
        self.nova.change('s', tags=())
        self.nova.cell_down = {'s'}
        made = self.step(made)
        assert isinstance(made, Move)
        self.assertTrue(self.step(made, SETTLES + 1).back)
        self.assertEqual(set(), self.orchestrator.out)

    def test_unfit_meanwhile(self) -> None:
        for word, values in (
            ('it is ERROR', {'status': 'ERROR'}),
            ('locked', {'locked': True}),
            ('says never', {'opted_out': 'metadata'}),
            ('moved it to c', {'host': 'c'}),
            ('it is SHELVED_OFFLOADED', {**SHELVED, 'host': None}),
            ('busy with it: image_snapshot', {'task_state': SNAPSHOT}),
        ):
            self.nova.servers['s'] = server()
            made = self.at('drain')
            self.nova.change('s', **values)
            made = self.step(made)
            self.assertEqual(
                (Stage.UNDO, 0), (made.stage, self.nova.asked['s'])
            )
            self.assertIn(word, made.failure)

    def test_it_is_not_to_move_any_more(self) -> None:
        self.assert_undone(
            Outcome.NOT_STARTED,
            'dry run: [migrator] dry_run = True',
            self.step(self.at('drain'), dry_run=True),
        )

    def test_somebody_else_migrated_it(self) -> None:
        """Another migrator, perhaps: it is not migrated twice."""
        made = self.at('drain')
        self.nova.now += 1
        self.nova.live_migrate('s')
        self.nova.proceed('failed')
        self.assertEqual(1, len(self.nova.records))
        made = self.step(made)
        self.assertIn('somebody else', made.failure)
        self.assertEqual((Stage.UNDO, 1), (made.stage, self.nova.asked['s']))

    def test_a_migration_before_it_says_nothing(self) -> None:
        self.nova.live_migrate('s')
        self.nova.proceed('failed')
        self.nova.now += 1
        self.assert_at('request', self.step(self.at('drain')))

    def test_nova_refuses(self) -> None:
        # The tag, the old tag, then the migration.
        self.nova.trouble = ['ok', 'ok', 'refused']
        self.assert_undone(
            Outcome.NOT_STARTED, 'Nova refused', self.step(self.at('drain'))
        )

    def test_nova_refuses_what_it_has_accepted(self) -> None:
        """The network said it twice: Nova refuses the second one."""
        self.nova.slow = True

        def twice(server_id: str) -> None:
            live_migrate(server_id)
            live_migrate(server_id)

        live_migrate = self.nova.live_migrate
        self.useFixture(
            fixtures.MockPatchObject(self.nova, 'live_migrate', twice)
        )
        made = self.step(self.step(self.at('drain')), 300)
        self.nova.record()
        self.nova.proceed('running')
        made = self.step(made)
        self.assertEqual(
            (Stage.UNDO, 'cancelled'),
            (made.stage, self.nova.records[1].status),
        )
        self.assertEqual({'s'}, self.orchestrator.out)
        over = self.step(made, SETTLES + 1)
        self.assert_ended(Outcome.FAILED, 'Nova refused', over)

    def test_somebody_else_migrates_it(self) -> None:
        """That is not waited for."""
        made = self.at('undo', failure='why')
        self.nova.live_migrate('s')
        self.nova.records[1] = dataclasses.replace(
            self.nova.records[1], user_id='an operator'
        )
        over = self.step(made, SETTLES + 1)
        self.assert_ended(Outcome.FAILED, 'why', over)
        self.assertEqual('accepted', self.nova.records[1].status)

    def test_nova_takes_no_tag(self) -> None:
        """Without it a crash would ask for a second migration."""
        for word in ('refused', 'lost'):
            self.nova.trouble = [word]
            self.step(self.at('drain'))
            self.assertEqual(0, self.nova.asked['s'])

    def test_no_answer_to_the_request(self) -> None:
        for word in ('lost', 'unheard'):
            self.nova.servers['s'] = server()
            self.nova.records.clear()
            self.nova.trouble = ['ok', 'ok', word]
            made = self.assert_at('request', self.step(self.at('drain')))
            again = self.step(made, 60)
            if word == 'unheard':
                self.assertEqual(Stage.REQUEST, again.stage)
                self.assertEqual(1, self.nova.asked['s'])
            else:
                self.assertEqual(made.since, again.since)
                self.assert_undone(
                    Outcome.NOT_STARTED, 'no record', self.step(again, 1)
                )


class TestMigration(Ride):
    """REQUEST and MIGRATE follow Nova's record."""

    def asked(self, status: str = '') -> Move:
        self.orchestrator.out.add('s')
        made = self.at('request')
        self.nova.live_migrate('s')
        if status:
            self.nova.proceed(status)
        return made

    def test_the_target_is_known_as_soon_as_nova_chose(self) -> None:
        made = self.step(self.asked('preparing'))
        self.assertEqual((Stage.REQUEST, 'b'), (made.stage, made.target))

    def test_it_ends_between_two_looks(self) -> None:
        self.assert_at('reattach', self.step(self.asked('completed')))

    def test_it_fails(self) -> None:
        for status in ('error', 'failed', 'cancelled'):
            self.nova.servers['s'] = server()
            made = self.step(self.asked(status))
            self.assert_undone(Outcome.FAILED, f'ended as: {status}', made)

    def test_no_host_is_found_and_that_is_seen_late(self) -> None:
        """A tick took its time, or the clocks differ."""
        for seconds in (3, 60):
            self.nova.servers['s'] = server()
            made = self.asked('error')
            made = dataclasses.replace(made, drained_at=self.nova.now - 30)
            made = self.step(made, seconds)
            self.assert_undone(Outcome.FAILED, 'ended as: error', made)

    def test_a_failure_that_is_seen_late(self) -> None:
        made = self.step(self.asked('running'))
        self.nova.proceed('failed')
        made = self.step(made, 900)
        self.assert_undone(Outcome.FAILED, 'ended as: failed', made)

    def test_its_cell_goes_down(self) -> None:
        """Nova may migrate it: it waits, and that is said."""
        made = self.asked()
        self.nova.cell_down = {'s'}
        made = self.step(made, 10**6)
        assert isinstance(made, Move) and made.waits, made
        self.assertIn('Nova may migrate it', made.waits.detail)
        self.assertEqual(Stage.REQUEST, made.stage)
        self.assertEqual({'s'}, self.orchestrator.out)
        self.nova.cell_down = set()
        self.nova.proceed('running')
        made = self.assert_at('migrate', self.step(made))
        self.assertIsNone(made.waits)

    def test_it_does_not_begin(self) -> None:
        made = self.step(self.asked('queued'), 600)
        self.assertEqual('', made.failure)
        made = self.step(made, 1)
        self.assertEqual(
            (Stage.REQUEST, 'cancelled'),
            (made.stage, self.nova.records[1].status),
        )
        self.assert_undone(
            Outcome.FAILED, 'aborted: not done in 600 s', self.step(made)
        )

    def test_it_does_not_converge(self) -> None:
        made = self.assert_at('migrate', self.step(self.asked('running'), 500))
        made = self.step(made, 1800)
        self.assertEqual('running', self.nova.records[1].status)
        made = self.step(made, 1)
        self.assertEqual('cancelled', self.nova.records[1].status)
        self.assert_undone(
            Outcome.FAILED, 'aborted: not done in 1800 s', self.step(made)
        )

    def test_what_is_large_may_take_longer(self) -> None:
        """416 GiB take 71 minutes at 100 MiB/s: it has twice as long."""
        made = self.step(self.asked('running'), 500)
        made = dataclasses.replace(made, copy_mb=416 * 1024)
        for seconds, status in ((1801, 'running'), (6718, 'running')):
            made = self.step(made, seconds)
            self.assertEqual(status, self.nova.records[1].status)
        self.step(made, 1)
        self.assertEqual('cancelled', self.nova.records[1].status)

    def test_it_copies_the_same_for_ever(self) -> None:
        """It is aborted long before its time is over."""
        made = self.step(self.asked('running'))
        seconds = 0.0
        while self.nova.going_on():
            seconds += 5
            # 512 MiB/s of 4 GiB that are all written again all the time.
            done = 512 * seconds
            self.nova.copies['s'] = Copied(done, 4096 - done % 4096)
            made = self.step(made, 5)
        self.assertLess(seconds, 240)
        self.assert_undone(
            Outcome.FAILED, 'left, no fewer than 4 passes ago', self.step(made)
        )

    def test_what_it_was_aborted_for_stays(self) -> None:
        self.nova.aborts = False
        made = self.step(self.asked('running'))
        self.nova.copies['s'] = Copied(10.0, 90.0)
        for seconds in (3, 301, 30):
            made = self.step(made, seconds)
        self.assertEqual('aborted: nothing was copied for 301 s', made.failure)

    def test_the_abort_comes_too_late(self) -> None:
        made = self.step(self.asked('running'))
        # It ended, and the reading of records does not show it yet.
        before = dict(self.nova.records)
        self.nova.proceed('completed')
        after, self.nova.records = self.nova.records, before

        class Late(dict):
            """Shows what was, and acts on what is."""

            def __getitem__(self, key):
                return after[key]

        self.nova.records = Late(before)
        made = self.step(made, 1801)
        self.assertEqual(Stage.MIGRATE, made.stage)
        self.nova.records = after
        made = self.step(made)
        self.assert_at('reattach', made)
        # Nothing failed, after all.
        self.assertEqual('', made.failure)

    def test_it_can_not_be_aborted(self) -> None:
        """It is never in service while Nova may migrate it."""
        self.nova.aborts = False
        made = self.step(self.asked('running'))
        for _ in range(9):
            made = self.step(made, 1920)
            self.assertEqual(Stage.MIGRATE, made.stage)
        self.assertEqual({'s'}, self.orchestrator.out)
        # A person resets its state; Nova's record is left over.
        self.nova.change('s', status='ACTIVE', task_state=None)
        self.assert_undone(Outcome.FAILED, 'aborted', self.step(made))

    def test_what_is_in_post_copy_mode_is_not_aborted(self) -> None:
        """Nobody can: it runs on its target, and half of it is here."""
        log = self.useFixture(fixtures.FakeLogger(OURS))
        made = self.step(self.asked('running'))
        self.nova.proceed('running (post-copy)')
        self.nova.copies['s'] = Copied(10.0, 90.0)
        for _ in range(9):
            made = self.step(made, 1801)
            self.assertEqual(Stage.MIGRATE, made.stage)
        self.assertNotIn('not aborted', log.output)
        self.assertEqual({'s'}, self.orchestrator.out)
        self.nova.proceed('completed')
        self.assert_at('reattach', self.step(made))

    def test_its_post_copy_mode_never_ends(self) -> None:
        """Its nova-compute was killed: it forgets that state alone."""
        made = self.step(self.asked('running'))
        self.nova.proceed('running (post-copy)')
        made = self.step(made, 1801)
        self.nova.change('s', status='ACTIVE', task_state=None)
        self.assert_undone(
            Outcome.FAILED,
            'in post-copy mode: not done in 1800 s',
            self.step(made),
        )

    def test_it_is_scheduled_for_minutes(self) -> None:
        """Before there is a record, and while that is not listed by time."""
        self.nova.slow = True
        self.orchestrator.out.add('s')
        made = self.at('request')
        self.nova.live_migrate('s')
        made = self.step(made, 300)
        self.nova.record()
        for _ in range(2):
            made = self.step(made, 150)
            self.assertEqual(Stage.REQUEST, made.stage)
        self.nova.proceed('completed')
        self.assert_at('reattach', self.step(made))

    def test_what_is_accepted_for_too_long_is_aborted_once_it_can(
        self,
    ) -> None:
        made = self.asked()
        for _ in range(2):
            made = self.step(made, 600)
            self.assertEqual('accepted', self.nova.records[1].status)
        self.nova.proceed('queued')
        made = self.step(made)
        self.assertEqual('cancelled', self.nova.records[1].status)
        self.assert_undone(Outcome.FAILED, 'aborted', self.step(made))

    def test_nova_lost_the_request(self) -> None:
        """It is out until a person ends that."""
        self.nova.slow = True
        self.orchestrator.out.add('s')
        made = self.at('request')
        self.nova.live_migrate('s')
        for _ in range(9):
            made = self.step(made, 10**5)
            self.assertEqual(Stage.REQUEST, made.stage)
        self.nova.change('s', status='ACTIVE', task_state=None)
        self.assert_undone(Outcome.NOT_STARTED, 'no record', self.step(made))

    def test_nova_lost_the_record(self) -> None:
        made = self.step(self.asked('running'))
        self.nova.records.clear()
        made = self.step(made, 10**5)
        self.assertEqual(Stage.MIGRATE, made.stage)
        self.nova.change('s', status='ACTIVE', task_state=None)
        self.assertIn('has no record', self.step(made).failure)

    def test_it_is_deleted_meanwhile(self) -> None:
        for status in ('', 'queued', 'running'):
            made = self.asked(status)
            if status == 'running':
                made = self.step(made)
            del self.nova.servers['s']
            self.assert_undone(Outcome.GONE, 'deleted', self.step(made))
            self.nova.servers['s'] = server()
            self.nova.records.clear()

    def test_the_record_is_ahead_of_the_server(self) -> None:
        made = self.asked('completed')
        self.nova.change('s', host='a')
        made = self.step(made, 60)
        self.assertEqual(Stage.REQUEST, made.stage)
        self.nova.change('s', host='b')
        self.assert_at('reattach', self.step(made))

    def test_completed_and_yet_not_there(self) -> None:
        made = self.asked('completed')
        self.nova.change('s', host='a')
        made = self.step(made, 61)
        self.assertIn('yet the server is on a', made.failure)


class TestBack(Ride):
    """REATTACH and UNDO."""

    def test_it_is_asked_for_ever(self) -> None:
        for stage in ('reattach', 'undo'):
            made = self.at(stage, failure='why')
            self.orchestrator.out.add('s')
            self.orchestrator.says = [
                'waiting',
                'refused',
                'silent',
            ]
            for said in ('', 'fake: is refused', 'no answer'):
                made = self.step(made, 10**6)
                self.assertEqual(
                    (stage, said), (str(made.stage), made.trouble)
                )
            self.step(made, 10**6)
            self.assertEqual(set(), self.orchestrator.out)

    def test_an_orchestrator_is_told_that_it_was_deleted(self) -> None:
        """Or it would ask an agent for ever that went with the server."""
        told: list[Server] = []

        def reattach(server: Server, node: str) -> Answer:
            told.append(server)
            return DONE

        self.useFixture(
            fixtures.MockPatchObject(self.orchestrator, 'reattach', reattach)
        )
        made = self.at('undo', failure='why')
        self.step(made)
        del self.nova.servers['s']
        self.step(made)
        self.assertEqual(
            [('a', 'ACTIVE'), (None, 'DELETED')],
            [(s.host, s.status) for s in told],
        )

    def test_it_was_deleted(self) -> None:
        for stage, outcome in (
            ('reattach', 'it was deleted'),
            ('undo', 'why'),
        ):
            made = self.at(stage, failure='why')
            self.orchestrator.out.add('s')
            del self.nova.servers['s']
            over = self.step(made)
            if stage == 'reattach':
                over = self.step(over)
            self.assert_ended(Outcome.GONE, outcome, over)
            self.nova.servers['s'] = server()

    def test_nova_takes_no_tag_away(self) -> None:
        """It is back; it holds no slot; and it ends as it would have."""
        made = self.at('undo', failure='why')
        self.orchestrator.out.add('s')
        self.nova.change('s', status='ERROR')
        made = self.step(made)
        self.assertEqual((Stage.UNDO, False), (made.stage, made.unavailable))
        self.assertEqual(set(), self.orchestrator.out)
        self.assertEqual(made, self.step(made))
        self.nova.change('s', status='ACTIVE')
        self.assert_ended(Outcome.NOT_STARTED, 'why', self.step(made))


class TestVerify(Ride):
    def setUp(self) -> None:
        super().setUp()
        self.nova.change('s', host='b')

    def test_it_did_not_help(self) -> None:
        over = self.step(self.at('verify'), 90, used=3.6, waited=0.4)
        self.assert_ended(Outcome.NOT_HELPED, 'waits 10%', over)

    def test_it_would_wait_no_longer(self) -> None:
        """The others on its source have become idle."""
        self.source = COLD
        before = Load(cores=16.0, demand=18.0, waited=2.0, steal=0.1)
        made = self.at('verify', source_load=before)
        over = self.step(made, 90, used=3.9, waited=0.1)
        self.assert_ended(
            Outcome.NOT_HELPED, 'no less is waited for than if it', over
        )
        # Who takes it over does not know how it was.
        over = self.step(self.at('verify'), 90, used=3.9, waited=0.1)
        self.assert_ended(Outcome.UNMEASURED, 'is not known any more', over)

    def test_it_would_wait_hardly_less(self) -> None:
        """0.04 cores on one of 16 that was asked for 0.04 too many."""
        self.source = HostView(Tier.COLD, demand=12.04, cores=16.0)
        before = Load(cores=16.0, demand=18.0, waited=2.0, steal=0.1)
        made = self.at('verify', source_load=before)
        over = self.step(made, 90, used=4.0, waited=0.0)
        self.assert_ended(Outcome.NOT_HELPED, 'but no less is waited', over)

    def test_it_has_made_room(self) -> None:
        """It has not waited before, and nobody waits less yet."""
        self.source = COLD
        before = Load(cores=16.0, demand=8.0, waited=0.0, steal=0.0)
        made = self.at('verify', source_load=before, makes_room_for=move('x'))
        over = self.step(made, 90, used=4.0, waited=0.0)
        self.assert_ended(Outcome.UNMEASURED, 'it has made room for x', over)

    def test_nobody_measures_its_source(self) -> None:
        self.source = HostView(Tier.UNKNOWN)
        over = self.step(self.at('verify'), 90, used=3.9, waited=0.1)
        self.assert_ended(
            Outcome.UNMEASURED, 'its hosts are not measured', over
        )

    def test_it_waits_much_less(self) -> None:
        """It is not cured, but from 51 % to 16 % is help."""
        made = self.at('verify', steal_before=0.51)
        over = self.step(made, 90, used=3.36, waited=0.64)
        self.assert_ended(Outcome.HELPED, 'waits 16%', over)

    def test_its_seconds_are_as_bad_as_before(self) -> None:
        """That its mean is half of it helps nobody who was found by them."""
        made = self.at('verify', steal_before=0.04)
        over = self.step(made, 90, used=0.98, waited=0.02, bad_seconds=0.25)
        self.assert_ended(Outcome.NOT_HELPED, 'in 25% of its seconds', over)

    def test_it_still_has_bad_seconds(self) -> None:
        over = self.step(
            self.at('verify'), 90, used=0.98, waited=0.02, bad_seconds=0.25
        )
        self.assert_ended(
            Outcome.NOT_HELPED,
            'waits 2% of its time now and in 25% of its seconds',
            over,
        )

    def test_too_early_to_say(self) -> None:
        made = self.at('verify')
        self.assertEqual(made, self.step(made, 89, used=3.6, waited=0.4))

    def test_no_signal(self) -> None:
        made = self.at('verify')
        self.assertEqual(made, self.step(made, 90 + 600))
        self.assert_ended(Outcome.UNMEASURED, 'no fresh', self.step(made, 1))

    def test_a_long_window(self) -> None:
        """It is waited for, however long it is."""
        self.window = 3600.0
        made = self.at('verify')
        self.assertEqual(made, self.step(made, 3599, used=4.0, waited=0.0))
        over = self.step(made, 1, used=4.0, waited=0.0)
        self.assert_ended(Outcome.HELPED, 'waits 0%', over)


class TestTags(Ride):
    def test_a_tenant_removes_it(self) -> None:
        for stage in Stage:
            made = self.at(stage)
            self.nova.change('s', tags=('web',))
            after = self.step(made)
            # The step is taken all the same, or no deadline would ever come.
            left = {'web'}
            if isinstance(after, Move):
                left.add(self.effects.signer.tag(after))
            self.assertEqual(left, set(self.nova.servers['s'].tags))

    def test_other_tags_stay(self) -> None:
        made = self.at('undo')
        tags = ('stealth', 'web', *self.nova.servers['s'].tags)
        self.nova.change('s', tags=tags)
        self.step(made)
        self.assertEqual(
            ['stealth', 'web'], sorted(self.nova.servers['s'].tags)
        )

    def test_the_server_goes_while_it_is_tagged(self) -> None:
        made = self.at('drain')
        known = server(tags=())
        del self.nova.servers['s']
        made = self.machine.advance(
            dataclasses.replace(made, server=known), snapshot(fleet(known))
        )
        self.assertEqual(Stage.UNDO, made.stage)


class TestNoAnswer(Ride):
    @given(st.sampled_from(Stage))
    def test_the_lock_is_lost(self, stage: Stage) -> None:
        """Nothing is touched then."""
        made = self.at(stage)
        self.leader.held = False
        before = dict(self.nova.servers), list(self.orchestrator.asked)
        with contextlib.suppress(LockLost):
            self.step(made, 90, used=3.6, waited=0.4)
        after = dict(self.nova.servers), list(self.orchestrator.asked)
        self.leader.held = True
        self.assertEqual(before, after)

    def test_nova_does_not_answer(self) -> None:
        """The old tag stays, which leads to the same."""
        made = self.at('reattach')
        self.nova.trouble = ['lost']
        after = self.step(made)
        self.assertEqual(Stage.VERIFY, after.stage)
        self.assertEqual([], self.nova.trouble)
        (tag,) = self.nova.servers['s'].tags
        self.assertEqual(self.effects.signer.tag(made), tag)

    def test_the_tag_before_the_request_is_not_taken(self) -> None:
        """Nova was not asked to migrate it, and nobody says so."""
        log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.nova.trouble = ['lost']
        made = self.step(self.at('drain'))
        self.assertEqual(0, self.nova.asked['s'])
        self.assertIn('Nova was asked to tag server', log.output)
        self.assertNotIn('asked to migrate', log.output)
        self.assert_at('request', self.step(made))

    def test_nova_does_not_answer_at_the_end(self) -> None:
        """It is back; the next step removes the tag."""
        self.nova.trouble = ['lost']
        made = self.step(self.at('undo', failure='why'))
        self.assertEqual((Stage.UNDO, True), (made.stage, made.back))
        self.assert_ended(Outcome.NOT_STARTED, 'why', self.step(made))

    def test_the_first_tag_is_not_taken(self) -> None:
        self.nova.trouble = ['lost']
        made = self.machine.begin(move(), snapshot())
        assert isinstance(made, Ended), made
        self.assertEqual(Outcome.NOT_STARTED, made.outcome)
        self.assertEqual([], self.orchestrator.asked)
