import dataclasses
from typing import Any

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
from steal_scheduler.model.until import iso
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

    def test_another_leader_asks_anew(self) -> None:
        ask(self.rig, 'approve', server_id='x', reason='go')
        self.rig.restart()
        self.rig.tick()
        self.assertEqual({}, self.rig.stages())
        self.assertEqual(1, len(self.waiting()))


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
