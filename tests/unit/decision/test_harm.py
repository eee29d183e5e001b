import dataclasses

from oslotest import base

from steal_scheduler.decision.harm import with_harm, with_target
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import Ended, Stage
from tests.unit.make import NOW, ended, move, server, snapshot


def at(steal: float, cores: float = 16.0) -> Snapshot:
    """Servers of host b wait so much of their time."""
    seen = HostView(Tier.COLD, steal=steal, cores=cores)
    return snapshot(view=View(NOW, {'b': seen}, {}, {}))


def over(steal: float, host: str = 'b', cores: float = 16.0) -> Ended:
    """A move to b, where servers waited 1 % before."""
    before = move(stage=Stage.MIGRATE, target='b')
    made = with_target(before, at(0.01))
    made = dataclasses.replace(made, server=server(host=host))
    return with_harm(ended(move=made), at(steal, cores))


class TestHarm(base.BaseTestCase):
    def test_it_hurt_its_target(self) -> None:
        self.assertIn(
            ' Its target was hurt: servers of host b wait 7% of their time '
            'now, 1% before.',
            over(0.07).told,
        )

    def test_it_did_not(self) -> None:
        for steal in (0.0, 0.04):
            self.assertIn(
                f'. Servers of host b wait {steal:.0%} of their time now, 1% '
                'before.',
                over(steal).told,
            )

    def test_what_is_before_is_of_before(self) -> None:
        made = move(stage=Stage.REQUEST, target='b')
        made = with_target(made, at(0.01))
        self.assertEqual(0.01, with_target(made, at(0.3)).target_steal)

    def test_nothing_is_known(self) -> None:
        for one in (over(0.07, host='a'), over(0.07, cores=0.0)):
            self.assertIsNone(one.harm)
        for made in (
            move(stage=Stage.REQUEST),
            move(stage=Stage.VERIFY, target='b'),
        ):
            self.assertIsNone(with_target(made, at(0.01)).target_steal)
