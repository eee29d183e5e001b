from oslotest import base

from steal_scheduler import turns
from steal_scheduler.evidence import Evidence
from steal_scheduler.model import Host
from steal_scheduler.move import Move, Stage
from steal_scheduler.view import HostView, Tier, View
from steal_scheduler.world import World
from tests.unit.make import NOW, fleet, move, server, signals


def cold(**other: float) -> HostView:
    return HostView(Tier.COLD, cores=16.0, **other)


class TestTurns(base.BaseTestCase):
    def wait_for(
        self,
        *others: Move,
        sent: bool = True,
        hosts: dict[str, HostView] | None = None,
        up: bool = True,
        dry_run: bool = False,
    ) -> str:
        views = hosts or {'b': cold()}
        known = fleet(server())
        known.hosts['b'] = Host('b', 'az1', up)
        known.hosts['z'] = Host('z', 'az2')
        world = World(
            now=NOW,
            fleet=known,
            known=Evidence(signals(), {}),
            view=View(NOW, views, {}, {}),
            moves={m.server_id: m for m in (move(), *others)},
            ended={},
            ours=(),
        )
        refusal = turns.wait_for(move(), world, sent=sent, dry_run=dry_run)
        return refusal.why if refusal else ''

    def test_its_turn(self) -> None:
        self.assertEqual('', self.wait_for())

    def test_the_view_did_not_reach_nova(self) -> None:
        self.assertEqual('view_not_sent', self.wait_for(sent=False))

    def test_a_dry_run(self) -> None:
        self.assertEqual('dry_run', self.wait_for(dry_run=True))

    def test_another_one_has_no_target_yet(self) -> None:
        for stage, target, waits in (
            (Stage.REQUEST, None, True),
            (Stage.MIGRATE, None, True),
            (Stage.REQUEST, 'c', False),
            (Stage.DRAIN, None, False),
            (Stage.UNDO, None, False),
        ):
            found = self.wait_for(move('x', stage=stage, target=target))
            self.assertEqual('target_pending' if waits else '', found)

    def test_nobody_can_take_it_any_more(self) -> None:
        for hosts in (
            {'b': cold(demand=10.5)},
            {'b': cold(arrivals=1)},
            {'b': HostView(Tier.HOT, cores=16.0)},
            {'a': cold()},
            {'z': cold()},
        ):
            self.assertEqual('saturated', self.wait_for(hosts=hosts))
        self.assertEqual('saturated', self.wait_for(up=False))
