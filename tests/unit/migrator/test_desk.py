import concurrent.futures
import threading
import time
from typing import Any

import fixtures
from oslotest import base

from steal_scheduler.exception import NovaSilent, RequestRefused
from steal_scheduler.migrator import desk, rate, skip
from steal_scheduler.model.move import Stage
from steal_scheduler.model.until import iso
from steal_scheduler.moves.marks import Mark, Said
from tests.shared import PATIENCE
from tests.unit import make
from tests.unit.asking import ALICE, ask, look, of_project
from tests.unit.rig import Rig


class DeskTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.rig = Rig()

    def refused(self, reason: str, *args: Any, **named: Any) -> str:
        """Why it is."""
        error = self.assertRaises(
            RequestRefused, ask, self.rig, *args, **named
        )
        self.assertEqual(reason, error.reason)
        return str(error)


class TestDesk(DeskTest):
    def test_before_the_first_tick(self) -> None:
        for method in ('summary', 'pause', 'settings'):
            said = self.refused('busy', method)
            self.assertIn('just begun to lead', said)

    def test_what_nobody_offers(self) -> None:
        self.rig.tick()
        for method in ('destroy', '', 'x' * 1000, '_look', 'answer\n'):
            self.refused('invalid', method)
        self.refused('invalid', 'summary', zone='az1')
        self.refused('invalid', 'hosts', zone=1)
        self.refused('invalid', 'hosts', zone='')
        self.refused('invalid', 'hosts', zone='x' * 1000)
        self.refused('invalid', 'server')
        self.refused('invalid', 'servers', contended='yes')

    def test_a_scope_that_nobody_understands_shows_nothing(self) -> None:
        self.rig.tick()
        for scope in ({}, 'ops', {'project_id': ''}, {'project_id': ['x']}):
            self.refused('invalid', 'servers', {**ALICE, 'scope': scope})
        self.refused('invalid', 'hosts', of_project('ops'))

    def test_another_migrator_leads(self) -> None:
        rig = self.rig
        rig.tick()
        look(rig, 'summary')
        rig.leader.held = False
        rig.tick()
        self.refused('busy', 'summary')

    def test_who_waits_when_the_leadership_ends(self) -> None:
        self.rig.tick()
        self.rig.leader.held = False
        said = self.refused('not_leader', 'pause', scope='cloud')
        self.assertIn('leads no more', said)

    def test_a_step_that_fails(self) -> None:
        self.rig.tick()
        self.rig.source.demand = {}
        self.patch(self.rig.components.journal, 'show', lambda *args: 1 / 0)
        said = self.refused('failed', 'pause', scope='cloud')
        self.assertIn('see its log', said)

    def test_who_asks_waits_no_longer_than_that(self) -> None:
        self.rig.tick()
        self.patch(desk, 'PATIENCE', 0.01)
        error = self.assertRaises(
            RequestRefused,
            self.rig.desk.answer,
            'pause',
            {'scope': 'cloud'},
            ALICE,
        )
        self.assertEqual('busy', error.reason)
        # And what nobody waits for is not done.
        self.rig.tick()
        self.assertEqual([], self.rig.nova.aggregates())

    def test_too_many_at_once(self) -> None:
        self.rig.tick()
        self.patch(desk, 'MOST_WAITING', 2)
        self.patch(desk, 'MOST_AT_ONCE', 1)
        answers: list[Any] = []

        def wait() -> None:
            answers.append(
                self.rig.desk.answer('pause', {'scope': 'cloud'}, ALICE)
            )

        threads = [threading.Thread(target=wait) for _ in range(2)]
        for n, thread in enumerate(threads, 1):
            thread.start()
            self.until(lambda n=n: self.rig.desk.waiting == n)  # type: ignore[misc]
        error = self.assertRaises(
            RequestRefused,
            self.rig.desk.answer,
            'pause',
            {'scope': 'cloud'},
            ALICE,
        )
        self.assertIn('2 requests wait already', str(error))
        # One of them is done in each tick, and the next one comes at once.
        for n in (1, 2):
            self.rig.tick()
            self.until(lambda n=n: len(answers) == n)  # type: ignore[misc]
            begun = time.monotonic()
            self.rig.desk.wait(PATIENCE if n == 1 else 0.01)
            self.assertLess(time.monotonic() - begun, PATIENCE / 2)

    def until(self, holds: Any) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            self.assertLess(time.monotonic(), end)
            threading.Event().wait(0.001)

    def test_a_request_wakes_the_loop(self) -> None:
        self.rig.tick()
        thread = threading.Thread(target=self.rig.desk.wait, args=(PATIENCE,))
        thread.start()
        ask(self.rig, 'pause', scope='cloud')
        thread.join(PATIENCE / 2)
        self.assertFalse(thread.is_alive())

    def test_an_answer_is_worked_out_once(self) -> None:
        rig = self.rig
        rig.tick()
        first = look(rig, 'servers')
        self.assertIs(first, look(rig, 'servers'))
        self.assertIsNot(first, look(rig, 'servers', zone='az1'))
        rig.tick()
        self.assertIsNot(first, look(rig, 'servers'))

    def test_a_member_that_goes_on_asking(self) -> None:
        """Each request makes the leader tick, and write to Nova."""
        self.patch(rate, 'INTERVAL', 1e9)
        rig = self.rig
        for server_id, project in (('x', 'p'), ('z', 'q')):
            rig.nova.change(server_id, project_id=project)
        rig.tick()
        member = of_project('p')
        for _ in range(rate.MOST // 2):
            for method in ('server_skip', 'server_unskip'):
                ask(rig, method, member, server_id='x')
        audited = self.log.output.count('server_skip')
        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            answer = threads.submit(
                look, rig, 'server_skip', member, server_id='x'
            )
            # No tick is needed, and nothing is written.
            error = answer.exception(PATIENCE)
        assert isinstance(error, RequestRefused)
        self.assertEqual('busy', error.reason)
        self.assertIn('too often', str(error))
        self.assertEqual(0, rig.desk.waiting)
        self.assertEqual(audited, self.log.output.count('server_skip'))
        # He may look, and others may ask.
        look(rig, 'servers', member)
        ask(rig, 'server_skip', of_project('q'), server_id='z')
        ask(rig, 'server_skip', server_id='x')

    def test_projects_do_not_crowd_out_operators(self) -> None:
        """Whoever asks for ever other zones has each answer worked out."""
        self.patch(desk, '_MOST_KEPT', 4)
        rig = self.rig
        rig.tick()
        for n in range(10):
            look(rig, 'servers', of_project('p1'), zone=f'z{n}')
        self.assertIs(look(rig, 'servers'), look(rig, 'servers'))

    def test_who_looks_holds_up_no_tick(self) -> None:
        """Nor does the picture change under whoever looks at it."""
        rig = self.rig
        rig.overload()
        rig.tick()
        with rig.desk._turn:
            rig.tick(3)
        self.assertEqual('request', look(rig, 'move', server_id='x')['stage'])
        shown = rig.desk._shown
        assert shown is not None
        rig.nova.proceed('running', 'x')
        rig.tick(3)
        self.assertIs(Stage.REQUEST, shown.picture.snapshot.moves['x'].stage)


class TestPause(DeskTest):
    def setUp(self) -> None:
        super().setUp()
        self.rig.tick()

    def test_pause_and_resume(self) -> None:
        rig = self.rig
        rig.overload()
        found = ask(
            rig, 'pause', scope='host', name='a', reason='new\x1b[31m kernel'
        )
        self.assertEqual(
            {
                'pause': {
                    'scope': 'host',
                    'name': 'a',
                    'until': None,
                    'reason': 'alice: new?[31m kernel',
                }
            },
            found,
        )
        (aggregate,) = rig.nova.aggregates()
        self.assertEqual(
            {'steal:pause:host:a': 'forever alice: new?[31m kernel'},
            aggregate.metadata,
        )
        self.assertIn('paused', look(rig, 'host', host='a')['paused'])
        self.assertEqual([found['pause']], look(rig, 'summary')['pauses'])
        rig.tick()
        self.assertEqual({}, rig.stages())
        self.assertEqual({}, ask(rig, 'resume', scope='host', name='a'))
        self.assertIsNone(look(rig, 'host', host='a')['paused'])
        rig.tick()
        self.assertEqual({'x': 'drain'}, rig.stages())
        # Of the audit.
        for word in '"disable/pause"', '"enable/resume"', '"alice"':
            self.assertIn(word, self.log.output)

    def test_until(self) -> None:
        found = ask(
            self.rig, 'pause', scope='cloud', until='2030-01-01T00:00:00Z'
        )
        self.assertEqual('2030-01-01T00:00:00Z', found['pause']['until'])
        for until in ('1970-01-02T00:00Z', 'soon', '2h', 'forever', 7):
            said = self.refused('invalid', 'pause', scope='cloud', until=until)
            self.assertIn('until', said)

    def test_what_cannot_be_paused(self) -> None:
        said = self.refused('not_found', 'pause', scope='host', name='nope')
        self.assertIn('Nova knows no host nope', said)
        self.refused('invalid', 'pause', scope='host')
        self.refused('invalid', 'pause', scope='planet', name='a')
        self.refused('invalid', 'pause')

    def test_nova_fails(self) -> None:
        self.rig.nova.fails = {'aggregates'}
        self.refused('failed', 'pause', scope='cloud')
        self.rig.nova.fails = set()
        # And the next one is done.
        ask(self.rig, 'pause', scope='cloud')

    def test_a_pause_that_goes_on(self) -> None:
        """One that is not ours to end."""
        self.rig.nova.create_aggregate('rack 7', 'a')
        self.rig.nova.set_aggregate_metadata(1, {'steal:pause': 'true'})
        said = self.refused('conflict', 'resume', scope='host', name='a')
        self.assertIn('Still paused', said)


class TestMove(DeskTest):
    def test_a_server_that_does_not_wait(self) -> None:
        rig = self.rig
        rig.tick()
        found = ask(rig, 'move_create', server_id='z', reason='a test')
        self.assertEqual('drain', found['move']['stage'])
        self.assertEqual('asked for by alice: a test', found['move']['reason'])
        self.assertEqual('alice', found['move']['requested_by'])
        for status in ('', 'running', 'completed'):
            rig.tick(3)
            if status:
                rig.nova.proceed(status, 'z')
        rig.tick(3, times=2)
        self.assertEqual({'z': 'verify'}, rig.stages())
        self.assertEqual('b', rig.nova.servers['z'].host)
        self.assertEqual(set(), rig.orchestrator.out)
        # Nobody wanted it to wait less, so it has not failed to.
        rig.tick(700, times=2)
        self.assertEqual({}, rig.stages())
        last = look(rig, 'server', server_id='z')['last']
        self.assertEqual('arrived', last['outcome'])

    def test_one_that_waits_and_would_stay(self) -> None:
        """The first of its host is chosen by the planner; not so this."""
        rig = self.rig
        rig.tick()
        rig.overload()
        found = ask(rig, 'move_create', server_id='z', reason='')
        reason = found['move']['reason']
        self.assertTrue(reason.startswith('asked for by alice'), reason)
        self.assertEqual({'z': 'drain'}, rig.stages())

    def test_the_gate_says_no(self) -> None:
        rig = self.rig
        rig.tick()
        rig.nova.change('x', locked=True)
        said = self.refused('conflict', 'move_create', server_id='x')
        self.assertIn('locked: it is locked', said)
        rig.nova.pause('steal:pause:host:a')
        said = self.refused('conflict', 'move_create', server_id='y')
        self.assertIn('paused: its host a is paused', said)
        rig.nova.pause('steal:pause:host:a', None)
        rig.nova.pause()
        said = self.refused('conflict', 'move_create', server_id='y')
        self.assertIn('paused until somebody resumes', said)
        self.assertEqual({}, rig.stages())

    def test_no_place(self) -> None:
        rig = self.rig
        rig.tick()
        rig.nova.placement.ram = dict.fromkeys('bc', 100)
        said = self.refused('conflict', 'move_create', server_id='z')
        self.assertTrue(said.startswith('ram: '), said)
        # Nobody waits: that is no news of the zone.
        self.assertEqual([], look(rig, 'summary')['saturations'])
        rig.tick()
        self.assertEqual([], look(rig, 'plan')['refusals'])

    def test_dry_run(self) -> None:
        self.rig = Rig(dry_run=True)
        self.rig.tick()
        said = self.refused('conflict', 'move_create', server_id='x')
        self.assertIn('but for [migrator] dry_run = True.', said)
        self.assertEqual([], self.rig.tags())

    def test_one_that_is_not_measured(self) -> None:
        rig = self.rig
        self.rig = rig = Rig(make.rules(coverage_floor=50))
        rig.tick()
        rig.source.unseen = {'z'}
        said = self.refused('conflict', 'move_create', server_id='z')
        self.assertIn('signals: it is not measured now', said)

    def test_no_such_server(self) -> None:
        self.rig.tick()
        self.refused('not_found', 'move_create', server_id='nope')
        self.refused('invalid', 'move_create', server_id=['x'])
        self.refused('invalid', 'move_create')

    def test_nova_takes_no_tag(self) -> None:
        self.rig.tick()
        self.rig.nova.trouble = ['refused']
        said = self.refused('conflict', 'move_create', server_id='x')
        self.assertIn('It did not begin: 403', said)

    def test_one_that_moves(self) -> None:
        self.rig.tick()
        ask(self.rig, 'move_create', server_id='x')
        said = self.refused('conflict', 'move_create', server_id='x')
        self.assertIn('Its move is at: drain', said)

    def test_two_of_one_host(self) -> None:
        """The limits are the same as for any."""
        self.rig.tick()
        ask(self.rig, 'move_create', server_id='x')
        said = self.refused('conflict', 'move_create', server_id='y')
        self.assertIn('slot_source: another server leaves its host', said)


class TestCancel(DeskTest):
    def setUp(self) -> None:
        super().setUp()
        self.rig.overload()
        self.rig.tick()

    def cancel(self) -> None:
        found = ask(self.rig, 'move_cancel', server_id='x', reason='not now')
        self.assertEqual('x', found['move']['server_id'])

    def ended(self) -> Any:
        return look(self.rig, 'server', server_id='x')['last']

    def test_while_it_is_drained(self) -> None:
        rig = self.rig
        self.cancel()
        self.assertEqual({'x': 'undo'}, rig.stages())
        move = look(rig, 'move', server_id='x')
        self.assertEqual('cancelled by alice: not now', move['trouble'])
        rig.tick(3)
        self.assertEqual({}, rig.stages())
        self.assertEqual(set(), rig.orchestrator.out)
        self.assertEqual('not_started', self.ended()['outcome'])
        self.assertEqual('a', rig.nova.servers['x'].host)

    def test_while_nova_chooses(self) -> None:
        """Nova aborts none before that: it is asked for as soon as it does."""
        rig = self.rig
        rig.tick(3)
        self.assertEqual({'x': 'request'}, rig.stages())
        self.cancel()
        self.assertEqual({'x': 'request'}, rig.stages())
        rig.nova.proceed('running', 'x')
        rig.tick(3, times=3)
        self.assertEqual({'x': 'undo'}, rig.stages())
        rig.tick(20)
        self.assertEqual('failed', self.ended()['outcome'])
        self.assertEqual('a', rig.nova.servers['x'].host)
        self.assertEqual(set(), rig.orchestrator.out)

    def test_while_it_is_copied(self) -> None:
        rig = self.rig
        rig.tick(3)
        rig.nova.proceed('running', 'x')
        rig.tick(3)
        self.cancel()
        rig.tick(3)
        self.assertEqual({'x': 'undo'}, rig.stages())
        rig.tick(20)
        self.assertNotIn('x', rig.stages())
        self.assertEqual('failed', self.ended()['outcome'])
        self.assertEqual(set(), rig.orchestrator.out)

    def test_another_leader_cancels_it(self) -> None:
        """It was not heard of when Nova could not abort it yet."""
        rig = self.rig
        rig.tick(3)
        self.cancel()
        self.assertEqual({'x': 'request'}, rig.stages())
        rig.restart()
        rig.nova.proceed('running', 'x')
        rig.tick(3, times=3)
        self.assertEqual({'x': 'undo'}, rig.stages())
        rig.source.demand = {}
        rig.tick(20)
        rig.tick()
        self.assertEqual('failed', self.ended()['outcome'])
        self.assertIn('as another leader was told', self.log.output)
        self.assertEqual('a', rig.nova.servers['x'].host)
        self.assertEqual((set(), []), (rig.orchestrator.out, rig.tags()))

    def test_an_older_cancel_is_none_of_this_move(self) -> None:
        rig = self.rig
        rig.tick(3)
        signer = rig.components.effects.signer
        before = Mark(Said.CANCELLED, rig.now - 60, 'a').text('x', signer)
        rig.nova.add_tag('x', before)
        rig.restart()
        rig.nova.proceed('running', 'x')
        rig.tick(3, times=3)
        self.assertEqual({'x': 'migrate'}, rig.stages())

    def test_too_late(self) -> None:
        rig = self.rig
        rig.tick(3)
        rig.nova.proceed('running', 'x')
        rig.tick(3)
        rig.nova.aborts = False
        self.cancel()
        rig.nova.proceed('completed', 'x')
        rig.tick(3, times=2)
        self.assertEqual({'x': 'verify'}, rig.stages())
        self.assertEqual('b', rig.nova.servers['x'].host)
        said = self.refused('conflict', 'move_cancel', server_id='x')
        self.assertIn('Its move is at: verify', said)

    def test_none_is_under_way(self) -> None:
        self.refused('not_found', 'move_cancel', server_id='y')
        self.refused('invalid', 'move_cancel')


class TestRelieve(DeskTest):
    def setUp(self) -> None:
        super().setUp()
        self.rig = Rig(make.rules(polls_contended=3, polls_window=5))

    def test_it_does_not_wait_for_further_polls(self) -> None:
        rig = self.rig
        rig.tick()
        rig.overload()
        rig.tick()
        self.assertEqual({}, rig.stages())
        found = ask(rig, 'host_relieve', host='a', reason='now')
        self.assertEqual({'x': 'drain'}, rig.stages())
        (admitted,) = found['admitted']
        self.assertEqual('x', admitted['server_id'])
        self.assertIn('asked for by alice: now', admitted['reason'])
        refused = {no['server_id']: no['reason'] for no in found['refusals']}
        self.assertEqual({'y': 'not_needed', 'z': 'not_needed'}, refused)

    def test_others_still_wait_for_further_polls(self) -> None:
        """However often somebody asks for something else meanwhile."""
        rig = self.rig
        rig.tick()
        rig.overload()
        rig.tick()
        for _ in range(5):
            self.refused('conflict', 'host_relieve', host='b')
        self.assertEqual({}, rig.stages())
        # Nor do those who ask put off the next poll.
        rig.tick(15)
        rig.tick(30)
        self.assertEqual({'x': 'drain'}, rig.stages())

    def test_nobody_waits_there(self) -> None:
        self.rig.tick()
        said = self.refused('conflict', 'host_relieve', host='a')
        self.assertIn('No server of host a is contended', said)
        self.refused('not_found', 'host_relieve', host='nope')
        self.refused('invalid', 'host_relieve')

    def test_nothing_may_begin(self) -> None:
        rig = self.rig
        rig.tick()
        rig.overload()
        rig.nova.pause()
        said = self.refused('conflict', 'host_relieve', host='a')
        self.assertIn('paused', said)


class TestSkip(DeskTest):
    def setUp(self) -> None:
        super().setUp()
        self.rig.tick()
        for server_id, project in zip('xyz', ('p1', 'p1', 'p2'), strict=True):
            self.rig.nova.change(server_id, project_id=project)
        self.rig.tick()

    def written(self) -> dict[str, str]:
        (aggregate,) = self.rig.nova.aggregates()
        return dict(aggregate.metadata)

    def test_it_stays_until_it_is_over(self) -> None:
        rig = self.rig
        until = iso(rig.now + 300)
        found = ask(
            rig, 'server_skip', server_id='x', until=until, reason='a release'
        )
        self.assertEqual(until, found['server']['skip_until'])
        self.assertEqual(
            {'steal:skip:server:x': f'{until} alice: a release'},
            self.written(),
        )
        rig.overload()
        rig.tick()
        self.assertEqual({'y': 'drain'}, rig.stages())
        server = look(rig, 'server', server_id='x')
        self.assertEqual('skipped', server['reason'])
        self.assertIn('(alice: a release)', server['detail'])
        said = self.refused('conflict', 'move_create', server_id='x')
        self.assertIn('skipped: it is skipped until', said)
        rig.tick(300)
        server = look(rig, 'server', server_id='x')
        self.assertNotEqual('skipped', server['reason'])
        self.assertIsNone(server['skip_until'])

    def test_it_outlasts_the_migrator(self) -> None:
        rig = self.rig
        ask(rig, 'server_skip', server_id='x')
        rig.restart()
        rig.overload()
        rig.tick()
        self.assertEqual({'y': 'drain'}, rig.stages())

    def test_end_it(self) -> None:
        rig = self.rig
        found = ask(rig, 'server_skip', server_id='x')
        self.assertEqual('9999-12-31T23:59:59Z', found['server']['skip_until'])
        found = ask(rig, 'server_unskip', server_id='x')
        self.assertIsNone(found['server']['skip_until'])
        self.assertEqual({}, self.written())
        # Of one that is not skipped it is no error.
        ask(rig, 'server_unskip', server_id='x')

    def test_what_is_over_is_removed(self) -> None:
        rig = self.rig
        ask(rig, 'server_skip', server_id='x', until=iso(rig.now + 60))
        rig.nova.pause()
        rig.tick(100)
        ask(rig, 'server_skip', server_id='z')
        self.assertEqual(
            {'steal:pause', 'steal:skip:server:z'}, {*self.written()}
        )

    def test_a_member_of_its_project(self) -> None:
        rig, bob = self.rig, {**of_project('p1'), 'user_name': 'bob'}
        found = ask(rig, 'server_skip', bob, server_id='x', reason='my db')
        self.assertIsNone(found['server']['host'])
        self.assertEqual(
            {'steal:skip:owner:x': 'forever bob: my db'}, self.written()
        )
        self.refused('not_found', 'server_skip', bob, server_id='z')
        self.refused('not_found', 'server_unskip', bob, server_id='z')
        for method in ('move_create', 'move_cancel'):
            self.refused('invalid', method, bob, server_id='x')
        self.refused('invalid', 'pause', bob, scope='cloud')
        self.refused('invalid', 'host_relieve', bob, host='a')
        # Nor does he end, or shorten, what an operator wants.
        until = iso(rig.now + 3600)
        ask(rig, 'server_skip', server_id='x', until=until)
        said = self.refused('conflict', 'server_unskip', bob, server_id='x')
        self.assertEqual('An operator wants it to stay where it is.', said)
        soon = iso(rig.now + 60)
        found = ask(rig, 'server_skip', bob, server_id='x', until=soon)
        self.assertEqual(until, found['server']['skip_until'])
        self.assertEqual(2, len(self.written()))
        # An operator ends both.
        ask(rig, 'server_unskip', server_id='x')
        self.assertEqual({}, self.written())

    def test_one_project_leaves_room_for_others(self) -> None:
        self.patch(skip, 'MOST_OF_PROJECT', 1)
        bob = of_project('p1')
        ask(self.rig, 'server_skip', bob, server_id='x')
        ask(self.rig, 'server_skip', bob, server_id='x')
        said = self.refused('conflict', 'server_skip', bob, server_id='y')
        self.assertIn('1 servers of its project are skipped', said)
        ask(self.rig, 'server_skip', of_project('p2'), server_id='z')

    def test_a_member_learns_no_address_of_ours(self) -> None:
        said = 'Nova does not answer: no connection to http://ctl-7:8774'

        def fails(*_: Any) -> None:
            raise NovaSilent(said)

        self.patch(self.rig.nova, 'set_aggregate_metadata', fails)
        told = self.refused(
            'failed', 'server_skip', of_project('p1'), server_id='x'
        )
        self.assertEqual(
            'It failed, and the log of the migrator that leads says why: ask '
            'who operates the cloud.',
            told,
        )
        self.assertIn(
            f'Request server_skip of alice failed: {said}', self.log.output
        )
        told = self.refused('failed', 'server_skip', server_id='x')
        self.assertEqual(said, told)

    def test_members_leave_room_for_operators(self) -> None:
        self.patch(skip, 'MOST', 1)
        bob = of_project('p1')
        ask(self.rig, 'server_skip', bob, server_id='x')
        said = self.refused('conflict', 'server_skip', bob, server_id='y')
        self.assertIn('and 1 in all', said)
        ask(self.rig, 'server_skip', server_id='y')
        self.assertEqual(2, len(self.written()))

    def test_skips_of_deleted_servers_go(self) -> None:
        """Else who makes and deletes servers takes all places, for ever."""
        self.patch(skip, 'MOST', 2)
        rig, bob = self.rig, of_project('p1')
        for server_id in 'xy':
            ask(rig, 'server_skip', bob, server_id=server_id)
        # An operator's words stay, whatever they are about.
        rig.nova.set_aggregate_metadata(1, {'steal:skip:server:web': 'true'})
        rig.nova.delete('x')
        rig.nova.cell_down.add('y')
        rig.restart()
        rig.tick(times=2)
        ask(rig, 'server_skip', of_project('p2'), server_id='z')
        self.assertEqual(
            {
                'steal:skip:owner:y',
                'steal:skip:owner:z',
                'steal:skip:server:web',
            },
            {*self.written()},
        )

    def test_a_long_reason(self) -> None:
        ask(self.rig, 'server_skip', server_id='x', reason='x' * 5000)
        (value,) = self.written().values()
        self.assertLessEqual(len(value), 255)

    def test_no_such_server(self) -> None:
        self.refused('not_found', 'server_skip', server_id='nope')
        self.refused('invalid', 'server_skip', server_id='x', until='soon')
