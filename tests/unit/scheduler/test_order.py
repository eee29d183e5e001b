import itertools

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base as oslo_base

from steal_scheduler.decision import ranking
from steal_scheduler.model.host_view import HostView, View
from steal_scheduler.model.rankings import Ranking
from steal_scheduler.scheduler.order import Order, own_weights
from tests.unit import strategies
from tests.unit.scheduler.base import COLD, HOT, UNKNOWN, cold, hot


def ordered(**hosts: HostView) -> Order:
    return Order(ranking.keys(View(0.0, hosts, {}, {}), None, move=True))


class TestOrder(oslo_base.BaseTestCase):
    def test_steps_below(self) -> None:
        order = ordered(a=cold(), b=cold(0.03), c=hot(), d=hot())
        self.assertEqual(
            {'a': 2.0, 'b': 1.0, 'c': 0.0, 'd': 0.0}, order.weights
        )

    def test_absent_is_unknown(self) -> None:
        order = ordered(a=cold(), b=HostView(UNKNOWN), c=hot())
        self.assertEqual(order.weights['b'], order.absent)

    def test_absent_is_between_cold_and_hot(self) -> None:
        order = ordered(a=cold(), b=hot())
        self.assertEqual(0.5, order.absent)

    @given(strategies.views(), st.none() | st.just('web'), st.booleans())
    def test_in_the_order_of_keys(
        self, any_view: View, role: str | None, move: bool
    ) -> None:
        keys = ranking.keys(any_view, role, move=move)
        weights = Order(keys).weights
        self.assertEqual(keys.keys(), weights.keys())
        for one, other in itertools.combinations(keys, 2):
            self.assertEqual(
                keys[one] < keys[other], weights[one] > weights[other]
            )
        # No gaps: one step of the order is always one of the weights.
        steps = {float(n) for n in range(len(set(weights.values())))}
        self.assertEqual(steps, set(weights.values()))

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


class TestOwnWeights(oslo_base.BaseTestCase):
    """Of a server that has a ranking of its own."""

    general = ordered(a=cold(), b=cold(0.03), c=cold(0.05), d=hot())

    def order(self, own: Ranking, full: frozenset[str] = frozenset()) -> str:
        """Hosts, the best first; of equal ones there is none here."""
        weight = own_weights(own, self.general, full)
        return ''.join(sorted('abcde', key=weight, reverse=True))

    def test_best_then_feasible_then_others(self) -> None:
        own = Ranking((('d',),), frozenset('bd'))
        self.assertEqual('dbace', self.order(own))

    def test_equal_ones_weigh_the_same(self) -> None:
        weight = own_weights(
            Ranking((('d', 'a'), ('c',)), frozenset('acd')), self.general
        )
        self.assertEqual(weight('a'), weight('d'))
        self.assertEqual(1.0, weight('a') - weight('c'))
        self.assertLess(weight('b'), weight('c'))

    def test_what_was_filled_since_is_no_better_than_to_others(self) -> None:
        own = Ranking((('d',), ('c',)), frozenset('bcd'))
        self.assertEqual('dcbae', self.order(own))
        self.assertEqual('cbaed', self.order(own, frozenset('d')))
        self.assertEqual('dcabe', self.order(own, frozenset('b')))

    def test_without_a_general_order(self) -> None:
        """Too little is known of the hosts; what is feasible is."""
        own = Ranking((('c',), ('b',)), frozenset('abc'))
        weight = own_weights(own, Order({}))
        found = sorted('abcde', key=weight, reverse=True)
        self.assertEqual(['c', 'b', 'a'], found[:3])
        self.assertEqual(weight('d'), weight('e'))
        self.assertGreater(weight('a'), weight('d'))

    @given(strategies.views(), st.data())
    def test_no_step_is_less_than_one(
        self, view: View, data: st.DataObject
    ) -> None:
        """So the multiplier means of each what it means of the general one."""
        names = sorted(view.hosts)
        feasible = data.draw(st.permutations(names))
        feasible = feasible[: data.draw(st.integers(0, len(names)))]
        cut = data.draw(st.integers(0, len(feasible)))
        own = Ranking([[n] for n in feasible[:cut]], frozenset(feasible))
        order = Order(ranking.keys(view, None, move=True))
        weight = own_weights(own, order)
        weights = sorted({weight(name) for name in names})
        for less, more in itertools.pairwise(weights):
            self.assertGreaterEqual(more - less, 1.0)
        self.assertEqual(
            feasible[:cut],
            sorted(feasible, key=weight, reverse=True)[:cut],
        )
        for name in set(names) - set(feasible):
            for other in feasible:
                self.assertLess(weight(name), weight(other))
