import dataclasses
import itertools
import random
from collections.abc import Iterator, Sequence

from oslotest import base

from steal_scheduler.decision.contested import Contested
from steal_scheduler.decision.limits import admit
from steal_scheduler.decision.room import Ledger
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.targets import Targets
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import Reason
from steal_scheduler.model.room import (
    ANTI_AFFINITY,
    Free,
    Group,
    HostRoom,
    Room,
)
from tests.fuzz import rooms
from tests.unit.make import NOW, fleet, move, rules, server, snapshot

COLD = HostView(Tier.COLD, cores=64.0)
MANY = rules(slots=8, slots_per_target=8)


def cloud(
    ram: dict[str, int], needs: dict[str, int], *groups: Group
) -> Snapshot:
    """Servers on host a, which need so many MiB; hosts that have them left."""
    servers = [server(s, ram_mb=mib) for s, mib in needs.items()]
    zones = dict.fromkeys(('a', *ram), 'az1')
    hosts = {n: HostRoom(Free({'MEMORY_MB': mib})) for n, mib in ram.items()}
    view = View(NOW, dict.fromkeys(ram, COLD), {}, {}, max_arrivals=8)
    return snapshot(
        fleet(*servers, hosts=zones),
        rules=MANY,
        view=view,
        room=Room(
            hosts,
            allocated={s: {'MEMORY_MB': mib} for s, mib in needs.items()},
            groups={m: (g,) for g in groups for m in g.members},
        ),
    )


def moves(some: Snapshot) -> list[Move]:
    # One leaves a host at a time, so it is as if each came from its own.
    return [
        move(s.server_id, server=s, source=s.server_id, copy_mb=1)
        for s in some.fleet.servers.values()
    ]


class TestContested(base.BaseTestCase):
    def waiting(
        self, ram: dict[str, int], needs: dict[str, int], *groups: Group
    ) -> list[str | None]:
        some = cloud(ram, needs, *groups)
        _, refused = admit(moves(some), some)
        self.assertEqual(
            {Reason.TARGET_PENDING} if refused else set(),
            {r.reason for r in refused},
        )
        return [r.server_id for r in refused]

    def test_the_small_one_may_take_the_place_of_the_large_one(self) -> None:
        ram = {'b': 2048, 'c': 4096}
        self.assertEqual(['y'], self.waiting(ram, {'x': 2048, 'y': 4096}))

    def test_and_so_may_who_comes_later(self) -> None:
        """The drain of the small one may be the first to be done."""
        ram = {'b': 2048, 'c': 4096}
        self.assertEqual(['y'], self.waiting(ram, {'x': 4096, 'y': 2048}))

    def test_there_is_room_for_both_wherever_they_go(self) -> None:
        self.assertEqual([], self.waiting({'b': 6144}, {'x': 4096, 'y': 2048}))

    def test_those_of_a_group(self) -> None:
        apart = Group('g', ANTI_AFFINITY, frozenset('xy'))
        needs = dict.fromkeys('xy', 1024)
        two = dict.fromkeys('bc', 8192)
        self.assertEqual(['y'], self.waiting(two, needs, apart))
        self.assertEqual([], self.waiting(two, needs))

    def test_one_that_is_being_drained_counts(self) -> None:
        some = cloud({'b': 4096, 'c': 2048}, {'x': 2048, 'y': 4096})
        x, y = moves(some)
        draining = dataclasses.replace(some, moves={'x': x})
        self.assertEqual(1, len([*Contested(draining).nos(y)]))
        placed = dataclasses.replace(some, moves={'x': move('x', target='c')})
        self.assertEqual([], [*Contested(placed).nos(y)])

    def test_one_that_goes_to_a_contended_host_takes_no_place(self) -> None:
        some = cloud({'b': 2048}, {'x': 2048, 'y': 2048})
        x, y = moves(some)
        for only_to, waits in ((None, True), ('a', False)):
            draining = dataclasses.replace(x, only_to=only_to)
            flying = dataclasses.replace(some, moves={'x': draining})
            self.assertEqual(waits, bool([*Contested(flying).nos(y)]))

    def test_nothing_is_known_of_the_room(self) -> None:
        some = cloud({'b': 0}, {'x': 1, 'y': 1})
        _, refused = admit(moves(some), dataclasses.replace(some, room=Room()))
        self.assertEqual([], refused)


