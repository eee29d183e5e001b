import fixtures
from oslotest import base

from steal_scheduler.exception import LockLost, NovaError, NovaRefused
from steal_scheduler.moves.effects import Effects
from steal_scheduler.orchestrators.base import Answer, State
from tests.unit import fakes
from tests.unit.make import NOW, migration, move, server


class TestEffects(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.nova = fakes.FakeNova(server(tags=('blue', 'steal:drain:1')))
        self.orchestrator = fakes.FakeOrchestrator()
        self.leader = fakes.FakeLeader()
        self.effects = Effects(
            self.nova, self.orchestrator, self.leader.check_held
        )

    def tags(self) -> set[str]:
        return set(self.nova.servers['s'].tags)

    def test_there_is_a_tag_at_every_moment(self) -> None:
        """The new one is written before the old one goes."""
        self.nova.trouble = ['ok', 'lost']
        self.assertRaises(
            NovaError, self.effects.tag, move(), self.nova.servers['s']
        )
        expected = {'blue', 'steal:drain:1', f'steal:drain:{int(NOW)}'}
        self.assertEqual(expected, self.tags())
        self.effects.tag(move(), self.nova.servers['s'])
        self.assertEqual(expected - {'steal:drain:1'}, self.tags())

    def test_a_tag_that_is_there_stays(self) -> None:
        self.effects.tag(move(since=1.0), self.nova.servers['s'])
        self.assertEqual({'blue', 'steal:drain:1'}, self.tags())

    def test_a_tag_that_nova_does_not_take(self) -> None:
        self.nova.change('s', status='ERROR')
        known = self.nova.servers['s']
        self.assertRaises(NovaRefused, self.effects.tag, move(), known)
        self.assertFalse(self.effects.retag(move(), known))
        self.assertFalse(self.effects.untag(known))
        self.nova.change('s', status='ACTIVE')
        self.assertTrue(self.effects.retag(move(), known))

    def test_untag(self) -> None:
        self.assertTrue(self.effects.untag(self.nova.servers['s']))
        self.assertEqual({'blue'}, self.tags())

    def test_an_abort_that_comes_too_late(self) -> None:
        self.nova.records[1] = migration(status='completed')
        self.effects.abort(self.nova.records[1])
        self.assertIn('of server s not aborted yet', self.log.output)

    def test_the_migration_of_an_operator_is_not_aborted(self) -> None:
        running = migration(status='running', user_id='somebody else')
        self.nova.records[1] = running
        self.effects.abort(running)
        self.assertEqual('running', self.nova.records[1].status)
        self.assertIn('somebody else began it', self.log.output)

    def test_it_does_not_answer(self) -> None:
        self.orchestrator.says = ['silent', 'silent']
        self.assertEqual(
            Answer(State.WAITING, 'no answer'), self.effects.drain(server())
        )
        self.assertEqual(
            Answer(State.REFUSED, 'no answer'),
            self.effects.reattach(server(), NOW),
        )

    def test_what_failed_is_asked_again_after_a_pause(self) -> None:
        for word, said in (
            ('refused', 'is refused'),
            ('silent', 'no answer'),
        ):
            self.orchestrator.says = [word]
            self.orchestrator.asked.clear()
            for at in (0, 1, 4.9):
                answer = self.effects.reattach(server(), NOW + at)
                self.assertIs(State.REFUSED, answer.state)
                self.assertIn(said, answer.detail)
            self.assertEqual(1, len(self.orchestrator.asked))
            answer = self.effects.reattach(server(), NOW + 5)
            self.assertIs(State.DONE, answer.state)

    def test_what_only_takes_time_is_asked_at_each_look(self) -> None:
        self.orchestrator.says = ['waiting'] * 3
        for _ in range(3):
            answer = self.effects.reattach(server(), NOW)
            self.assertIs(State.WAITING, answer.state)

    def test_without_the_lock_nothing_happens(self) -> None:
        self.leader.held = False
        known = self.nova.servers['s']
        for effect, args in (
            (self.effects.tag, (move(), known)),
            (self.effects.retag, (move(), known)),
            (self.effects.untag, (known,)),
            (self.effects.migrate, (known,)),
            (self.effects.abort, (migration(),)),
            (self.effects.drain, (known,)),
            (self.effects.reattach, (known, NOW)),
        ):
            self.assertRaises(LockLost, effect, *args)
        self.assertEqual(known, self.nova.servers['s'])
        self.assertEqual([], self.orchestrator.asked)
        self.assertEqual({}, self.nova.asked)
