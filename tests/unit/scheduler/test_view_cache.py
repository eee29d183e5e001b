import dataclasses
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base as oslo_base

from steal_scheduler.messaging import view_format
from steal_scheduler.model.host_view import HostView, View
from steal_scheduler.scheduler.view_cache import (
    MAX_ORDERS,
    MAX_PLACED,
    Placed,
    RankedView,
    ViewCache,
)
from tests.unit import strategies
from tests.unit.scheduler import base
from tests.unit.scheduler.base import UNKNOWN, cold, hot

AGE = 100.0


class Clock:
    """Both clocks: one that operators set, and one that they cannot."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.monotonic = 50.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@dataclasses.dataclass
class Worker:
    clock: Clock
    cache: ViewCache

    def receive(self, taken_at: float, **change: Any) -> None:
        hosts = {'a': base.cold(), 'b': base.hot()}
        view = View(taken_at, hosts, {}, {})
        self.cache.accept(view_format.encode(view) | change)

    @property
    def taken_at(self) -> float | None:
        latest = self.cache.latest()
        return latest.view.taken_at if latest else None


def worker() -> Worker:
    clock = Clock()
    cache = ViewCache(AGE, lambda: clock.wall, lambda: clock.monotonic)
    return Worker(clock, cache)


class TestViewCache(base.SchedulerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.worker = worker()
        self.clock = self.worker.clock
        self.now = self.clock.wall

    def test_nothing_at_first(self) -> None:
        self.assertIsNone(self.worker.taken_at)

    def test_the_newest(self) -> None:
        for age in (20, 10):
            self.worker.receive(self.now - age)
        self.assertEqual(self.now - 10, self.worker.taken_at)

    def test_one_that_was_overtaken(self) -> None:
        for age in (10, 20):
            self.worker.receive(self.now - age)
        self.assertEqual(self.now - 10, self.worker.taken_at)

    def test_the_same_signals_with_other_moves(self) -> None:
        self.worker.receive(self.now)
        self.worker.receive(self.now, max_arrivals=5)
        latest = self.worker.cache.latest()
        assert latest is not None
        self.assertEqual(5, latest.view.max_arrivals)

    def test_it_expires_at_its_age_not_at_its_arrival_plus_age(self) -> None:
        self.worker.receive(self.now - 30)
        self.clock.pass_(AGE - 31)
        self.assertIsNotNone(self.worker.taken_at)
        self.clock.pass_(1)
        self.assertIsNone(self.worker.taken_at)

    def test_a_clock_that_is_set_does_not_refresh_it(self) -> None:
        self.worker.receive(self.now)
        self.clock.wall -= 3600
        self.clock.monotonic += AGE
        self.assertIsNone(self.worker.taken_at)

    def test_stale_on_arrival(self) -> None:
        for taken_at in (self.now - AGE - 1, self.now + AGE + 1):
            self.worker.receive(taken_at)
            self.assertIsNone(self.worker.taken_at)
        self.assertEqual(1, self.log.output.count('View ignored'))
        self.assertIn('clock', self.log.output)

    def test_one_of_the_future_does_not_mute_the_migrator(self) -> None:
        """Whoever may write to the bus could send one for each AGE."""
        for _ in range(5):
            self.worker.receive(self.clock.wall + AGE - 1)
            self.assertIsNone(self.worker.taken_at)
            self.worker.receive(self.clock.wall)
            self.assertEqual(self.clock.wall, self.worker.taken_at)
            self.clock.pass_(AGE)
        self.assertIn(
            '99.0 s ahead of this clock, more than 5 s', self.log.output
        )

    def test_clocks_differ_a_little(self) -> None:
        self.worker.receive(self.now + 5)
        self.assertEqual(self.now + 5, self.worker.taken_at)
        self.worker.receive(self.now + 5.1)
        self.assertEqual(self.now + 5, self.worker.taken_at)

    def test_a_clock_put_back_costs_one_age(self) -> None:
        self.worker.receive(self.now)
        self.clock.wall -= AGE / 2
        self.worker.receive(self.clock.wall)
        self.assertEqual(self.now, self.worker.taken_at)
        self.clock.pass_(AGE)
        self.worker.receive(self.clock.wall)
        self.assertEqual(self.clock.wall, self.worker.taken_at)

    def test_what_is_ignored_is_told_in_one_line(self) -> None:
        for change in ({'target_demand': 'x' * 65_536}, {'version': math.nan}):
            self.worker.receive(self.now, **change)
            last = self.log.output.splitlines()[-1]
            self.assertIn('View ignored', last)
            self.assertLess(len(last), 600)

    def test_nonsense_is_logged_once_of_its_kind(self) -> None:
        self.worker.receive(self.now)
        for _ in range(3):
            self.worker.receive(self.now, movers=None)
        for _ in range(3):
            self.worker.receive(self.now, version=99)
        self.assertEqual(2, self.log.output.count('View ignored'))
        self.assertEqual(self.now, self.worker.taken_at)
        self.worker.receive(self.now)
        self.worker.receive(self.now, version=99)
        self.assertEqual(3, self.log.output.count('View ignored'))

    @given(st.lists(st.tuples(st.floats(0, 60), st.floats(-300, 300))))
    def test_never_stale_and_never_older_than_a_fresh_one(
        self, arrivals: list[tuple[float, float]]
    ) -> None:
        found = worker()
        before: float | None = None
        for pause, age in arrivals:
            found.clock.pass_(pause)
            taken_at = found.clock.wall - age
            before = found.taken_at
            found.receive(taken_at)
            after = found.taken_at
            if after is not None:
                self.assertGreater(after, found.clock.wall - AGE - 1e-6)
            if before is not None:
                self.assertGreaterEqual(after or 0.0, before)


class TestZones(base.SchedulerTestCase):
    """Where each host is: of the last view, however old."""

    def setUp(self) -> None:
        super().setUp()
        self.worker = worker()

    def receive(self, **zones: str | None) -> None:
        now = self.worker.clock.wall
        hosts = {n: HostView(UNKNOWN, zone=z) for n, z in zones.items()}
        view = View(now, hosts, {}, {})
        self.worker.cache.accept(view_format.encode(view))

    def test_none_before_the_first_view(self) -> None:
        self.assertIsNone(self.worker.cache.zones)

    def test_of_the_last_view(self) -> None:
        self.receive(a='az1', b='az2')
        self.receive(a='az2', c=None)
        self.assertEqual({'a': 'az2'}, self.worker.cache.zones)

    def test_they_outlive_it(self) -> None:
        self.receive(a='az1')
        self.worker.clock.pass_(1000 * AGE)
        self.assertIsNone(self.worker.cache.latest())
        self.assertEqual({'a': 'az1'}, self.worker.cache.zones)

    def test_a_view_that_is_ignored_tells_none(self) -> None:
        self.worker.receive(self.worker.clock.wall - 2 * AGE)
        self.assertIsNone(self.worker.cache.zones)


class TestLog(base.SchedulerTestCase):
    """Changes are logged, states are not."""

    def setUp(self) -> None:
        super().setUp()
        self.worker = worker()
        self.clock = self.worker.clock

    def tick(self, seconds: float) -> None:
        """Time passes, as the watching thread sees it."""
        end = self.clock.monotonic + seconds
        while (left := end - self.clock.monotonic) > 0:
            self.clock.pass_(min(left, self.worker.cache.watch()))
        self.worker.cache.watch()

    def count(self, text: str) -> int:
        return self.log.output.count(text)

    def test_first_view(self) -> None:
        for _ in range(3):
            self.worker.receive(self.clock.wall)
            self.tick(1)
        line = 'Views arrive: 2 hosts (1 cold, 0 unknown, 1 hot), 0 servers'
        self.assertEqual(1, self.count(line))
        self.assertEqual(1, self.log.output.count('\n'))

    def test_none_ever(self) -> None:
        self.tick(AGE - 1)
        self.assertEqual('', self.log.output)
        self.tick(10 * AGE)
        self.assertEqual(1, self.count('missing for 100 s'))

    def test_they_cease_and_come_again(self) -> None:
        self.worker.receive(self.clock.wall)
        self.tick(AGE / 2)
        self.worker.receive(self.clock.wall)
        self.tick(AGE - 1)
        self.assertEqual(0, self.count('Views are missing'))
        self.tick(5 * AGE)
        self.assertEqual(1, self.count('Views are missing'))
        self.worker.receive(self.clock.wall)
        self.assertEqual(2, self.count('Views arrive'))
        self.tick(AGE + 1)
        self.assertEqual(2, self.count('Views are missing'))


UNKNOWN_HOST = HostView(UNKNOWN)


def view(
    hosts: dict[str, HostView], roles: dict[str, dict[str, int]] | None = None
) -> View:
    return View(0.0, hosts, roles or {}, {})


class TestOrders(oslo_base.BaseTestCase):
    def test_one_for_each_role_and_kind(self) -> None:
        ranked = RankedView(view({}, {'web': {}, 'db': {}}), 0.0)
        kinds = [(r, m) for r in (None, 'web', 'db') for m in (True, False)]
        orders = {ranked.order(role, move=move) for role, move in kinds}
        self.assertEqual(len(kinds), len(orders))
        again = {ranked.order(role, move=move) for role, move in kinds}
        self.assertEqual(orders, again)

    def test_roles_that_nobody_plays_are_one(self) -> None:
        ranked = RankedView(view({}), 0.0)
        self.assertIs(
            ranked.order(None, move=True), ranked.order('new', move=True)
        )

    def test_not_without_end(self) -> None:
        roles: dict[str, dict[str, int]] = {str(n): {} for n in range(100)}
        ranked = RankedView(view({}, roles), 0.0)
        for role in roles:
            ranked.order(role, move=True)
        self.assertEqual(MAX_ORDERS, ranked._order.cache_info().currsize)


class TestCorrections(oslo_base.BaseTestCase):
    """Servers placed since the view was taken."""

    def setUp(self) -> None:
        super().setUp()
        hosts = {name: cold(demand=8) for name in 'abc'} | {'d': hot()}
        self.ranked = RankedView(view(hosts, {'web': {'c': 1}}), 0.0)

    def best(self, role: str | None, server_id: str = 'next') -> list[str]:
        found = self.ranked.order(
            role, move=False, server_id=server_id
        ).weights
        return sorted(n for n in found if found[n] == max(found.values()))

    def test_of_the_same_role(self) -> None:
        self.assertEqual(['a', 'b'], self.best('web'))
        self.ranked.place('1', Placed('a', 'web', 1.0))
        self.assertEqual(['b'], self.best('web'))
        self.assertEqual(['a', 'b', 'c'], self.best('db'))
        self.assertEqual(['a', 'b', 'c'], self.best(None))
        self.ranked.place('2', Placed('b', 'web', 1.0))
        self.assertEqual(['a', 'b', 'c'], self.best('web'))

    def test_without_role_until_the_host_is_full(self) -> None:
        self.ranked.place('1', Placed('a', None, 49.0))
        self.assertEqual(['a', 'b', 'c'], self.best(None))
        self.ranked.place('2', Placed('a', None, 1.0))
        self.assertEqual(['b', 'c'], self.best(None))

    def test_when_all_are_full_the_least_full(self) -> None:
        for name in 'abc':
            self.ranked.place(name, Placed(name, None, 60.0))
        self.ranked.place('more', Placed('b', None, 1.0))
        self.assertEqual(['a', 'c'], self.best(None))

    def test_a_server_does_not_count_against_itself(self) -> None:
        self.ranked.place('1', Placed('a', 'web', 1.0))
        self.assertEqual(['a', 'b'], self.best('web', server_id='1'))

    def test_placed_again_it_counts_once(self) -> None:
        self.ranked.place('1', Placed('a', 'web', 1.0))
        self.ranked.place('1', Placed('b', 'web', 1.0))
        self.assertEqual(['a'], self.best('web'))

    def test_a_host_that_the_view_does_not_name(self) -> None:
        self.ranked.place('1', Placed('elsewhere', 'web', 1.0))
        self.assertEqual(['a', 'b'], self.best('web'))

    def test_not_without_end(self) -> None:
        for n in range(MAX_PLACED + 10):
            self.ranked.place(str(n), Placed('a', None, 0.0))
        self.assertEqual(MAX_PLACED, len(self.ranked._placed))

    @given(
        strategies.views(),
        st.lists(
            st.tuples(
                st.sampled_from(strategies.NAMES),
                st.none() | st.sampled_from(strategies.ROLES),
                strategies.cores(),
            ),
            max_size=5,
        ),
        st.booleans(),
    )
    def test_what_was_placed_never_makes_a_host_better(
        self,
        any_view: View,
        placed: list[tuple[str, str | None, float]],
        move: bool,
    ) -> None:
        ranked = RankedView(any_view, 0.0)
        for n, one in enumerate(placed):
            ranked.place(str(n), Placed(*one))
        order = ranked.order('web', move=move)
        before = RankedView(any_view, 0.0).order('web', move=move)
        hosts = {name for name, _, _ in placed}
        for one in before.weights:
            for other in before.weights.keys() - hosts:
                if before.weights[one] <= before.weights[other]:
                    self.assertLessEqual(
                        order.weights[one], order.weights[other]
                    )
