from oslotest import base

from steal_scheduler.decision.demand_log import DemandLog
from steal_scheduler.decision.targets import Targets
from steal_scheduler.model.cloud import Fleet, Host
from steal_scheduler.model.demand import STEP
from steal_scheduler.model.host_view import HostView, Tier, View
from tests.unit import make
from tests.unit.make import NOW, move, snapshot


def cold(demand: float = 0.0, **other: float) -> HostView:
    return HostView(Tier.COLD, demand=demand, cores=16.0, **other)


def targets(
    up: bool = True,
    roles: dict[str, dict[str, int]] | None = None,
    target_demand: float = 90.0,
    max_arrivals: int = 9,
    **hosts: HostView,
) -> Targets:
    """Hosts of zone az1, of which z is in another."""
    zones = {name: 'az2' if name == 'z' else 'az1' for name in hosts}
    fleet = Fleet({}, {n: Host(n, zones[n], up) for n in zones}, {})
    view = View(
        NOW,
        hosts,
        roles or {},
        {},
        target_demand=target_demand,
        max_arrivals=max_arrivals,
    )
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

    def test_no_more_at_a_time_than_one_may_be_given(self) -> None:
        """A second one would be drained in vain."""
        some = targets(max_arrivals=2, b=cold(0, arrivals=1), c=cold(8))
        taken = [some.take(move(demand=1)) for _ in range(4)]
        self.assertEqual(['b', 'c', 'c', None], taken)
        self.assertTrue(some.would_take(move(demand=1)))
        self.assertFalse(some.would_take(move(demand=15)))

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
        self.assertIsNone(targets(b=cold(arrivals=9)).take(move()))
        self.assertIsNone(targets().take(move(zone=None)))


class TestWouldTake(base.BaseTestCase):
    def test_only_who_is_receiving_is_waited_for(self) -> None:
        self.assertTrue(targets(b=cold(arrivals=9)).would_take(move()))
        for some in (
            targets(b=cold()),
            targets(b=cold(12, arrivals=9)),
            targets(z=cold(arrivals=9)),
            targets(a=cold(arrivals=9)),
            targets(up=False, b=cold(arrivals=1)),
        ):
            self.assertFalse(some.would_take(move()))


class TestPast(base.BaseTestCase):
    """b and c are asked for as much now; b was for much, at other times."""

    def targets(self, **hosts: HostView) -> Targets:
        fleet = make.fleet(
            make.server('on-b', host='b'),
            make.server('on-c', host='c'),
            make.server('s'),
        )
        past = DemandLog()
        for n in range(10):
            evening = n >= 5
            past.add(
                NOW + n * STEP,
                {
                    'on-b': 12.0 if evening else 1.0,
                    'on-c': 1.0 if evening else 9.0,
                    's': 4.0 if evening else 1.0,
                },
            )
        measured = make.signals(
            *(
                make.signal(f'on-{name}', host=name, used=4.0, waited=0.0)
                for name in 'bc'
            )
        )
        view = View(NOW, hosts, {'p/web': {'c': 1}}, {}, max_arrivals=9)
        return Targets(
            snapshot(fleet, measured=measured, view=view, past=past)
        )

    def test_where_their_peaks_are_at_other_times(self) -> None:
        some = self.targets(b=cold(4), c=cold(4))
        self.assertEqual('c', some.take(move(demand=2)))

    def test_to_stay_cold_counts_for_more_than_the_role(self) -> None:
        some = self.targets(b=cold(4), c=cold(4))
        one = move(demand=2, role='web', project_id='p')
        self.assertEqual('c', some.take(one))

    def test_now_it_has_to_fit_as_well(self) -> None:
        some = self.targets(b=cold(4), c=cold(13))
        self.assertEqual('b', some.take(move(demand=2)))
