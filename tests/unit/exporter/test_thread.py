import os

from oslotest import base

from steal_scheduler.exporter.sample import Kind
from steal_scheduler.exporter.thread import (
    KernelThread,
    OtherThread,
    VcpuThread,
    kind_of,
)
from tests.unit.exporter.tree import Tree

#: The threads of a server of Nova, as /proc/PID/task/*/comm tells them: QEMU
#: 8.2 on Linux 6.8, whose vhost is a thread of QEMU.
RECORDED = {
    'qemu-system-x86': Kind.EMULATOR,
    'call_rcu': Kind.EMULATOR,
    'IO iothread1': Kind.IO,
    'IO mon_iothread': Kind.EMULATOR,
    'CPU 0/KVM': None,
    'CPU 1/KVM': None,
    'vhost-2211873': Kind.VHOST,
    'vnc_worker': Kind.EMULATOR,
    'kvm-nx-lpage-re': Kind.EMULATOR,
    'worker': Kind.IO,
    'iou-wrk-2211873': Kind.IO,
    'iou-sqp-2211873': Kind.IO,
    'migration': Kind.EMULATOR,
    'mig/dst/recv_0': Kind.EMULATOR,
    'SPICE Worker': Kind.EMULATOR,
}
#: Lines of /proc/PID/stat: a vhost of Linux 5.15, which is a process of the
#: kernel's, and a process that calls itself so.
KERNEL_STAT = (
    '48213 (vhost-48190) S 2 0 0 0 -1 2129984 0 0 0 0 0 8351 0 0 20 0 1 0 '
    '1187354 0 0 18446744073709551615 0 0 0 0 0 0 0 2147483647 0 0 0 0 17 11 '
    '0 0 0 0 0 0 0 0 0 0 0 0 0\n'
)
USER_STAT = KERNEL_STAT.replace(' 2129984 ', ' 4194304 ')


class TestKinds(base.BaseTestCase):
    def test_recorded(self) -> None:
        for comm, kind in RECORDED.items():
            self.assertEqual(kind, kind_of(f'{comm}\n'.encode()), comm)

    def test_what_is_no_vcpu(self) -> None:
        for comm in ('CPU 0', 'CPU /KVM', 'CPU x/KVM', ' CPU 0/KVM', ''):
            found = kind_of(f'{comm}\n'.encode())
            self.assertIs(Kind.EMULATOR, found, comm)
        for comm in ('CPU 127/TCG', 'ALL CPUs/TCG'):
            self.assertIsNone(kind_of(f'{comm}\n'.encode()), comm)

    def test_what_is_no_vhost(self) -> None:
        for comm in ('vhost-', 'vhost-a', 'vhost_x', 'vhost-1 '):
            found = kind_of(f'{comm}\n'.encode())
            self.assertIs(Kind.EMULATOR, found, comm)


class TestKernelThread(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tree = self.useFixture(Tree())

    def opened(self, stat: str) -> KernelThread | None:
        self.tree.kernel(48213, 'vhost-48190')
        own = self.tree.proc / '48213'
        (own / 'stat').write_text(stat)
        (own / 'schedstat').write_text('83514392117 12904117230 9120834\n')
        return KernelThread.open(str(self.tree.proc), 48213)

    def test_recorded(self) -> None:
        before = os.listdir('/proc/self/fd')
        found = self.opened(KERNEL_STAT)
        assert found is not None
        self.assertEqual((48213, 48190), (found.pid, found.owner))
        one = found.read()
        self.assertEqual(((48213, 1187354), Kind.VHOST), (one.key, one.kind))
        self.assertEqual((83514392117, 12904117230), (one.run, one.wait))
        found.close()
        self.assertEqual(before, os.listdir('/proc/self/fd'))

    def test_a_name_proves_nothing(self) -> None:
        self.assertIsNone(self.opened(USER_STAT))

    def test_another_one_of_the_kernel(self) -> None:
        self.tree.kernel(7, 'kworker/u64:3')
        self.assertIsNone(KernelThread.open(str(self.tree.proc), 7))

    def test_it_has_ended(self) -> None:
        proc = str(self.tree.proc)
        self.assertRaises(FileNotFoundError, KernelThread.open, proc, 7)


class TestOtherThread(base.BaseTestCase):
    def test_nothing_stays_open(self) -> None:
        tree = self.useFixture(Tree())
        tree.thread(10, 11, 5, 6, comm='worker', start=77)
        tasks = os.open(tree.proc / '10' / 'task', os.O_RDONLY)
        self.addCleanup(os.close, tasks)
        before = os.listdir('/proc/self/fd')
        opened = OtherThread(tasks, 11, Kind.IO)
        one = opened.read()
        self.assertEqual(((11, 77), 5, 6), (one.key, one.run, one.wait))
        (tree.proc / '10/task/11/schedstat').write_text('')
        self.assertRaises(ValueError, opened.read)
        opened.close()
        (tree.proc / '10/task/11/stat').write_text('11 (wor')
        self.assertRaises(ValueError, OtherThread, tasks, 11, Kind.IO)
        self.assertEqual(before, os.listdir('/proc/self/fd'))


class TestVcpuThread(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tree = self.useFixture(Tree())

    def opened(self, tid: int) -> VcpuThread:
        tasks = os.open(self.tree.proc / '10' / 'task', os.O_RDONLY)
        self.addCleanup(os.close, tasks)
        return VcpuThread(tasks, tid)

    def test_read(self) -> None:
        self.tree.thread(10, 11, 5, 6, state='R', comm='C) R (x', start=77)
        opened = self.opened(11)
        self.addCleanup(opened.close)
        found = opened.read()
        self.assertEqual(
            ((11, 77), 5, 6, True),
            (found.key, found.run, found.wait, found.runnable),
        )
        self.tree.thread(10, 11, 8, 9, state='S', comm='C) R (x', start=77)
        found = opened.read()
        self.assertEqual(
            (8, 9, False), (found.run, found.wait, found.runnable)
        )

    def test_cut_short(self) -> None:
        self.tree.thread(10, 11)
        opened = self.opened(11)
        self.addCleanup(opened.close)
        (self.tree.proc / '10/task/11/schedstat').write_text('')
        self.assertRaises(ValueError, opened.read)

    def test_nothing_stays_open(self) -> None:
        self.tree.thread(10, 11)
        stat = self.tree.proc / '10/task/11/stat'
        stat.write_text('11 (CPU')
        self.assertRaises(ValueError, self.opened, 11)
        stat.unlink()
        before = len(os.listdir('/proc/self/fd'))
        self.assertRaises(FileNotFoundError, self.opened, 11)
        # The directory of the test itself.
        self.assertEqual(before + 1, len(os.listdir('/proc/self/fd')))
