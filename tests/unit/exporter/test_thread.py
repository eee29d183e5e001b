import os

from oslotest import base

from steal_scheduler.exporter import thread
from tests.unit.exporter.tree import Tree


class TestThread(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tree = self.useFixture(Tree())

    def opened(self, tid: int) -> thread.VcpuThread:
        tasks = os.open(self.tree.proc / '10' / 'task', os.O_RDONLY)
        self.addCleanup(os.close, tasks)
        return thread.VcpuThread(tasks, tid)

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
