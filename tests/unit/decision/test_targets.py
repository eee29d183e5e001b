from oslotest import base

from steal_scheduler.decision.targets import Targets
from steal_scheduler.model.cloud import Fleet, Host
from steal_scheduler.model.host_view import HostView, Tier, View
from tests.unit.make import NOW, move, snapshot


def cold(demand: float = 0.0, **other: float) -> HostView:
    return HostView(Tier.COLD, demand=demand, cores=16.0, **other)


def targets(
    up: bool = True,
    roles: dict[str, dict[str, int]] | None = None,
    target_demand: float = 90.0,
    **hosts: HostView,
) -> Targets:
    """Hosts of zone az1, of which z is in another."""
    zones = {name: 'az2' if name == 'z' else 'az1' for name in hosts}
    fleet = Fleet({}, {n: Host(n, zones[n], up) for n in zones}, {})
    view = View(NOW, hosts, roles or {}, {}, target_demand=target_demand)
    return Targets(snapshot(fleet, view=view))


class TestTake(base.BaseTestCase):
    def test_most_head_room(self) -> None:
        some = targets(b=cold(4), c=cold(2), d=cold(3), z=cold(0))
        self.assertEqual('c', some.take(move()))

    def test_least_steal_before_head_room(self) -> None:
        some = targets(b=cold(0, steal=0.03), c=cold(8, steal=0.01))
        self.assertEqual('c', some.take(move()))

    def test_fewest_of_its_role_before_head_room(self) -> None:
        some = targets(
            roles={'p/web': {'b': 1, 'd': 2}}, b=cold(0), c=cold(4), d=cold(0)
        )
        self.assertEqual('c', some.take(move(role='web', project_id='p')))
        some = targets(roles={'p/web': {'b': 2, 'c': 1}}, b=cold(0), c=cold(4))
        self.assertEqual('c', some.take(move(role='web', project_id='p')))
        self.assertEqual('b', some.take(move(role='db', project_id='p')))
        self.assertEqual('b', some.take(move(role='web', project_id='q')))

    def test_what_was_planned_counts(self) -> None:
        some = targets(b=cold(0), c=cold(2))
        taken = [some.take(move(demand=d)) for d in (4, 8, 8, 4, 4)]
        self.assertEqual(['b', 'c', 'b', 'c', None], taken)

    def test_the_role_of_what_was_planned_counts(self) -> None:
        some = targets(b=cold(0), c=cold(2))
        taken = [
            some.take(move(demand=1, role='web', project_id='p'))
            for _ in range(3)
        ]
        self.assertEqual(['b', 'c', 'b'], taken)

    def test_up_to_target_demand(self) -> None:
        self.assertEqual('b', targets(b=cold(10.4)).take(move(demand=4)))
        self.assertIsNone(targets(b=cold(10.5)).take(move(demand=4)))
        self.assertIsNone(targets(b=cold(10, credit=1)).take(move(demand=4)))

    def test_target_demand_beyond_the_cores(self) -> None:
        some = targets(b=cold(14), target_demand=150)
        self.assertEqual('b', some.take(move(demand=8)))

    def test_no_target(self) -> None:
        hot = HostView(Tier.HOT, cores=16.0)
        unknown = HostView(Tier.UNKNOWN, cores=16.0)
        self.assertIsNone(targets(b=hot, c=unknown, z=cold()).take(move()))
        self.assertIsNone(targets(a=cold()).take(move(source='a')))
        self.assertIsNone(targets(up=False, b=cold()).take(move()))
        self.assertIsNone(targets(b=cold(arrivals=1)).take(move()))
        self.assertIsNone(targets().take(move(zone=None)))


class TestWouldTake(base.BaseTestCase):
    def test_only_who_is_receiving_is_waited_for(self) -> None:
        self.assertTrue(targets(b=cold(arrivals=1)).would_take(move()))
        for some in (
            targets(b=cold()),
            targets(b=cold(12, arrivals=1)),
            targets(z=cold(arrivals=1)),
            targets(a=cold(arrivals=1)),
            targets(up=False, b=cold(arrivals=1)),
        ):
            self.assertFalse(some.would_take(move()))
