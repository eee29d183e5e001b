import fixtures
from oslotest import base

from steal_scheduler.exception import LockLost, NovaError, NovaRefused
from steal_scheduler.model.move import Move, Stage
from tests.unit import fakes
from tests.unit.make import NOW, migration, move, server

OLD = fakes.tag('s', 'drain', 1, fakes.LEADERSHIP)
NEW = fakes.tag('s', 'drain', NOW, fakes.LEADERSHIP)


class TestEffects(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.nova = fakes.FakeNova(server(tags=('blue', OLD)))
        self.leader = fakes.FakeLeader()
        self.effects = fakes.effects(self.nova, self.leader)

    def move(self, **values: float) -> Move:
        return move(server=self.nova.servers['s'], **values)

    def tags(self) -> set[str]:
        return set(self.nova.servers['s'].tags)

    def test_there_is_a_tag_at_every_moment(self) -> None:
        """The new one is written before the old one goes."""
        self.nova.trouble = ['ok', 'lost']
        self.assertRaises(NovaError, self.effects.tag, self.move())
        expected = {'blue', OLD, NEW}
        self.assertEqual(expected, self.tags())
        self.effects.tag(self.move())
        self.assertEqual(expected - {OLD}, self.tags())

    def test_a_tag_that_is_there_stays(self) -> None:
        self.effects.tag(self.move(since=1.0))
        self.assertEqual({'blue', OLD}, self.tags())

    def test_a_tag_that_nova_does_not_take(self) -> None:
        self.nova.change('s', status='ERROR')
        known = self.nova.servers['s']
        before = self.tags()
        self.assertRaises(NovaRefused, self.effects.tag, self.move())
        self.effects.retag(self.move())
        self.assertFalse(self.effects.untag(known))
        self.assertEqual(before, self.tags())
        self.assertIn(
            'Nova rejected the tag of server name of s', self.log.output
        )
        self.nova.change('s', status='ACTIVE')
        self.effects.retag(self.move())
        self.assertEqual({'blue', NEW}, self.tags())

    def test_nova_does_not_answer_when_it_is_to_remove_one(self) -> None:
        self.nova.trouble = ['lost']
        self.assertFalse(self.effects.untag(self.nova.servers['s']))
        self.assertIn('Nova did not remove tags of server', self.log.output)

    def test_untag(self) -> None:
        self.assertTrue(self.effects.untag(self.nova.servers['s']))
        self.assertEqual({'blue'}, self.tags())

    def test_an_abort_that_comes_too_late(self) -> None:
        self.nova.records[1] = migration(status='completed')
        self.effects.abort(move(), self.nova.records[1])
        self.assertIn('of server name of s (s) not aborted: ', self.log.output)

    def test_the_migration_of_an_operator_is_not_aborted(self) -> None:
        running = migration(status='running', user_id='somebody else')
        self.nova.records[1] = running
        self.effects.abort(move(), running)
        self.assertEqual('running', self.nova.records[1].status)
        self.assertIn('somebody else began it', self.log.output)

    def test_a_call_that_outlasts_the_lease_is_confessed(self) -> None:
        """The next leader reads the tag, and reattaches the server."""
        known = server()
        with self.effects.in_time(known, 20.0):
            self.leader.held = False
            self.leader.number += 60
        for word, said in (('lost', 'asked again'), ('ok', '')):
            self.nova.trouble = [word]
            self.effects.confess(NOW)
            self.assertIn(said, self.log.output)
        told = fakes.signer().read(self.nova.servers['s'])
        assert told is not None
        self.assertEqual(
            (Stage.UNDO, NOW, fakes.LEADERSHIP),
            (told.stage, told.since, told.leadership),
        )
        before = self.tags()
        self.nova.change('s', tags=())
        self.effects.confess(NOW)
        self.assertEqual((set(), 3), (self.tags(), len(before)))

    def test_one_whose_server_takes_no_tag(self) -> None:
        with self.effects.in_time(server(), 20.0):
            self.leader.held = False
        self.nova.change('s', status='ERROR')
        self.effects.confess(NOW)
        self.effects.confess(NOW)
        said = 'drained without a lease, and Nova rejected'
        self.assertEqual(1, self.log.output.count(said))

    def test_without_the_lock_nothing_happens(self) -> None:
        self.leader.held = False
        known = self.nova.servers['s']
        for effect, args in (
            (self.effects.tag, (move(),)),
            (self.effects.retag, (move(),)),
            (self.effects.untag, (known,)),
            (self.effects.migrate, (known,)),
            (self.effects.abort, (move(), migration())),
        ):
            self.assertRaises(LockLost, effect, *args)
        self.assertEqual(known, self.nova.servers['s'])
        self.assertEqual({}, self.nova.asked)
