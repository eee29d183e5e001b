"""Nova is asked once each nova-scheduler knows where the server may go."""

import fixtures
from oslotest import base

from steal_scheduler.model.scheduler import Scheduler
from tests.samples import sample
from tests.unit import fakes
from tests.unit.make import scheduler
from tests.unit.rig import Rig


class Deaf(fakes.FakeReceiver):
    """Some have taken all views, and some one of long ago."""

    def __init__(self, sender: fakes.FakeSender) -> None:
        super().__init__()
        self._sender = sender
        #: By host, what it has; None for each view that was sent.
        self.at: dict[str, float | None] = {}

    def heard(self, now: float) -> dict[str, Scheduler]:
        last = self._sender.views[-1].rankings.at if self._sender.views else 0
        return {
            host: scheduler(host, ranked_at=last if at is None else at)
            for host, at in self.at.items()
        }


class ToldTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.rig = Rig()
        self.rig.overload()
        self.receiver = Deaf(self.rig.sender)
        self.rig.replace(receiver=self.receiver)

    def asked(self) -> bool:
        return self.rig.stages() == {'x': 'request'}

    def test_all_take_views(self) -> None:
        """They are told as soon as it begins, so that nothing waits."""
        self.receiver.at = {'one': None, 'two': None}
        self.rig.tick()
        before, after = self.rig.sender.views
        self.assertEqual({}, before.rankings.of)
        self.assertEqual({'b', 'c'}, after.rankings.of['x'].feasible)
        self.rig.tick(3)
        self.assertTrue(self.asked())
        # Nobody else begins to move.
        self.assertEqual(3, len(self.rig.sender.views))

    def test_the_view_of_before_it_began(self) -> None:
        self.receiver.at = {'one': None}
        self.rig.tick()
        self.receiver.at = {'one': self.rig.sender.views[0].rankings.at}
        self.rig.tick(3)
        self.assertFalse(self.asked())
        why = {'reason': 'view_not_taken'}
        self.assertEqual(1.0, sample(self.rig.metrics, 'refusals', why))
        self.receiver.at = {'one': self.rig.sender.views[1].rankings.at}
        self.rig.tick(3)
        self.assertTrue(self.asked())

    def test_one_never_acknowledges(self) -> None:
        """It is waited for, then not any more, and that is said once."""
        self.receiver.at = {'one': None, 'two': self.rig.now}
        self.rig.tick()
        for _ in range(9):
            self.rig.tick(3)
            self.assertFalse(self.asked())
        (moving,) = self.rig.migrator.moves.values()
        assert moving.waits is not None
        self.assertIn('nova-scheduler of two has not', moving.waits.detail)
        self.assertNotIn('do not wait any more', self.log.output)
        self.rig.tick(6)
        self.assertTrue(self.asked())
        self.rig.tick(3, times=3)
        said = 'Moves do not wait any more for nova-scheduler of host two'
        self.assertEqual(1, self.log.output.count(said))

    def test_one_that_acknowledges_late(self) -> None:
        self.receiver.at = {'one': None, 'two': self.rig.now}
        self.rig.tick()
        self.rig.tick(3, times=3)
        self.assertFalse(self.asked())
        self.receiver.at['two'] = None
        self.rig.tick(3)
        self.assertTrue(self.asked())

    def test_one_of_an_older_release(self) -> None:
        self.rig.replace(receiver=self.rig.receiver)
        self.rig.receiver.schedulers = {'old': scheduler('old')}
        self.rig.tick()
        self.rig.tick(3)
        self.assertTrue(self.asked())

    def test_a_new_leader(self) -> None:
        """What the one before it has told counts for nothing."""
        self.receiver.at = {'one': None}
        self.rig.orchestrator.says = ['waiting'] * 3
        self.rig.tick()
        self.rig.tick(3, times=2)
        (own,) = self.rig.sender.views[-1].rankings.of.values()
        before = own.since
        self.rig.restart()
        self.rig.replace(receiver=self.receiver)
        self.rig.tick(3)
        for own in self.rig.sender.views[-1].rankings.of.values():
            self.assertLess(before, own.since)
