import dataclasses
import random

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision import ranking
from steal_scheduler.model.host_view import HostView, Tier, View
from tests.unit import strategies

COLD, UNKNOWN, HOT = Tier.COLD, Tier.UNKNOWN, Tier.HOT


def view(
    hosts: dict[str, HostView], roles: dict[str, dict[str, int]] | None = None
) -> View:
    return View(taken_at=0.0, hosts=hosts, roles=roles or {}, movers={})


def cold(
    steal: float = 0.0, demand: float = 0.0, cores: float = 64.0
) -> HostView:
    return HostView(COLD, steal, demand, cores)


class TestKeys(base.BaseTestCase):
    def ranks(
        self,
        hosts: dict[str, HostView],
        role: str | None = None,
        roles: dict[str, dict[str, int]] | None = None,
        *,
        move: bool = True,
    ) -> dict[str, int]:
        """By host, how many better keys there are."""
        keys = ranking.keys(view(hosts, roles), role, move=move)
        order = sorted(set(keys.values()))
        return {name: order.index(key) for name, key in keys.items()}

    def test_cold_then_unknown_then_hot(self) -> None:
        hosts = {
            'hot': HostView(HOT, 0.0, 1.0, 64.0),
            'unknown': HostView(UNKNOWN),
            'cold': HostView(COLD, 0.04, 60.0, 64.0),
        }
        self.assertEqual(
            {'cold': 0, 'unknown': 1, 'hot': 2}, self.ranks(hosts)
        )

    def test_steal_decides_before_head_room(self) -> None:
        hosts = {
            'little room': cold(steal=0.001, demand=60),
            'much steal': cold(steal=0.03, demand=1),
        }
        self.assertEqual(
            {'little room': 0, 'much steal': 1}, self.ranks(hosts)
        )

    def test_steal_of_one_band_is_equal(self) -> None:
        hosts = {'a': cold(steal=0.001), 'b': cold(steal=0.019)}
        self.assertEqual({'a': 0, 'b': 0}, self.ranks(hosts))

    def test_role_decides_before_head_room(self) -> None:
        hosts = {'alike': cold(), 'full': cold(demand=50)}
        roles = {'web': {'alike': 1}}
        found = self.ranks(hosts, 'web', roles)
        self.assertEqual({'full': 0, 'alike': 1}, found)
        other = self.ranks(hosts, 'db', roles)
        self.assertEqual({'alike': 0, 'full': 1}, other)

    def test_a_boot_leaves_head_room_to_nova(self) -> None:
        hosts = {'a': cold(demand=1), 'b': cold(demand=50)}
        self.assertEqual({'a': 0, 'b': 1}, self.ranks(hosts))
        self.assertEqual({'a': 0, 'b': 0}, self.ranks(hosts, move=False))

    def test_hot_hosts_by_pressure(self) -> None:
        hosts = {
            'worse': HostView(HOT, 0.1, 160.0, 64.0),
            'bad': HostView(HOT, 0.5, 70.0, 64.0),
        }
        self.assertEqual({'bad': 0, 'worse': 1}, self.ranks(hosts))

    def test_one_known_host_says_nothing(self) -> None:
        hosts = {'a': cold(), 'b': HostView(UNKNOWN)}
        self.assertEqual({}, self.ranks(hosts))


class TestAnyView(base.BaseTestCase):
    """What holds whatever the hosts are like."""

    @given(strategies.views(), st.none() | st.just('web'), st.booleans())
    def test_tiers_come_first(
        self, view: View, role: str | None, move: bool
    ) -> None:
        keys = ranking.keys(view, role, move=move)
        for one in keys:
            for other in keys:
                if view.hosts[one].tier < view.hosts[other].tier:
                    self.assertLess(keys[one], keys[other])

    @given(strategies.views(), st.randoms(use_true_random=False))
    def test_the_order_of_input_does_not_matter(
        self, view: View, chance: random.Random
    ) -> None:
        names = list(view.hosts)
        chance.shuffle(names)
        shuffled = dataclasses.replace(
            view, hosts={name: view.hosts[name] for name in names}
        )
        self.assertEqual(
            ranking.keys(view, 'web', move=True),
            ranking.keys(shuffled, 'web', move=True),
        )

    @given(strategies.views())
    def test_all_hosts_are_ranked_or_none(self, view: View) -> None:
        found = ranking.keys(view, None, move=True)
        self.assertIn(found.keys(), (set(), view.hosts.keys()))

    @given(strategies.views(), st.floats(0, 100), st.data())
    def test_more_head_room_is_never_worse(
        self, view: View, more: float, data: st.DataObject
    ) -> None:
        before = ranking.keys(view, 'web', move=True)
        if not before:
            return
        name = data.draw(st.sampled_from(sorted(before)))
        host = dataclasses.replace(
            view.hosts[name], cores=view.hosts[name].cores + more
        )
        after = ranking.keys(
            dataclasses.replace(view, hosts=view.hosts | {name: host}),
            'web',
            move=True,
        )
        for other in before:
            if before[name] <= before[other]:
                self.assertLessEqual(after[name], after[other])
