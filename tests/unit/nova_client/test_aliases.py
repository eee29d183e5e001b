from oslotest import base

from steal_scheduler.exception import NovaError, NovaFault, NovaForbids
from steal_scheduler.model.cloud import Host
from steal_scheduler.model.hypervisor import Hypervisor
from steal_scheduler.nova_client.aliases import RARELY, Aliases
from tests.unit.make import NOW


class AliasesTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.asked = 0
        self.fault: NovaFault | None = None
        self.told = [Hypervisor('a', 'a.x', '192.0.2.1', 'QEMU')]
        self.aliases = Aliases(self.ask)

    def ask(self) -> list[Hypervisor]:
        self.asked += 1
        if self.fault:
            raise self.fault
        return self.told

    def add(self, names: str = 'ab', after: float = 0.0) -> list[set[str]]:
        hosts = [Host(name, 'z') for name in names]
        found = self.aliases.add(hosts, NOW + after)
        self.assertEqual([*names], [host.name for host in found])
        return [{*host.aliases} for host in found]

    def test_each_host_has_its_own(self) -> None:
        self.told += [
            Hypervisor('a', 'A', None, 'QEMU'),
            Hypervisor('b', 'b\n', '2001:db8::b', 'LXC'),
            # Of these the address is that of a controller.
            Hypervisor('c', 'n1', '10.5.0.10', 'ironic'),
            Hypervisor('c', 'n2', '10.5.0.10', 'VMware vCenter Server'),
        ]
        self.assertEqual(
            [{'a.x', 'A', '192.0.2.1'}, {'b', '2001:db8::b'}, set()],
            self.add('abc'),
        )

    def test_what_they_are(self) -> None:
        self.told = [
            Hypervisor('a', 'a.x', '192.0.2.1', 'QEMU', 32),
            Hypervisor('b', 'n1', None, 'ironic', 64),
            Hypervisor('b', 'n2', None, 'ironic', 64),
            Hypervisor('c', 'c.x', None, 'QEMU', 0),
        ]
        hosts = [Host(name, 'z') for name in 'abcd']
        found = self.aliases.add(hosts, NOW)
        self.assertEqual(
            [
                # What libvirt counts are pCPUs; of others nobody knows.
                ('QEMU', 32, True),
                ('ironic', None, False),
                ('QEMU', 0, False),
                ('', None, True),
            ],
            [(host.kind, host.cpus, host.measurable) for host in found],
        )

    def test_it_is_asked_seldom(self) -> None:
        for names, after, asked in (
            ('', 0.0, 0),
            ('ab', 1.0, 1),
            ('ab', 2.0, 1),
            # Fewer are known already.
            ('a', 3.0, 1),
            ('abc', 4.0, 2),
            ('abc', 3.0 + RARELY, 2),
            ('abc', 5.0 + RARELY, 3),
            # The clock was set back.
            ('abc', 0.0, 4),
        ):
            self.add(names, after)
            self.assertEqual(asked, self.asked, (names, after))

    def test_what_was_told_stays(self) -> None:
        self.add()
        self.fault = NovaError('HTTP 500')
        self.assertEqual(
            [{'a.x', '192.0.2.1'}, set()], self.add(after=RARELY + 1)
        )
        self.assertEqual('HTTP 500', self.aliases.trouble)
        self.fault, self.told = None, []
        self.assertEqual([set(), set()], self.add(after=RARELY + 2))
        self.assertEqual('', self.aliases.trouble)

    def test_who_may_not_ask_asks_seldom(self) -> None:
        self.fault = NovaForbids('HTTP 403')
        for after in range(5):
            self.assertEqual([set(), set()], self.add(after=after))
        self.assertEqual((1, 'HTTP 403'), (self.asked, self.aliases.trouble))
