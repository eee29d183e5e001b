from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.exporter import rights
from tests.unit.exporter.tree import Tree


class TestCheck(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tree = self.useFixture(Tree())
        self.tree.process(1, 'init')
        self.tree.write(self.tree.proc / 'pressure/cpu', 'some total=1\n')

    def check(self) -> list[str]:
        return rights.check(str(self.tree.proc), str(self.tree.cgroups))

    def refused(self, *words: str) -> None:
        error = self.assertRaises(ConfigError, self.check)
        for word in words:
            self.assertIn(word, str(error))

    def test_all_is_there(self) -> None:
        self.assertEqual([], self.check())

    def test_this_host(self) -> None:
        rights.check('/proc', '/sys/fs/cgroup')

    def test_no_other_process_is_shown(self) -> None:
        self.tree.gone(1)
        self.refused('hidepid=2', 'proc_path')

    def test_no_wait_is_measured(self) -> None:
        file = self.tree.proc / '1/task/1/schedstat'
        file.write_text('0 0 0\n')
        self.refused('schedstat', 'CONFIG_SCHED_INFO')
        file.unlink()
        self.refused('schedstat', 'CONFIG_SCHED_INFO', 'No such file')

    def test_unreadable(self) -> None:
        # A directory instead, since root may read everything.
        file = self.tree.proc / '1/cmdline'
        file.unlink()
        file.mkdir()
        self.refused('1/cmdline cannot be read', 'hidepid')

    def test_what_one_can_do_without(self) -> None:
        (self.tree.proc / 'pressure/cpu').unlink()
        self.tree.cgroups.rmdir()
        pressure, cgroups = self.check()
        self.assertIn('psi=1', pressure)
        self.assertIn('cgroup_path', cgroups)
        self.tree.cgroups.mkdir()
