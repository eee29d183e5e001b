import dataclasses
from typing import Any
from unittest import mock

import fixtures
from oslotest import base

from steal_scheduler.decision import decide
from steal_scheduler.exception import (
    NovaForbids,
    OrchestratorError,
    RequestRefused,
)
from steal_scheduler.migrator import informed, proposals
from steal_scheduler.model.room import UNTOLD
from steal_scheduler.model.until import iso, shown
from steal_scheduler.moves.marks import Mark, Said
from steal_scheduler.moves.tags import Signer
from steal_scheduler.orchestrators.base import Answer, refused, waiting
from tests.unit.asking import ask, look
from tests.unit.make import move
from tests.unit.rig import Rig

HOUR = 3600


class ProposalsTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.rig = Rig()
        self.rig.nova.create_aggregate('az1', 'a')

    def say(self, **keys: str | None) -> None:
        said = {f'steal:{key}': value for key, value in keys.items()}
        self.rig.nova.set_aggregate_metadata(1, said)

    def reasons(self) -> set[str]:
        refusals = self.rig.migrator.decided.refusals
        return {str(r.reason) for r in refusals if r.server_id == 'x'}

    def events(self) -> list[str]:
        return [event for event, _ in self.rig.notifier.said]


class TestApprovals(ProposalsTest):
    def waiting(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = look(self.rig, 'approvals')['approvals']
        return found

    def setUp(self) -> None:
        super().setUp()
        self.say(approval='true')
        self.rig.overload()
        self.rig.tick()

    def test_it_waits_for_a_yes(self) -> None:
        rig, asked_at = self.rig, self.rig.now
        rig.tick(times=3)
        self.assertEqual(({}, ['proposed']), (rig.stages(), self.events()))
        self.assertEqual({'approval'}, self.reasons())
        (one,) = self.waiting()
        self.assertEqual(
            ('x', 'a', iso(asked_at), iso(asked_at + HOUR)),
            (
                one['server_id'],
                one['source'],
                one['asked_at'],
                one['expires_at'],
            ),
        )
        said = 'from host a proposed, and waits for a yes until'
        self.assertEqual(1, self.log.output.count(said))
        # Also between two polls.
        rig.tick(3)
        self.assertEqual(1, len(self.waiting()))
        self.assertEqual({}, ask(rig, 'approve', server_id='x', reason='go'))
        rig.tick()
        self.assertEqual({'x': 'drain'}, rig.stages())
        self.assertEqual([], self.waiting())
        self.assertIn('approved by alice: go', self.log.output)

    def test_a_no(self) -> None:
        """It holds for an hour, and meanwhile another one is proposed."""
        ask(self.rig, 'reject', server_id='x', reason='not today')
        self.rig.tick(times=3)
        self.assertEqual({}, self.rig.stages())
        self.assertEqual(['y'], [one['server_id'] for one in self.waiting()])
        self.assertEqual({'approval'}, self.reasons())
        self.rig.tick(HOUR)
        self.assertEqual(['x'], [one['server_id'] for one in self.waiting()])
        self.assertEqual(['proposed'] * 3, self.events())

    def test_nobody_answers(self) -> None:
        self.rig.source.demand = {}
        self.rig.tick(HOUR - 31)
        self.assertEqual(1, len(self.waiting()))
        self.rig.tick(32)
        self.assertEqual([], self.waiting())

    def test_what_does_not_wait(self) -> None:
        for server_id, reason in (
            ('y', 'not_found'),
            ('', 'invalid'),
            ('x', ''),
            ('x', 'conflict'),
        ):
            try:
                ask(self.rig, 'approve', server_id=server_id, reason='go')
            except RequestRefused as no:
                self.assertEqual(reason, no.reason, server_id)
            else:
                self.assertEqual('', reason)

    def test_a_move_that_is_cancelled_needs_another_yes(self) -> None:
        rig = self.rig
        ask(rig, 'approve', server_id='x', reason='go')
        rig.tick()
        self.assertEqual({'x': 'drain'}, rig.stages())
        ask(rig, 'move_cancel', server_id='x', reason='not now')
        rig.tick(times=20)
        self.assertEqual({}, rig.stages())
        self.assertIn('x', [one['server_id'] for one in self.waiting()])

    def test_another_leader_knows_of_a_yes(self) -> None:
        ask(self.rig, 'approve', server_id='x', reason='go')
        self.rig.restart()
        self.rig.tick()
        self.assertEqual({'x': 'drain'}, self.rig.stages())
        # Not once more when it has moved, and no trace is left.
        self.settle()
        self.assertEqual('b', self.rig.nova.servers['x'].host)
        self.rig.source.demand = {}
        self.rig.tick(times=3)
        self.assertEqual([], self.rig.tags())

    def settle(self) -> None:
        """Let what moves arrive, and be measured."""
        for _ in range(20):
            self.rig.nova.proceed('running', 'x')
            self.rig.nova.proceed('completed', 'x')
            self.rig.tick()

    def test_another_leader_knows_of_a_no(self) -> None:
        rig = self.rig
        ask(rig, 'reject', server_id='x', reason='not today')
        until = rig.now + HOUR
        rig.restart()
        rig.tick(times=3)
        self.assertEqual({}, rig.stages())
        self.assertEqual(['y'], [one['server_id'] for one in self.waiting()])
        refusals = rig.migrator.decided.refusals
        (said,) = [r.detail for r in refusals if r.server_id == 'x']
        self.assertEqual(
            'somebody, to another leader rejected it; it is proposed again '
            f'after {shown(until)}',
            said,
        )
        rig.tick(HOUR)
        self.assertIn('x', [one['server_id'] for one in self.waiting()])
        self.assertEqual([], rig.tags())

    def test_what_nobody_has_answered_is_proposed_anew(self) -> None:
        self.rig.restart()
        self.rig.tick()
        self.assertEqual(({}, []), (self.rig.stages(), self.rig.tags()))
        self.assertEqual(1, len(self.waiting()))

    def test_a_tenant_says_yes(self) -> None:
        """Of that of another server, of yesterday, or by his own key."""
        rig = self.rig
        ask(rig, 'approve', server_id='x', reason='go')
        (yes,) = rig.tags()
        other = Signer((b'a key of his own' * 2,))
        later = rig.now + HOUR
        forged = Mark(Said.APPROVED, later, 'a').text('y', other)
        rig.nova.change('x', locked=True, tags=())
        for tag in (yes, forged, yes.replace('approved', 'cancelled')):
            rig.nova.change('y', tags=(tag,))
            rig.restart()
            rig.tick(times=2)
            self.assertEqual({}, rig.stages(), tag)
            self.assertEqual((tag,), rig.nova.servers['y'].tags)
        # Nor one that he has kept, and puts back when it was withdrawn.
        rig.nova.change('y', locked=True, tags=())
        rig.nova.change('x', locked=False)
        rig.tick()
        rig.nova.change('x', tags=(yes,))
        rig.tick()
        self.assertEqual(({}, []), (rig.stages(), rig.tags()))

    def test_it_was_about_another_host(self) -> None:
        rig = self.rig
        ask(rig, 'approve', server_id='x', reason='go')
        rig.nova.change('x', host='b')
        rig.source.demand = {}
        rig.restart()
        rig.tick()
        self.assertEqual([], rig.tags())

    def test_nova_takes_no_tag(self) -> None:
        """Then this leader alone knows."""

        def no(*args: object) -> None:
            raise NovaForbids('403: no')

        with mock.patch.object(self.rig.nova, 'add_tag', no):
            ask(self.rig, 'approve', server_id='x', reason='go')
        self.assertIn('another leader will not know', self.log.output)
        self.rig.tick()
        self.assertEqual({'x': 'drain'}, self.rig.stages())

    def test_there_is_no_room_for_a_tag(self) -> None:
        """A move needs what is left of it."""
        rig, tags = self.rig, tuple(f't{n}' for n in range(48))
        rig.nova.change('x', tags=tags)
        rig.tick()
        ask(rig, 'approve', server_id='x', reason='go')
        rig.tick()
        self.assertEqual({'x': 'drain'}, rig.stages())
        found = set(rig.nova.servers['x'].tags) - {*tags}
        self.assertEqual(['drain'], [tag.split(':')[1] for tag in found])
        said = 'so another leader will not know: it has 48 of 50 tags'
        self.assertIn(said, self.log.output)


class TestNotices(ProposalsTest):
    def setUp(self) -> None:
        super().setUp()
        self.say(notice='2m')
        self.rig.overload()
        self.rig.tick()

    def test_no_step_waits_for_all_of_them(self) -> None:
        """Each is a call of Nova, while moves under way wait."""
        self.patch(proposals, '_AT_ONCE', 2)
        rig = Rig()
        rig.nova.create_aggregate('az1', 'a')
        rig.nova.set_aggregate_metadata(1, {'steal:notice': '2m'})
        moves = tuple(move(s, project_id='p', reason='waits') for s in 'xyz')
        decided = dataclasses.replace(decide.NOTHING, announced=moves)
        self.patch(informed, 'decided', lambda *_: (decided, UNTOLD))
        for told in (2, 3, 3):
            rig.tick()
            self.assertEqual(told, len(rig.notifier.said))

    def notice(self) -> str | None:
        return self.rig.nova.servers['x'].metadata.get('steal:notice')

    def test_it_moves_when_its_owner_had_time(self) -> None:
        rig, due = self.rig, self.rig.now + 120
        self.assertEqual(['notice'], self.events())
        said = self.notice() or ''
        self.assertTrue(said.startswith(f'{iso(due)} waits '), said)
        rig.tick(times=3)
        self.assertEqual(({}, {'notice'}), (rig.stages(), self.reasons()))
        # The time that Nova took to answer is added to what a tick calls now.
        rig.tick(times=2)
        self.assertIn('x', rig.stages())
        self.assertEqual(1, self.events().count('notice'))

    def test_nobody_else_is_named(self) -> None:
        """x does not wait itself: it leaves so that y waits less."""
        rig = Rig()
        rig.nova.create_aggregate('az1', 'a')
        rig.nova.set_aggregate_metadata(1, {'steal:notice': '2m'})
        for server_id in 'yz':
            rig.nova.change(server_id, locked=True)
        rig.rules = dataclasses.replace(
            rig.rules,
            detection=dataclasses.replace(
                rig.rules.detection, load_threshold=0.9
            ),
        )
        rig.restart()
        rig.overload()
        rig.tick()
        said = rig.nova.servers['x'].metadata['steal:notice']
        self.assertTrue(said.endswith('Z its host is to be relieved'), said)

    def told(self) -> int:
        return self.rig.orchestrator.asked.count(('notice', 'x'))

    def test_he_is_told_through_his_orchestrator(self) -> None:
        self.assertEqual(1, self.told())
        self.rig.tick(times=3)
        self.assertEqual(1, self.told())

    def objecting(self, *says: Answer | Exception) -> None:
        """A rig of which he says these, one after the other."""
        self.rig = Rig()
        self.rig.nova.create_aggregate('az1', 'a')
        self.say(notice='2m')
        self.rig.overload()
        for each in says:
            self.rig.orchestrator.owner = each
            self.rig.tick()

    def test_he_objects_through_it(self) -> None:
        self.objecting(waiting('asked'), refused('payday'))
        self.rig.tick(times=4)
        self.assertEqual(2, self.told())
        self.assertNotIn('x', self.rig.stages())
        self.assertIn(
            'objects to its move from host a: fake: payday', self.log.output
        )
        # He was told of x; y leaves instead, and its owner is told first.
        self.assertIn('notice', self.reasons())
        self.assertIn(('notice', 'y'), self.rig.orchestrator.asked)

    def test_who_does_not_answer_holds_up_nothing(self) -> None:
        for word in (waiting('asks'), OrchestratorError('down')):
            self.objecting(word)
            self.rig.tick(times=6)
            self.assertIn('x', self.rig.stages(), word)
            before = self.told()
            self.rig.tick()
            self.assertEqual(before, self.told(), word)

    def test_another_leader_goes_on(self) -> None:
        """He is not told anew, and it moves when it was to."""
        rig, due = self.rig, self.rig.now + 120
        rig.tick()
        rig.restart()
        rig.tick()
        self.assertTrue((self.notice() or '').startswith(iso(due)))
        self.assertEqual(1, self.events().count('notice'))
        self.assertEqual({'notice'}, self.reasons())
        rig.tick(times=3)
        self.assertIn('x', rig.stages())

    def test_another_leader_knows_that_he_objects(self) -> None:
        self.objecting(waiting('asked'), refused('payday'))
        self.rig.restart()
        self.rig.tick(times=6)
        self.assertEqual({'notice'}, self.reasons())
        self.assertEqual(2, self.told())
        self.assertNotIn('x', self.rig.stages())
        refusals = self.rig.migrator.decided.refusals
        said = [r.detail for r in refusals if r.server_id == 'x']
        self.assertIn('and objects: so another leader was told', said[0])
        self.say(notice=None)
        self.rig.source.demand = {}
        self.rig.tick(120 + HOUR)
        self.rig.tick(times=20)
        self.assertEqual([], self.rig.tags())

    def test_he_objects(self) -> None:
        before = self.rig.nova.servers['x'].metadata
        self.rig.nova.change(
            'x',
            metadata={**before, 'steal:migrate': 'false'},
            opted_out='metadata',
        )
        self.rig.tick(times=6)
        self.assertNotIn('x', self.rig.stages())

    def test_it_is_tidied_up(self) -> None:
        """An hour after it could have begun; the policy is gone by then."""
        self.rig.source.demand = {}
        self.rig.tick(times=2)
        self.assertIsNotNone(self.notice())
        self.say(notice=None)
        self.rig.tick(120 + HOUR)
        self.rig.tick()
        self.assertIsNone(self.notice())

    def test_one_that_nobody_wrote(self) -> None:
        self.rig.nova.change('z', metadata={'steal:notice': 'soon'})
        self.rig.tick(times=3)
        self.assertEqual({}, dict(self.rig.nova.servers['z'].metadata))

    def test_nova_does_not_let_us(self) -> None:
        """The notification alone has to do."""
        rig = Rig()
        rig.nova.create_aggregate('az1', 'a')
        rig.nova.set_aggregate_metadata(1, {'steal:notice': '2m'})

        def no(*args: object) -> None:
            raise NovaForbids('403: no')

        self.patch(rig.nova, 'set_metadata', no)
        rig.overload()
        rig.tick(times=4)
        self.assertEqual({}, rig.stages())
        self.assertEqual(1, self.log.output.count('has only the notification'))
        # The time that Nova took to answer is added to what a tick calls now.
        rig.tick(times=2)
        self.assertIn('x', rig.stages())
