import dataclasses

from oslotest import base

from steal_scheduler.decision.room import Ledger, needs, nos, unplaced
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import Reason
from steal_scheduler.model.room import (
    AFFINITY,
    ANTI_AFFINITY,
    UNTOLD,
    Free,
    Group,
    HostRoom,
    Room,
)
from tests.unit.make import NOW, fleet, migration, move, server, snapshot

PLENTY = {'VCPU': 64, 'PCPU': 64, 'MEMORY_MB': 65536, 'DISK_GB': 1000}


def host(*traits: str, **values: object) -> HostRoom:
    """With plenty of everything, but for these resource classes."""
    left = {k: v for k, v in values.items() if k.isupper()}
    more = {k: v for k, v in values.items() if not k.isupper()}
    free = Free(PLENTY | left, frozenset(traits))  # type: ignore[operator]
    return HostRoom(free, **more)  # type: ignore[arg-type]


class TestAlike(base.BaseTestCase):
    def test_hosts_that_suit_the_same_servers(self) -> None:
        kinds = (
            None,
            HostRoom(None),
            host(MEMORY_MB=1),
            host('SSD'),
            host(kind='QEMU'),
            host(kind='QEMU', version=8),
            host(projects={'p'}),
        )
        names = [f'{twin}{n}' for twin in 'ab' for n in range(len(kinds))]
        rooms = dict(zip(names, [*kinds, *kinds], strict=True))
        known = fleet(server(), hosts=dict.fromkeys(names, 'az1'))
        few = dataclasses.replace(known.hosts['b2'], cpus=2)
        known = dataclasses.replace(known, hosts=known.hosts | {'b2': few})
        there = {name: room for name, room in rooms.items() if room}
        ledger = Ledger(snapshot(known, room=Room(there)))
        found = {name: ledger.alike(name) for name in names}
        for n in range(len(kinds)):
            alike = found[f'a{n}'] == found[f'b{n}']
            # The one has fewer pCPUs.
            self.assertEqual(n != 2, alike, n)
        self.assertEqual(len(kinds) + 1, len({*found.values()}))


class TestLacks(base.BaseTestCase):
    def lacks(self, there: HostRoom | None, **of_server: object) -> set[str]:
        """What b lacks for a server of a."""
        room = Room({'a': host(kind='QEMU', version=8)})
        if there:
            room = dataclasses.replace(room, hosts={**room.hosts, 'b': there})
        one = server(**of_server)
        ledger = Ledger(snapshot(fleet(one), room=room))
        found = ledger.lacks(one, 'b')
        self.assertEqual(not found, ledger.fits(one, 'b'))
        return {str(reason) for reason in found}

    def test_resources(self) -> None:
        self.assertEqual(set(), self.lacks(host()))
        self.assertEqual(set(), self.lacks(host(MEMORY_MB=4096)))
        self.assertEqual({'ram'}, self.lacks(host(MEMORY_MB=4095)))
        self.assertEqual({'disk'}, self.lacks(host(DISK_GB=9)))
        self.assertEqual(
            {'ram', 'vcpus'}, self.lacks(host(MEMORY_MB=-1, VCPU=3))
        )

    def test_pinned_ones_need_others(self) -> None:
        only_shared = host(PCPU=0)
        self.assertEqual(set(), self.lacks(only_shared))
        self.assertEqual({'pcpus'}, self.lacks(only_shared, dedicated=4))
        self.assertEqual({'pcpus'}, self.lacks(host(PCPU=1), dedicated=2))

    def test_a_host_that_placement_does_not_list_is_full(self) -> None:
        full = HostRoom(Free({}))
        self.assertEqual({'ram', 'vcpus', 'disk'}, self.lacks(full))

    def test_what_is_not_known_is_there(self) -> None:
        self.assertEqual(set(), self.lacks(None))
        self.assertEqual(set(), self.lacks(HostRoom(None)))
        ledger = Ledger(snapshot(fleet(server()), room=UNTOLD))
        self.assertTrue(ledger.fits(server(), 'b'))

    def test_traits(self) -> None:
        avx = {'HW_CPU_X86_AVX2': 'required'}
        self.assertEqual({'traits'}, self.lacks(host(), traits=avx))
        there = host('HW_CPU_X86_AVX2')
        self.assertEqual(set(), self.lacks(there, traits=avx))
        no_avx = {'HW_CPU_X86_AVX2': 'forbidden'}
        self.assertEqual({'traits'}, self.lacks(there, traits=no_avx))
        self.assertEqual(set(), self.lacks(host(), traits=no_avx))

    def test_the_hypervisor(self) -> None:
        for kind, version, expected in (
            ('QEMU', 8, set()),
            ('QEMU', 9, set()),
            ('QEMU', None, set()),
            ('', 8, set()),
            ('QEMU', 7, {'hypervisor'}),
            ('LXC', 8, {'hypervisor'}),
        ):
            there = host(kind=kind, version=version)
            self.assertEqual(expected, self.lacks(there), (kind, version))

    def test_a_host_that_is_kept_for_projects(self) -> None:
        there = host(projects=frozenset({'p'}))
        self.assertEqual({'isolation'}, self.lacks(there, project_id='q'))
        self.assertEqual(set(), self.lacks(there, project_id='p'))

    def test_more_vcpus_than_the_host_has(self) -> None:
        """Placement would overcommit them, but not those of one server."""
        one = server(vcpus=16)
        known = fleet(one)
        small = dataclasses.replace(known.hosts['b'], cpus=8)
        known = dataclasses.replace(known, hosts={**known.hosts, 'b': small})
        room = Room({'b': host()})
        ledger = Ledger(snapshot(known, room=room))
        self.assertEqual({Reason.VCPUS}, ledger.lacks(one, 'b'))


