from oslotest import base

from steal_scheduler.model.host_view import HostView, Tier, View
from tests.unit.make import NOW


class TestAvoids(base.BaseTestCase):
    def avoids(self, **host: object) -> bool:
        one = HostView(**{'tier': Tier.COLD, **host})  # type: ignore
        return View(NOW, {'a': one}, {}, {}).avoids('a')

    def test_who_is_hot_or_over_the_threshold(self) -> None:
        self.assertTrue(self.avoids(tier=Tier.HOT))
        # The least bad of a fleet in which everybody waits is cold.
        self.assertTrue(self.avoids(steal=0.05))
        self.assertTrue(self.avoids(tier=Tier.UNKNOWN, steal=0.05))

    def test_not_others(self) -> None:
        self.assertFalse(self.avoids(steal=0.049))
        self.assertFalse(self.avoids(tier=Tier.UNKNOWN))
        self.assertFalse(View(NOW, {}, {}, {}).avoids('a'))


class TestTakes(base.BaseTestCase):
    def takes(self, wanted: float, **host: object) -> bool:
        host_view = HostView(
            **{'tier': Tier.COLD, 'cores': 10.0, **host}  # type: ignore
        )
        return View(NOW, {'a': host_view}, {}, {}).takes('a', wanted)

    def test_up_to_the_target_demand(self) -> None:
        self.assertTrue(self.takes(9.0))
        self.assertFalse(self.takes(9.1))

    def test_beside_what_is_there_and_on_its_way(self) -> None:
        self.assertTrue(self.takes(2.0, demand=4.0, credit=3.0))
        self.assertFalse(self.takes(2.1, demand=4.0, credit=3.0))

    def test_only_cold_hosts(self) -> None:
        self.assertFalse(self.takes(1.0, tier=Tier.HOT))
        self.assertFalse(self.takes(1.0, tier=Tier.UNKNOWN))

    def test_only_hosts_that_hardly_wait(self) -> None:
        """Cold is not enough, where everybody waits."""
        self.assertTrue(self.takes(1.0, steal=0.049))
        self.assertFalse(self.takes(1.0, steal=0.05))

    def test_one_arrival_at_a_time(self) -> None:
        self.assertFalse(self.takes(1.0, arrivals=1))

    def test_a_host_that_is_not_named(self) -> None:
        self.assertFalse(View(NOW, {}, {}, {}).takes('a', 0.0))


class TestPressure(base.BaseTestCase):
    def pressure(self, **host: float) -> float:
        return HostView(Tier.COLD, **{'cores': 16.0, **host}).pressure

    def test_what_is_asked_for_where_nobody_counts(self) -> None:
        self.assertEqual(1.25, self.pressure(demand=20.0))

    def test_who_wants_to_run(self) -> None:
        self.assertEqual(0.5, self.pressure(demand=20.0, runnable=0.5))
        self.assertEqual(0.0, self.pressure(demand=20.0, runnable=0.0))

    def test_what_is_on_its_way(self) -> None:
        self.assertEqual(1.5, self.pressure(demand=20.0, credit=4.0))
        self.assertEqual(0.75, self.pressure(runnable=0.5, credit=4.0))

    def test_no_cores(self) -> None:
        self.assertEqual(0.0, self.pressure(demand=20.0, cores=0.0))