def outcomes(some: Snapshot, order: Sequence[Move]) -> Iterator[bool]:
    """Whether all find a host, for each way in which Nova may choose."""
    hosts = sorted(some.view.hosts)
    for choice in itertools.product(hosts, repeat=len(order)):
        ledger, possible = Ledger(some), True
        for one, chosen in zip(order, choice, strict=True):
            fitting = {h for h in hosts if ledger.fits(one.server, h)}
            if not fitting:
                yield False
                break
            if chosen not in fitting:
                possible = False
                break
            ledger.add(one.server, chosen)
        else:
            assert possible
            yield True


class TestAnyChoice(base.BaseTestCase):
    """Whatever Nova chooses, whoever was admitted finds a host."""

    def test_random_clouds(self) -> None:
        together = 0
        for seed in range(600):
            chance = random.Random(seed)
            ram = {h: chance.choice((0, 1, 2, 3, 4)) for h in 'bcd'}
            needs = {s: chance.choice((1, 2, 3)) for s in 'wxyz'}
            members = frozenset(chance.sample('wxyz', 2))
            group = Group('g', ANTI_AFFINITY, members)
            some = cloud(ram, needs, *([group] if seed % 3 == 0 else []))
            targets = Targets(some)
            planned = [m for m in moves(some) if targets.take(m)]
            admitted, _ = admit(planned, some)
            # Nobody has to wait who is the first.
            self.assertEqual(planned[:1], admitted[:1], f'seed {seed}')
            together += len(admitted) > 1
            for order in itertools.permutations(admitted):
                found = set(outcomes(some, order))
                self.assertLessEqual(found, {True}, f'seed {seed}')
        self.assertGreater(together, 100)


class Plainly:
    """The same as ``Contested``, a host and a server at a time."""

    def __init__(self, some: Snapshot) -> None:
        self.some = some
        self.others = [*some.moves.values()]

    def nos(self, move: Move) -> Iterator[str]:
        others = [m for m in self.others if m.server.zone == move.server.zone]
        if not self.safe(move, others) and self.safe(move, []):
            yield ''
        for other in others:
            before = [m for m in others if m is not other]
            if self.safe(other, before) and not self.safe(
                other, [*before, move]
            ):
                yield other.server_id

    def safe(self, move: Move, others: Sequence[Move]) -> bool:
        return any(
            self.may_go(move, host) and self.holds(host, move, others)
            for host in self.some.view.hosts
        )

    def holds(self, host: str, move: Move, others: Sequence[Move]) -> bool:
        left = Ledger(self.some)
        for other in others:
            if self.may_go(other, host):
                left.add(other.server, host)
        return left.fits(move.server, host)

    def may_go(self, move: Move, host: str) -> bool:
        known = self.some.fleet.hosts[host]
        return (
            host != move.source
            and known.open
            and known.zone == move.server.zone
            and self.some.view.takes(host, move.demand.expected)
            and Ledger(self.some).fits(move.server, host)
        )


class TestPlainly(base.BaseTestCase):
    def test_random_clouds(self) -> None:
        """All kinds of room; two are being drained, and some begin."""
        said = 0
        for seed in range(1000):
            chance = random.Random(seed)
            made = rooms.made(seed)
            draining = made.moves[: chance.randint(0, 2)]
            some = dataclasses.replace(
                made.snapshot, moves={m.server_id: m for m in draining}
            )
            contested, plainly = Contested(some), Plainly(some)
            for one in made.moves[len(draining) :]:
                details = [detail for _, detail in contested.nos(one)]
                expected = [*plainly.nos(one)]
                self.assertEqual(len(expected), len(details), f'seed {seed}')
                for told, detail in zip(expected, details, strict=True):
                    self.assertIn(told or 'targets of others', detail)
                said += len(expected)
                if chance.random() < 0.6:
                    contested.add(one)
                    plainly.others.append(one)
        self.assertGreater(said, 100)
