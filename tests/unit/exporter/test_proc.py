from oslotest import base

from steal_scheduler.exporter import proc
from steal_scheduler.exporter.sample import Sample
from tests.unit.exporter.tree import OTHER, UUID, Tree


class TestProc(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tree = self.useFixture(Tree())
        self.proc = proc.Proc(str(self.tree.proc), str(self.tree.cgroups))
        self.addCleanup(self.proc.close)
        self.at = 0.0

    def read(self) -> Sample:
        self.at += 1
        return self.proc.read(self.at)

    def uuids(self) -> list[str]:
        return sorted(server.uuid for server in self.read().servers)

    def test_come_and_go(self) -> None:
        self.assertEqual([], self.uuids())
        self.tree.process(5, 'bash', '-uuid', UUID)
        self.tree.qemu(10, vcpus=1)
        self.assertEqual([UUID], self.uuids())
        self.tree.qemu(20, OTHER, vcpus=1)
        self.assertEqual(sorted([UUID, OTHER]), self.uuids())
        self.tree.gone(10)
        self.assertEqual([OTHER], self.uuids())

    def test_a_number_that_another_one_has(self) -> None:
        self.tree.qemu(10, vcpus=1)
        self.assertEqual([UUID], self.uuids())
        self.tree.gone(10)
        self.tree.qemu(10, OTHER, vcpus=1)
        self.assertEqual([], self.uuids())
        self.assertEqual([OTHER], self.uuids())

    def test_a_process_that_becomes_qemu(self) -> None:
        self.tree.process(10, '/usr/sbin/libvirtd')
        self.assertEqual([], self.uuids())
        self.tree.qemu(10, vcpus=1)
        self.assertEqual([UUID], self.uuids())

    def test_a_process_that_ends_while_it_is_opened(self) -> None:
        self.tree.qemu(10, vcpus=1)
        (self.tree.proc / '10/cmdline').unlink()
        self.assertEqual([], self.uuids())
        self.assertEqual(1, self.proc.failures.counts['race'])

    def test_without_names_of_threads(self) -> None:
        self.tree.qemu(10)
        sample = self.read()
        self.assertEqual(((), 1), (sample.servers, sample.nameless))

    def test_pressure(self) -> None:
        self.assertIsNone(self.read().pressure)
        file = self.tree.proc / 'pressure/cpu'
        self.tree.write(
            file,
            'some avg10=0.0 avg60=0.0 avg300=0.0 total=123\n'
            'full avg10=0.0 avg60=0.0 avg300=0.0 total=0\n',
        )
        self.assertEqual(123, self.read().pressure)
        self.tree.write(file, '')
        self.assertIsNone(self.read().pressure)
