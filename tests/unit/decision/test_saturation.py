import itertools
import random

from oslotest import base

from steal_scheduler.decision.saturation import could_take, curable
from steal_scheduler.decision.targets import Targets
from steal_scheduler.model.cloud import Fleet, Host
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import Move
from tests.unit.make import NOW, move, snapshot

HOSTS = 'bcd'


def targets(*rooms: float) -> Targets:
    """Cold hosts with room for so many cores by what is used there."""
    hosts = {
        name: HostView(
            Tier.COLD,
            demand=16.0 - room,
            cores=16.0,
            bounds=Demand(16.0 - room, 16.0, 16.0),
        )
        for name, room in zip(HOSTS, rooms, strict=False)
    }
    fleet = Fleet({}, {name: Host(name, 'az1') for name in hosts}, {})
    view = View(NOW, hosts, {}, {}, target_demand=100.0)
    return Targets(snapshot(fleet, view=view))


def pool(*used: float) -> list[Move]:
    return [
        move(f's{n}', demand=Demand(cores, cores + 5, cores + 9))
        for n, cores in enumerate(used)
    ]


class TestCurable(base.BaseTestCase):
    def test_enough_can_leave(self) -> None:
        for used, cores, rooms in (
            ((3, 1), 3, (3,)),
            ((3, 1), 1, (1,)),
            ((2, 2, 2), 6, (4, 2)),
            # The largest one is in the way of two others.
            ((3, 2, 2), 4, (4,)),
            # One has to leave in any case.
            ((3, 1), -5, (1,)),
        ):
            self.assertTrue(curable(pool(*used), cores, targets(*rooms)))

    def test_not_enough_can(self) -> None:
        for used, cores, rooms in (
            ((3, 1), 3, (2, 2)),
            ((3, 1), 4, (3,)),
            ((3,), -5, (2, 2)),
            ((3,), -5, ()),
            ((), -5, (9,)),
        ):
            self.assertFalse(curable(pool(*used), cores, targets(*rooms)))

    def test_not_where_it_is(self) -> None:
        made = [move('s', source='b', demand=1.0)]
        self.assertFalse(curable(made, 1, targets(9)))
        self.assertTrue(curable(made, 1, targets(9, 1)))

    def test_as_by_trying_all(self) -> None:
        """Of small clouds, each of which is made by its number."""
        wrong = 0
        for seed in range(500):
            draw = random.Random(seed)
            rooms = [draw.randint(0, 8) for _ in range(draw.randint(0, 3))]
            used = [draw.randint(1, 6) for _ in range(draw.randint(1, 5))]
            cores = draw.randint(0, 14)
            found = curable(pool(*used), cores, targets(*rooms))
            best = most(used, rooms)
            if found:
                self.assertGreaterEqual(best, max(cores, 1), seed)
            wrong += best >= max(cores, 1) and not found
        # What packs best is not always found.
        self.assertLessEqual(wrong, 5)


def most(used: list[int], rooms: list[int]) -> int:
    """The most that can be placed, by trying all."""
    best = 0
    stays = len(rooms)
    for places in itertools.product(range(stays + 1), repeat=len(used)):
        left, leaving = [*rooms], 0
        for cores, place in zip(used, places, strict=True):
            if place < stays:
                left[place] -= cores
                leaving += cores
        if min(left, default=0) >= 0:
            best = max(best, leaving)
    return best


class TestCouldTake(base.BaseTestCase):
    def test_by_what_it_uses(self) -> None:
        (made,) = pool(3)
        self.assertEqual(['c', 'b'], could_take(made, targets(3, 4, 2)))
