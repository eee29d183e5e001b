"""Nobody is drained whom Nova cannot place, as far as can be known before."""

import dataclasses

from oslotest import base

from steal_scheduler.model.refusal import Reason
from steal_scheduler.model.room import AFFINITY, ANTI_AFFINITY, Group
from tests.unit.make import server
from tests.unit.rig import Rig

FULL = dict.fromkeys('bc', 2048)


class RoomTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.rig = Rig()
        self.rig.overload()

    def reasons(self) -> dict[str | None, str]:
        decided = self.rig.migrator.decided
        return {r.server_id: str(r.reason) for r in decided.refusals}

    def drained(self) -> list[str]:
        asked = self.rig.orchestrator.asked
        return [server_id for verb, server_id in asked if verb == 'drain']


class TestFull(RoomTest):
    def test_nobody_is_drained(self) -> None:
        self.rig.nova.placement.ram = FULL
        self.rig.tick(times=20)
        self.assertEqual([], self.drained())
        self.assertEqual([], self.rig.tags())
        self.assertEqual({}, self.rig.nova.records)
        self.assertEqual(dict.fromkeys('xyz', 'ram'), self.reasons())
        (short,) = self.rig.migrator.decided.saturations
        self.assertEqual(
            ('az1', Reason.RAM, True),
            (short.zone, short.scarce, short.cores_short > 0),
        )

    def test_until_a_host_has_memory(self) -> None:
        self.rig.nova.placement.ram = FULL
        self.rig.tick(times=3)
        self.rig.nova.placement.ram = FULL | {'c': 4096}
        self.rig.tick()
        self.assertEqual(['x'], [*self.rig.stages()])

    def test_one_whose_place_is_taken_while_it_is_drained(self) -> None:
        """It is reattached, and Nova is not asked in vain."""
        self.rig.orchestrator.says = ['waiting'] * 4
        self.rig.tick()
        self.assertEqual({'x': 'drain'}, self.rig.stages())
        self.rig.nova.placement.ram = FULL
        self.rig.tick(times=6)
        self.assertEqual({}, self.rig.stages())
        self.assertEqual(set(), self.rig.orchestrator.out)
        self.assertEqual({}, self.rig.nova.records)

    def test_the_place_of_one_that_is_being_drained_is_its_own(self) -> None:
        self.rig.nova.placement.ram = {'b': 4096, 'c': 2048}
        self.rig.orchestrator.says = ['waiting'] * 99
        # The slots of the cloud allow a second one, of another host.
        self.rig.nova.set_host('d')
        for one in 'uvw':
            self.rig.nova.create(server(one, host='d'))
        self.rig.source.demand = dict.fromkeys('uvwxyz', 4.0)
        self.rig.tick(times=8)
        self.assertEqual(1, len(self.rig.stages()))
        self.rig.nova.placement.ram = {}
        self.rig.tick()
        self.assertEqual(2, len(self.rig.stages()))


class TestExchange(RoomTest):
    """On b is m, for which c has memory; x needs as much as b has then."""

    def setUp(self) -> None:
        super().setUp()
        self.rig.nova.create(server('m', host='b', ram_mb=2048))
        self.rig.source.demand |= {'m': 0.5}
        self.rig.nova.placement.ram = FULL | {'a': 0}

    def arrives(self, server_id: str, target: str) -> None:
        nova = self.rig.nova
        while (record := nova.going_on(server_id)) is None:
            self.rig.tick()
        chosen = dataclasses.replace(record, target=target)
        nova.records[record.migration_id] = chosen
        for status in ('running', 'completed'):
            nova.proceed(status, server_id)
            self.rig.tick()

    def test_room_is_made_and_then_the_other_one_follows(self) -> None:
        self.rig.tick()
        self.assertEqual({'m': 'drain'}, self.rig.stages())
        self.assertEqual(dict.fromkeys('xyz', 'room_pending'), self.reasons())
        self.arrives('m', 'c')
        self.assertEqual(['m'], self.drained())
        self.rig.nova.placement.ram = {'a': 0, 'b': 4096, 'c': 0}
        self.rig.tick(times=4)
        _, second = self.drained()
        self.assertIn(second, 'xyz')
        self.arrives(second, 'b')
        self.rig.nova.placement.ram = {'a': 4096, 'b': 0, 'c': 0}
        self.rig.tick(times=6)
        self.assertEqual({}, self.rig.stages())
        self.assertEqual(['m', second], self.drained())
        self.assertEqual(set(), self.rig.orchestrator.out)
        ended = self.rig.migrator._ended
        self.assertEqual('unmeasured', ended['m'].outcome)
        self.assertEqual('helped', ended[second].outcome)

    def test_what_it_has_is_asked_for_before_it_leaves(self) -> None:
        self.rig.tick()
        asked = self.rig.nova.placement.asked
        # Of x, y and z, and of m.
        self.assertEqual(4, asked.count('allocated'))

    def test_it_is_given_up_when_nobody_needs_it(self) -> None:
        self.rig.orchestrator.says = ['waiting'] * 3
        self.rig.tick()
        for one in 'xyz':
            self.rig.nova.delete(one)
        self.rig.tick(times=10)
        self.assertEqual({}, self.rig.nova.records)
        self.assertEqual(set(), self.rig.orchestrator.out)
        self.assertEqual('b', self.rig.nova.servers['m'].host)


class TestGroups(RoomTest):
    def test_those_of_an_affinity_group_stay(self) -> None:
        together = Group('g', AFFINITY, frozenset('xyz'))
        self.rig.nova.groups = [together]
        self.rig.tick(times=5)
        self.assertEqual([], self.drained())
        self.assertEqual(dict.fromkeys('xyz', 'server_group'), self.reasons())

    def test_another_one_leaves_in_its_stead(self) -> None:
        self.rig.nova.groups = [Group('g', AFFINITY, frozenset('xw'))]
        self.rig.tick(times=2)
        self.assertEqual({'y'}, set(self.drained()))

    def test_soft_ones_may_leave(self) -> None:
        for policy in (f'soft-{AFFINITY}', f'soft-{ANTI_AFFINITY}'):
            self.rig = Rig()
            self.rig.overload()
            self.rig.nova.groups = [Group('g', policy, frozenset('xyz'))]
            self.rig.tick(times=2)
            self.assertEqual({'x'}, set(self.drained()))


class TestAsking(RoomTest):
    def test_nobody_is_asked_without_a_finding(self) -> None:
        self.rig.source.demand = {}
        self.rig.tick(times=5)
        self.assertEqual([], self.rig.nova.placement.asked)

    def test_placement_is_asked_once_a_decision(self) -> None:
        self.rig.nova.placement.ram = FULL
        self.rig.tick(times=5)
        asked = self.rig.nova.placement.asked
        self.assertEqual(5, asked.count('free'))
        self.assertEqual(3, asked.count('allocated'))

    def test_what_is_not_told_is_there(self) -> None:
        """As Nova has places for those that moved before Placement failed."""
        self.rig.nova.placement.fails = True
        self.rig.nova.fails = {'server_groups'}
        self.rig.tick()
        self.assertEqual({'x': 'drain'}, self.rig.stages())

    def test_another_leader_reads_it_anew(self) -> None:
        self.rig.nova.placement.ram = FULL
        self.rig.tick()
        self.rig.leader.held = False
        self.rig.tick()
        self.rig.leader.held = True
        self.rig.nova.placement.ram = {}
        self.rig.tick()
        self.assertEqual({'x': 'drain'}, self.rig.stages())