class TestNeeds(base.BaseTestCase):
    def test_what_placement_has_allocated_counts(self) -> None:
        """The flavor does not tell that an image pins it."""
        one = server(vcpus=4, dedicated=1, ram_mb=4096, disk_gb=0)
        by_flavor = {'VCPU': 3, 'PCPU': 1, 'MEMORY_MB': 4096}
        self.assertEqual(by_flavor, needs(one, UNTOLD))
        room = Room(allocated={'s': {'PCPU': 4, 'MEMORY_MB': 4096}})
        self.assertEqual(room.allocated['s'], needs(one, room))


class TestGroups(base.BaseTestCase):
    """x is on a, y on b, and both are of the group."""

    def fits(self, group: Group, *in_flight: Move, to: str = 'b') -> bool:
        known = fleet(server('x'), server('y', host='b'), server('o'))
        members = dict.fromkeys(group.members, (group,))
        some = snapshot(known, *in_flight, room=Room(groups=members))
        return Ledger(some).fits(known.servers['x'], to)

    def group(self, policy: str, *members: str, most: int = 1) -> Group:
        return Group('g', policy, frozenset(members or ('x', 'y')), most)

    def test_anti_affinity(self) -> None:
        apart = self.group(ANTI_AFFINITY)
        self.assertFalse(self.fits(apart))
        self.assertTrue(self.fits(apart, to='c'))
        two = self.group(ANTI_AFFINITY, most=2)
        self.assertTrue(self.fits(two))

    def test_one_on_its_way_is_on_both_hosts(self) -> None:
        apart = self.group(ANTI_AFFINITY)
        on_its_way = move('y', source='b', target='c', stage=Stage.MIGRATE)
        for to in 'bc':
            self.assertFalse(self.fits(apart, on_its_way, to=to))

    def test_one_that_somebody_else_has_migrated(self) -> None:
        known = fleet(
            server('x'),
            server('y', host='b'),
            migrations=(migration('y', status='running', target='c'),),
        )
        groups = dict.fromkeys('xy', (self.group(ANTI_AFFINITY),))
        ledger = Ledger(snapshot(known, room=Room(groups=groups)))
        self.assertFalse(ledger.fits(known.servers['x'], 'c'))

    def test_affinity(self) -> None:
        together = self.group(AFFINITY)
        self.assertTrue(self.fits(together))
        self.assertFalse(self.fits(together, to='c'))

    def test_the_only_member_cannot_leave(self) -> None:
        for members in (('x',), ('x', 'o')):
            alone = self.group(AFFINITY, *members)
            for to in 'bc':
                self.assertFalse(self.fits(alone, to=to))

    def test_what_is_planned_counts(self) -> None:
        known = fleet(server('x'), server('y', host='a'))
        groups = dict.fromkeys('xy', (self.group(ANTI_AFFINITY),))
        ledger = Ledger(snapshot(known, room=Room(groups=groups)))
        self.assertTrue(ledger.fits(known.servers['x'], 'b'))
        ledger.add(known.servers['y'], 'b')
        self.assertFalse(ledger.fits(known.servers['x'], 'b'))
        self.assertTrue(ledger.fits(known.servers['x'], 'c'))


class TestNos(base.BaseTestCase):
    def test_what_most_of_them_lack(self) -> None:
        room = Room(
            {
                'b': host(MEMORY_MB=0, DISK_GB=0),
                'c': host(MEMORY_MB=0),
            }
        )
        some = snapshot(fleet(server()), room=room)
        ((reason, detail),) = nos(move(), ['b', 'c'], some)
        self.assertIs(Reason.RAM, reason)
        self.assertIn('they lack 2 of them memory, 1 of them disk', detail)
        self.assertEqual([], [*nos(move(), ['b', 'd'], some)])


class TestUnplaced(base.BaseTestCase):
    def test_who_has_no_target_yet(self) -> None:
        moves = {
            'x': move('x', since=NOW),
            'y': move('y', stage=Stage.REQUEST, since=NOW - 1),
            'z': move('z', stage=Stage.MIGRATE, target='b'),
            'u': move('u', stage=Stage.UNDO),
        }
        self.assertEqual(['y', 'x'], [m.server_id for m in unplaced(moves)])
