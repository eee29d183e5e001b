from collections.abc import Callable
from typing import Any

import fixtures
from oslotest import base

from steal_scheduler.exception import NovaForbids
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.hypervisor import Hypervisor
from steal_scheduler.model.room import Free, Group, HostRoom, Room
from steal_scheduler.nova_client.room import (
    ALLOCATIONS,
    RETRY_FIRST,
    RoomReader,
)
from tests.unit.fakes import FakeNova
from tests.unit.make import server

HYPERVISORS = {
    host: Hypervisor(host, host, None, 'QEMU', uuid=host, version=8)
    for host in 'abc'
}


class ReaderTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.nova = FakeNova(server('x'), server('y'))
        self.placement = self.nova.placement
        self.clock = 0.0
        nova: Any = self.nova
        self.reader = RoomReader(nova, lambda: self.clock)

    def read(self, *servers: Server, **aggregates: dict[str, str]) -> Room:
        """:param aggregates: metadata, by name of the host that is in it"""
        return self.reader.read(
            servers or tuple(self.nova.servers.values()),
            HYPERVISORS,
            [
                Aggregate(1, 'some', (host,), metadata)
                for host, metadata in aggregates.items()
            ],
        )


class TestRead(ReaderTest):
    def test_by_host(self) -> None:
        self.placement.ram = {'b': 512}
        room = self.read()
        free = Free({'VCPU': 999, 'DISK_GB': 99999, 'MEMORY_MB': 512})
        self.assertEqual(HostRoom(free, 'QEMU', 8), room.hosts['b'])
        self.assertEqual('', room.trouble)
        self.assertEqual('', self.log.output)

    def test_placement_is_asked_once_for_all_hosts(self) -> None:
        for _ in range(2):
            self.read()
        self.assertEqual(2, self.placement.asked.count('free'))

    def test_a_host_that_placement_does_not_list_has_nothing(self) -> None:
        self.nova._hosts.pop()
        self.assertEqual(Free({}), self.read().hosts['c'].free)

    def test_what_servers_have_is_asked_once(self) -> None:
        expected = {'VCPU': 4, 'MEMORY_MB': 4096, 'DISK_GB': 10}
        for _ in range(3):
            self.assertEqual(expected, self.read().allocated['x'])
        self.assertEqual(2, self.placement.asked.count('allocated'))
        self.nova.change('x', ram_mb=8192)
        self.assertEqual(8192, self.read().allocated['x']['MEMORY_MB'])
        self.assertEqual(3, self.placement.asked.count('allocated'))

    def test_of_not_too_many_at_once(self) -> None:
        many = [server(f's{n}') for n in range(ALLOCATIONS + 2)]
        for one in many:
            self.nova.create(one)
        self.assertEqual(ALLOCATIONS, len(self.read(*many).allocated))
        self.assertEqual(len(many), len(self.read(*many).allocated))

    def test_hard_groups_by_member(self) -> None:
        hard, soft = (
            Group('g', policy, frozenset('xy'))
            for policy in ('affinity', 'soft-affinity')
        )
        self.nova.groups = [hard, soft]
        self.assertEqual({'x': [hard], 'y': [hard]}, self.read().groups)

    def test_hosts_that_are_kept_for_projects(self) -> None:
        room = self.read(
            a={'filter_tenant_id': 'p, q', 'filter_tenant_id2': 'r'},
            b={'ssd': 'true'},
        )
        self.assertEqual(frozenset('pqr'), room.hosts['a'].projects)
        self.assertEqual(frozenset(), room.hosts['b'].projects)


class TestTrouble(ReaderTest):
    def lines(self) -> list[str]:
        return self.log.output.splitlines()

    def test_placement_does_not_answer(self) -> None:
        """Once is said, and asked less and less often."""
        self.placement.fails = True
        for _ in range(3):
            room = self.read()
            self.assertIsNone(room.hosts['b'].free)
            self.assertIn('does not answer', room.trouble)
        self.assertEqual(['free'], self.placement.asked)
        (said,) = self.lines()
        self.assertIn('(Placement): Placement does not answer', said)
        self.clock += RETRY_FIRST
        self.read()
        self.clock += RETRY_FIRST
        self.read()
        self.assertEqual(2, self.placement.asked.count('free'))
        self.clock += RETRY_FIRST
        self.placement.fails = False
        self.assertIsNotNone(self.read().hosts['b'].free)
        _, again = self.lines()
        self.assertIn('Placement can be read again', again)

    def fail(self, *args: object) -> Any:
        raise NovaForbids('403: not for you')

    def test_each_fails_alone(self) -> None:
        group = Group('g', 'affinity', frozenset('xy'))
        self.nova.groups = [group]
        tries: tuple[tuple[Any, str, Callable[[Room], object]], ...] = (
            (self.nova, 'server_groups', lambda room: room.groups),
            (self.placement, 'allocated', lambda room: room.allocated),
        )
        for where, name, read in tries:
            self.assertTrue(read(self.read()))
            self.useFixture(fixtures.MockPatchObject(where, name, self.fail))
            self.reader = RoomReader(self.nova)  # type: ignore[arg-type]
            room = self.read()
            self.assertFalse(read(room), name)
            self.assertIn('not for you', room.trouble)
            self.assertIsNotNone(room.hosts['b'].free)

    def test_nova_does_not_tell_its_hypervisors(self) -> None:
        room = self.reader.read((server(),), {}, ())
        self.assertEqual({}, room.hosts)
        self.assertIn('os-hypervisors:list-detail', room.trouble)

    def test_the_placement_of_another_region(self) -> None:
        self.nova._hosts = []
        self.nova.set_host('elsewhere')
        room = self.read()
        self.assertIsNone(room.hosts['b'].free)
        self.assertIn('region_name', room.trouble)
