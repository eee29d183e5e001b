from typing import Any

from oslotest import base

from steal_scheduler.model.cloud import ServerSignal
from steal_scheduler.model.past import Past, Readings
from steal_scheduler.model.room import (
    ANTI_AFFINITY,
    UNTOLD,
    Free,
    Group,
    HostRoom,
    Room,
)
from steal_scheduler.replay import measured, replay
from steal_scheduler.replay.recording import Recording
from tests.unit.make import fleet, rules, server

Reading = dict[str, ServerSignal]


def signal(server_id: str, used: float, waited: float = 0.0) -> Reading:
    return {server_id: ServerSignal(server_id, 'a', used, waited, 0.0)}


def recorded(*readings: Reading, **other: Any) -> Recording:
    """Servers s and t of 4 vCPUs and 4 GiB on host a of 4 cores."""
    values: dict[str, Any] = {
        'fleet': fleet(*(server(s, host='a', vcpus=4) for s in 'st')),
        'room': UNTOLD,
        'cores': {'a': 4.0, 'b': 4.0},
        'step': 300.0,
        'readings': Readings(readings),
    }
    return measured.recording(Past(**(values | other)))


class TestRecording(base.BaseTestCase):
    def test_what_was_used_without_a_wait_was_wanted(self) -> None:
        found = recorded(signal('s', 1.0) | signal('t', 0.5), signal('s', 2.0))
        self.assertEqual(['s', 't'], [each.id for each in found.servers])
        # Of t the step before tells.
        self.assertEqual([[1.0, 0.5], [2.0, 0.5]], found.demand.tolist())
        self.assertEqual(
            ([0.0, 300.0], 600.0),
            (
                found.seconds.tolist(),
                found.end,
            ),
        )

    def test_before_it_was_there_it_wanted_nothing(self) -> None:
        found = recorded({}, signal('s', 1.0))
        self.assertEqual([[0.0, 0.0], [1.0, 0.0]], found.demand.tolist())

    def test_what_it_waited_for_is_between(self) -> None:
        """Its own hours without a wait tell where: see decision/demand.py."""
        calm = [signal('s', 3.0)] * 12
        found = recorded(*calm, signal('s', 2.6, 8.0) | signal('t', 1.4, 8.0))
        s, t = found.demand[-1]
        self.assertEqual(3.0, s)
        # It has no such hours.
        self.assertTrue(1.4 < t < 2.0, t)

    def test_no_more_than_its_vcpus(self) -> None:
        found = recorded(signal('s', 4.3))
        self.assertEqual(4.0, found.demand[0, 0])

    def test_a_host_that_is_not_measured_is_left_out(self) -> None:
        two = fleet(server('s', host='a'), server('t', host='b'))
        found = recorded(signal('s', 1.0), fleet=two, cores={'b': 4.0})
        self.assertEqual(['b'], [each.name for each in found.hosts])
        self.assertEqual(['t'], [each.id for each in found.servers])

    def test_room(self) -> None:
        """All that a host has is what is left, and what is taken."""
        apart = Group('g', ANTI_AFFINITY, frozenset({'s', 't', 'gone'}))
        left = Free({'MEMORY_MB': 1024, 'DISK_GB': 10})
        room = Room(
            hosts={'a': HostRoom(left), 'b': HostRoom(None)},
            groups={'s': (apart,), 't': (apart,)},
        )
        found = recorded(signal('s', 1.0), room=room)
        a, b = found.hosts
        servers = found.servers
        self.assertEqual(1024 + sum(s.ram_mb for s in servers), a.ram_mb)
        self.assertEqual(10 + sum(s.disk_gb for s in servers), a.disk_gb)
        self.assertEqual(measured.BOUNDLESS, b.ram_mb)
        self.assertEqual(
            [(0, 1)], [tuple(sorted(g.servers)) for g in found.groups]
        )

    def test_it_can_be_replayed(self) -> None:
        calm = [signal('s', 3.0) | signal('t', 0.5)] * 12
        busy = [signal('s', 2.2, 8.0) | signal('t', 1.8, 8.0)] * 12
        found = recorded(*calm, *busy)
        setting = replay.Setting(rules())
        static = replay.replay(found, 'static', setting)
        ours = replay.replay(found, replay.OURS, setting)
        self.assertGreater(static.demand_lost_percent, 0)
        self.assertLess(ours.demand_lost_percent, static.demand_lost_percent)
