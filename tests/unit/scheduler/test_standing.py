from hypothesis import given
from hypothesis import strategies as st
from oslotest import base as oslo_base

from steal_scheduler.decision import ranking
from steal_scheduler.model.host_view import HostView, View
from steal_scheduler.scheduler.order import Order
from steal_scheduler.scheduler.standing import (
    MAX_ORDERS,
    MAX_PLACED,
    Placed,
    Standing,
)
from tests.unit import strategies
from tests.unit.scheduler.base import COLD, HOT, UNKNOWN, cold, hot

UNKNOWN_HOST = HostView(UNKNOWN)


def view(
    hosts: dict[str, HostView], roles: dict[str, dict[str, int]] | None = None
) -> View:
    return View(0.0, hosts, roles or {}, {})


class TestOrder(oslo_base.BaseTestCase):
    def order(self, **hosts: HostView) -> Order:
        return Order(ranking.keys(view(hosts), None, move=True))

    def test_steps_below(self) -> None:
        order = self.order(a=cold(), b=cold(0.03), c=hot(), d=hot())
        self.assertEqual(
            {'a': 2.0, 'b': 1.0, 'c': 0.0, 'd': 0.0}, order.weights
        )

    def test_absent_is_unknown(self) -> None:
        order = self.order(a=cold(), b=UNKNOWN_HOST, c=hot())
        self.assertEqual(order.weights['b'], order.absent)

    def test_absent_is_between_cold_and_hot(self) -> None:
        order = self.order(a=cold(), b=hot())
        self.assertEqual(0.5, order.absent)

    @given(strategies.views(), st.none() | st.just('web'), st.booleans())
    def test_in_the_order_of_ranks(
        self, any_view: View, role: str | None, move: bool
    ) -> None:
        order = Order(ranking.keys(any_view, role, move=move))
        ranks = ranking.ranks(any_view, role, move=move)
        self.assertEqual(ranks.keys(), order.weights.keys())
        for name, rank in ranks.items():
            self.assertEqual(max(ranks.values()) - rank, order.weights[name])

    @given(strategies.views(), st.none() | st.just('web'), st.booleans())
    def test_absent_stands_by_its_tier(
        self, any_view: View, role: str | None, move: bool
    ) -> None:
        order = Order(ranking.keys(any_view, role, move=move))
        for name, weight in order.weights.items():
            if any_view.hosts[name].tier is COLD:
                self.assertGreater(weight, order.absent)
            if any_view.hosts[name].tier is HOT:
                self.assertLess(weight, order.absent)


class TestOrders(oslo_base.BaseTestCase):
    def test_one_for_each_role_and_kind(self) -> None:
        standing = Standing(view({}, {'web': {}, 'db': {}}), 0.0)
        kinds = [(r, m) for r in (None, 'web', 'db') for m in (True, False)]
        orders = {standing.order(role, move=move) for role, move in kinds}
        self.assertEqual(len(kinds), len(orders))
        again = {standing.order(role, move=move) for role, move in kinds}
        self.assertEqual(orders, again)

    def test_roles_that_nobody_plays_are_one(self) -> None:
        standing = Standing(view({}), 0.0)
        self.assertIs(
            standing.order(None, move=True), standing.order('new', move=True)
        )

    def test_not_without_end(self) -> None:
        roles: dict[str, dict[str, int]] = {str(n): {} for n in range(100)}
        standing = Standing(view({}, roles), 0.0)
        for role in roles:
            standing.order(role, move=True)
            self.assertLessEqual(len(standing._orders), MAX_ORDERS)


class TestCorrections(oslo_base.BaseTestCase):
    """Servers placed since the view was taken."""

    def setUp(self) -> None:
        super().setUp()
        hosts = {name: cold(demand=8) for name in 'abc'} | {'d': hot()}
        self.standing = Standing(view(hosts, {'web': {'c': 1}}), 0.0)

    def best(self, role: str | None, server_id: str = 'next') -> list[str]:
        found = self.standing.order(
            role, move=False, server_id=server_id
        ).weights
        return sorted(n for n in found if found[n] == max(found.values()))

    def test_of_the_same_role(self) -> None:
        self.assertEqual(['a', 'b'], self.best('web'))
        self.standing.place('1', Placed('a', 'web', 1.0))
        self.assertEqual(['b'], self.best('web'))
        self.assertEqual(['a', 'b', 'c'], self.best('db'))
        self.assertEqual(['a', 'b', 'c'], self.best(None))
        self.standing.place('2', Placed('b', 'web', 1.0))
        self.assertEqual(['a', 'b', 'c'], self.best('web'))

    def test_without_role_until_the_host_is_full(self) -> None:
        self.standing.place('1', Placed('a', None, 49.0))
        self.assertEqual(['a', 'b', 'c'], self.best(None))
        self.standing.place('2', Placed('a', None, 1.0))
        self.assertEqual(['b', 'c'], self.best(None))

    def test_when_all_are_full_the_least_full(self) -> None:
        for name in 'abc':
            self.standing.place(name, Placed(name, None, 60.0))
        self.standing.place('more', Placed('b', None, 1.0))
        self.assertEqual(['a', 'c'], self.best(None))

    def test_a_server_does_not_count_against_itself(self) -> None:
        self.standing.place('1', Placed('a', 'web', 1.0))
        self.assertEqual(['a', 'b'], self.best('web', server_id='1'))

    def test_placed_again_it_counts_once(self) -> None:
        self.standing.place('1', Placed('a', 'web', 1.0))
        self.standing.place('1', Placed('b', 'web', 1.0))
        self.assertEqual(['a'], self.best('web'))

    def test_a_host_that_the_view_does_not_name(self) -> None:
        self.standing.place('1', Placed('elsewhere', 'web', 1.0))
        self.assertEqual(['a', 'b'], self.best('web'))

    def test_not_without_end(self) -> None:
        for n in range(MAX_PLACED + 10):
            self.standing.place(str(n), Placed('a', None, 0.0))
        self.assertEqual(MAX_PLACED, len(self.standing._placed))

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
        standing = Standing(any_view, 0.0)
        for n, one in enumerate(placed):
            standing.place(str(n), Placed(*one))
        order = standing.order('web', move=move)
        before = Standing(any_view, 0.0).order('web', move=move)
        hosts = {name for name, _, _ in placed}
        for one in before.weights:
            for other in before.weights.keys() - hosts:
                if before.weights[one] <= before.weights[other]:
                    self.assertLessEqual(
                        order.weights[one], order.weights[other]
                    )
