import threading

from oslotest import base

from steal_scheduler.exporter import proc, sampler
from steal_scheduler.exporter.accumulate import Accumulator
from tests.unit.exporter.tree import UUID, Tree


class TestFollowing(base.BaseTestCase):
    def test_a_little_late_keeps_the_grid(self) -> None:
        self.assertEqual(11.0, sampler.following(10.0, 10.05, 1.0))

    def test_late_shifts_it(self) -> None:
        self.assertEqual(14.3, sampler.following(10.0, 13.3, 1.0))


class TestSampler(base.BaseTestCase):
    def test_until_it_is_told_to_stop(self) -> None:
        tree = self.useFixture(Tree())
        tree.qemu(10, vcpus=3)
        found = proc.Proc(str(tree.proc), str(tree.cgroups))
        self.addCleanup(found.close)
        counters = Accumulator(2, interval=0.02)
        stopping = threading.Event()
        thread = threading.Thread(
            target=sampler.Sampler(
                found, counters, 0.02, threading.Lock()
            ).run,
            args=(stopping,),
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
