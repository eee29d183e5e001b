import os

from oslotest import base

from steal_scheduler.exporter.process import Process, identify
from steal_scheduler.exporter.procfs import Failures
from steal_scheduler.exporter.sample import Server
from tests.unit.exporter.tree import UUID, Tree

QUOTA = 'nr_periods {}\nnr_throttled 1\nthrottled_usec 1\n'


class TestProcess(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tree = self.useFixture(Tree())
        self.failures = Failures()

    def opened(self, pid: int = 10) -> Process:
        process = Process.open(
            f'{self.tree.proc}/{pid}', str(self.tree.cgroups), self.failures
        )
        assert process is not None
        self.addCleanup(process.close)
        return process

    def read(self, process: Process) -> Server:
        server = process.read()
        assert server is not None
        return server

    def test_its_vcpus(self) -> None:
        self.tree.qemu(10, vcpus=2)
        self.tree.thread(10, 11, run=3, wait=4)
        server = self.read(self.opened())
        self.assertEqual((UUID, 'instance-10'), (server.uuid, server.domain))
        self.assertEqual({11, 12}, {t.key[0] for t in server.threads})
        self.assertEqual(
            {(3, 4), (0, 0)}, {(t.run, t.wait) for t in server.threads}
        )

    def test_no_server(self) -> None:
        self.tree.process(10, 'bash')
        before = os.listdir('/proc/self/fd')
        self.assertIsNone(
            Process.open(f'{self.tree.proc}/10', '/x', self.failures)
        )
        self.assertEqual(before, os.listdir('/proc/self/fd'))

    def test_plugged_and_unplugged(self) -> None:
        self.tree.qemu(10, vcpus=1)
        process = self.opened()
        for _ in range(40):
            self.assertEqual(1, len(self.read(process).threads))
        self.tree.thread(10, 12, comm='CPU 1/KVM')
        self.assertEqual(2, len(self.read(process).threads))
        self.tree.gone(10, 11)
        self.assertEqual([12], [t.key[0] for t in self.read(process).threads])

    def test_a_thread_that_gets_its_name_late(self) -> None:
        self.tree.qemu(10)
        self.tree.thread(10, 11, comm='qemu-system-x86')
        process = self.opened()
        self.assertEqual((), self.read(process).threads)
        self.tree.thread(10, 11, comm='CPU 0/TCG')
        self.assertEqual(1, len(self.read(process).threads))

    def test_which_threads_are_vcpus(self) -> None:
        self.tree.qemu(10)
        for tid, comm in (
            *((11, 'CPU 0/KVM'), (12, 'CPU 127/TCG'), (13, 'ALL CPUs/TCG')),
            *((14, 'qemu-system-x86'), (15, 'CPU 0'), (16, 'CPU /KVM')),
            *((17, 'CPU x/KVM'), (18, 'IO mon_iothread'), (19, '')),
        ):
            self.tree.thread(10, tid, comm=comm)
        found = self.read(self.opened()).threads
        self.assertEqual({11, 12, 13}, {t.key[0] for t in found})

    def others(self, process: Process, rounds: int = 4) -> list[list[object]]:
        """What it says of each that is no vCPU, in its next rounds."""
        found = []
        for _ in range(rounds):
            others = self.read(process).others
            if others is not None:
                found.append(
                    sorted((o.key[0], o.kind, o.run, o.wait) for o in others)
                )
        return found

    def test_the_others_are_read_seldom(self) -> None:
        self.tree.qemu(10, vcpus=1)
        self.tree.thread(10, 12, 5, 6, comm='vhost-10')
        process = self.opened()
        (found,) = self.others(process)
        self.assertEqual([(10, 'emulator', 0, 0), (12, 'vhost', 5, 6)], found)
        self.assertEqual(3, len(self.others(process, 12)))

    def test_not_all_servers_in_the_same_round(self) -> None:
        rounds = set()
        for pid in range(10, 18, 2):
            self.tree.qemu(pid, f'{UUID[:-1]}{pid // 2 % 4}', vcpus=1)
            process = self.opened(pid)
            looked = [self.read(process).others is not None for _ in range(4)]
            rounds.add(looked.index(True))
        self.assertEqual({0, 1, 2, 3}, rounds)

    def test_others_come_and_go(self) -> None:
        self.tree.qemu(10, vcpus=1)
        process = self.opened()
        self.tree.thread(10, 12, comm='worker')
        (found,) = self.others(process)
        self.assertIn((12, 'io', 0, 0), found)
        self.tree.gone(10, 12)
        (found,) = self.others(process)
        self.assertEqual([(10, 'emulator', 0, 0)], found)
        # Listed still, and empty, as its file is when it has ended.
        (self.tree.proc / '10/task/10/schedstat').write_text('')
        self.assertEqual([[]], self.others(process))
        self.assertEqual(1, self.failures.counts['ended'])

    def test_another_that_gets_its_name_late(self) -> None:
        self.tree.qemu(10, vcpus=1)
        for tid in (12, 13):
            self.tree.thread(10, tid, comm='qemu-system-x86')
        process = self.opened()
        self.read(process)
        before = len(os.listdir('/proc/self/fd'))
        self.tree.thread(10, 12, comm='IO iothread1')
        self.tree.thread(10, 13, comm='CPU 1/KVM')
        self.read(process)
        # A vCPU has two files.
        self.assertEqual(before + 1, len(os.listdir('/proc/self/fd')))
        (found,) = self.others(process)
        self.assertEqual([(10, 'emulator', 0, 0), (12, 'io', 0, 0)], found)
        self.assertEqual(2, len(self.read(process).threads))

    def test_a_thread_that_ends_while_it_is_read(self) -> None:
        self.tree.qemu(10, vcpus=2)
        process = self.opened()
        self.read(process)
        # Listed still, and empty, as its file is when it has ended.
        (self.tree.proc / '10/task/11/schedstat').write_text('')
        self.assertEqual([12], [t.key[0] for t in self.read(process).threads])
        self.assertEqual(1, self.failures.counts['ended'])

    def test_one_that_ends_while_it_is_opened(self) -> None:
        self.tree.qemu(10, vcpus=2)
        (self.tree.proc / '10/task/11/comm').unlink()
        (self.tree.proc / '10/task/12/stat').unlink()
        self.assertEqual((), self.read(self.opened()).threads)
        self.assertEqual(2, self.failures.counts['ended'])

    def test_ended(self) -> None:
        self.tree.qemu(10, vcpus=1)
        process = self.opened()
        self.read(process)
        self.tree.gone(10)
        # Another one has its number; that is not this one.
        self.tree.qemu(10, vcpus=1)
        self.assertIsNone(process.read())

    def test_its_cgroups(self) -> None:
        self.tree.qemu(10)
        for index in range(2):
            self.tree.thread(10, 11 + index, cgroup=f'0::/m/vcpu{index}\n')
            self.tree.quota(f'm/vcpu{index}', QUOTA.format(10))
        self.tree.quota('m', QUOTA.format(5))
        process = self.opened()
        found = self.read(process).throttles
        self.assertEqual([5, 10, 10], sorted(t.periods for t in found))

    def test_a_thread_that_is_put_into_its_cgroup_late(self) -> None:
        self.tree.qemu(10, vcpus=1)
        self.tree.quota('m', QUOTA.format(5))
        self.tree.quota('m/vcpu0', QUOTA.format(6))
        process = self.opened()
        self.assertEqual((), self.read(process).throttles)
        self.tree.thread(10, 11, cgroup='0::/m/vcpu0\n')
        self.assertEqual(2, len(self.read(process).throttles))
        # And out of it, much later.
        for _ in range(10):
            self.read(process)
        self.tree.thread(10, 11, cgroup='0::/m\n')
        for _ in range(32):
            found = self.read(process).throttles
        self.assertEqual([5], [t.periods for t in found])

    def test_a_cgroup_without_a_quota_is_read_seldom(self) -> None:
        self.tree.qemu(10)
        self.tree.thread(10, 11, cgroup='0::/m\n')
        self.tree.quota('m', QUOTA.format(0))
        process = self.opened()

        def periods() -> int:
            (throttle,) = self.read(process).throttles
            return throttle.periods

        self.assertEqual(0, periods())
        self.tree.quota('m', QUOTA.format(10))
        found = [periods() for _ in range(8)]
        self.assertEqual((0, 10), (found[0], found[-1]))
        self.tree.quota('m', QUOTA.format(11))
        self.assertEqual(11, periods())

    def test_a_cgroup_that_is_gone_is_looked_for_seldom(self) -> None:
        self.tree.qemu(10)
        self.tree.thread(10, 11, cgroup='0::/m\n')
        quota = self.tree.quota('m', QUOTA.format(1))
        process = self.opened()
        for _ in range(5):
            self.read(process)
        quota.unlink()
        for _ in range(20):
            self.assertEqual((), self.read(process).throttles)
        self.assertEqual(1, self.failures.counts['ended'])

    def test_nothing_stays_open(self) -> None:
        self.tree.qemu(10)
        self.tree.thread(10, 11, cgroup='0::/m\n')
        self.tree.quota('m', QUOTA.format(5))
        before = os.listdir('/proc/self/fd')
        process = Process.open(
            f'{self.tree.proc}/10', str(self.tree.cgroups), self.failures
        )
        assert process is not None
        self.read(process)
        self.assertEqual(4, len(os.listdir('/proc/self/fd')) - len(before))
        process.close()
        self.assertEqual(before, os.listdir('/proc/self/fd'))


class TestIdentify(base.BaseTestCase):
    def identity(self, *args: str) -> tuple[str, str] | None:
        return identify(b''.join(a.encode() + b'\0' for a in args))

    def test_servers(self) -> None:
        for program in (
            '/usr/bin/qemu-system-x86_64',
            'qemu-system-aarch64',
            '/usr/libexec/qemu-kvm',
            'kvm',
        ):
            self.assertEqual(
                (UUID, 'a'),
                self.identity(program, '-name', 'guest=a', '-uuid', UUID),
            )

    def test_names(self) -> None:
        for value, domain in (
            ('guest=instance-01,debug-threads=on', 'instance-01'),
            ('debug-threads=on,guest=b', 'b'),
            ('c', 'c'),
            ('c,process=x', 'c'),
            ('guest=d,,e=f,process=x', 'd,e=f'),
            ('process=x', ''),
        ):
            found = self.identity('kvm', '-uuid', UUID, '-name', value)
            self.assertEqual((UUID, domain), found)
        self.assertEqual((UUID, ''), self.identity('kvm', '-uuid', UUID))

    def test_one_form_of_a_uuid(self) -> None:
        found = self.identity('kvm', '--uuid', UUID.upper())
        self.assertEqual((UUID, ''), found)

    def test_no_servers(self) -> None:
        for args in (
            (),
            ('',),
            ('bash', '-uuid', UUID),
            ('qemu-img', '-uuid', UUID),
            ('qemu-system-x86_64',),
            ('qemu-system-x86_64', '-uuid'),
            ('qemu-system-x86_64', '-uuid', 'x'),
            ('grep', 'qemu-system-x86_64'),
        ):
            self.assertIsNone(self.identity(*args), args)
