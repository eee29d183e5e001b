import logging
import os
import threading

import fixtures
from oslotest import base

from steal_scheduler.exporter import sampler
from steal_scheduler.exporter.sample import Sample
from tests.unit.exporter.test_accumulator import accumulator
from tests.unit.exporter.tree import OTHER, UUID, Tree


class TestFollowing(base.BaseTestCase):
    def test_a_little_late_keeps_the_grid(self) -> None:
        self.assertEqual(11.0, sampler.following(10.0, 10.05, 1.0))

    def test_late_shifts_it(self) -> None:
        self.assertEqual(14.3, sampler.following(10.0, 13.3, 1.0))


class TestSampler(base.BaseTestCase):
    def test_until_it_is_told_to_stop(self) -> None:
        tree = self.useFixture(Tree())
        tree.qemu(10, vcpus=3)
        found = sampler.Proc(str(tree.proc), str(tree.cgroups))
        self.addCleanup(found.close)
        counters = accumulator()
        stopping = threading.Event()
        thread = threading.Thread(
            target=sampler.run, args=(found, counters, stopping, 0.02)
        )
        thread.start()
        waiting = threading.Event()
        for _ in range(1000):
            if counters.samples >= 5:
                break
            waiting.wait(0.01)
        stopping.set()
        thread.join(10)
        self.assertFalse(thread.is_alive())
        self.assertEqual(3, counters.servers[UUID].vcpus)
        self.assertLess(0.07, counters.servers[UUID].seconds)


class TestProc(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tree = self.useFixture(Tree())
        self.proc = sampler.Proc(str(self.tree.proc), str(self.tree.cgroups))
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

    def test_the_log_names_the_server(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        self.tree.qemu(10, vcpus=1)
        self.tree.qemu(20, OTHER, vcpus=1)
        self.read()
        self.tree.gone(10)
        self.read()
        # It goes on, though we do not.
        self.proc.close()
        self.assertEqual(
            [
                f'Server instance-10 ({UUID}) found: process 10.',
                f'Server instance-10 ({UUID}) gone: process 10.',
                f'Server instance-20 ({OTHER}) found: process 20.',
            ],
            sorted(log.output.splitlines()),
        )

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
        self.assertEqual(1, self.proc.failures.counts['ended'])

    def test_without_names_of_threads(self) -> None:
        self.tree.qemu(10)
        sample = self.read()
        self.assertEqual(((), 1), (sample.servers, sample.without_vcpus))

    def run_of_vhost(self) -> list[int | None]:
        """Of each server, what vhost ran for it."""
        found: dict[str, int | None] = {}
        for _ in range(8):
            for server in self.read().servers:
                if server.others is not None:
                    runs = [o.run for o in server.others if o.kind == 'vhost']
                    found[server.uuid] = sum(runs) if runs else None
        return [found[uuid] for uuid in sorted(found)]

    def test_vhost_of_the_kernel(self) -> None:
        self.tree.qemu(10, vcpus=1)
        self.tree.qemu(20, OTHER, vcpus=1)
        self.assertEqual([None, None], self.run_of_vhost())
        self.tree.kernel(15, 'vhost-10', run=3)
        self.tree.kernel(16, 'vhost-10', run=4)
        # It calls itself so, but the kernel does not.
        self.tree.kernel(17, 'vhost-20', run=5, flags=0x400000)
        self.assertEqual([None, 7], self.run_of_vhost())
        # A device is unplugged, and a number given to somebody else.
        for pid in (15, 16):
            (self.tree.proc / f'{pid}/schedstat').write_text('')
        self.tree.gone(15)
        self.assertEqual([None, None], self.run_of_vhost())
        self.tree.gone(16)
        self.tree.kernel(16, 'vhost-20', run=6)
        self.assertEqual([6, None], self.run_of_vhost())

    def test_vhost_that_is_found_before_its_server(self) -> None:
        self.tree.kernel(9, 'vhost-10', run=3)
        self.read()
        self.tree.qemu(10, vcpus=1)
        self.assertEqual([3], self.run_of_vhost())

    def test_vhost_of_a_server_that_is_gone(self) -> None:
        before = os.listdir('/proc/self/fd')
        self.tree.qemu(10, vcpus=1)
        self.tree.kernel(15, 'vhost-10')
        self.read()
        self.tree.gone(10)
        self.read()
        self.assertEqual(before, os.listdir('/proc/self/fd'))

    def test_pressure(self) -> None:
        self.assertIsNone(self.read().pressure)
        file = self.tree.proc / 'pressure/cpu'
        self.tree.write(
            file,
            'some avg10=0.0 avg60=0.0 avg300=0.0 total=123\n'
            'full avg10=0.0 avg60=0.0 avg300=0.0 total=0\n',
        )
        self.assertEqual(123e-6, self.read().pressure)
        self.tree.write(file, '')
        self.assertIsNone(self.read().pressure)
