import os

from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.exporter import preflight
from tests.unit.exporter.tree import Tree


class TestCheck(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tree = self.useFixture(Tree())
        self.tree.process(1, 'init')
        self.tree.write(self.tree.proc / 'pressure/cpu', 'some total=1\n')

    def check(self) -> list[str]:
        return preflight.check(str(self.tree.proc), str(self.tree.cgroups))

    def refused(self, *words: str) -> None:
        error = self.assertRaises(ConfigError, self.check)
        for word in words:
            self.assertIn(word, str(error))

    def test_all_is_there(self) -> None:
        self.assertEqual([], self.check())

    def test_this_host(self) -> None:
        preflight.check('/proc', '/sys/fs/cgroup')

    def test_no_other_process_is_shown(self) -> None:
        self.tree.gone(1)
        self.refused('proc_path = ', 'hidepid=2')

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


class TestOnlineCores(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tree = self.useFixture(Tree())

    def online(self, text: str) -> frozenset[int]:
        self.tree.write(self.tree.proc / 'stat', text)
        return preflight.online_cores(str(self.tree.proc))

    def test_those_with_a_line(self) -> None:
        self.assertEqual(
            {0, 2, 10},
            self.online('cpu  9 9\ncpu0 1 2\ncpu2 1 2\ncpu10 1\nintr 0\n'),
        )

    def test_none(self) -> None:
        error = self.assertRaises(ConfigError, self.online, 'intr 0\n')
        self.assertIn('proc_path = ', str(error))

    def test_this_host(self) -> None:
        self.assertEqual(os.cpu_count(), len(preflight.online_cores('/proc')))


class TestCountCores(base.BaseTestCase):
    ONLINE = frozenset(range(32))

    def test_good(self) -> None:
        for text, count in (
            ('2-31', 30),
            ('0', 1),
            ('0-3, 4-5,8', 7),
            ('0-7,^4', 7),
            ('^1-2,0-3', 2),
            # Out of the list, and so it need not be there.
            ('0-32,^32', 32),
            ('', 32),
            (' ', 32),
        ):
            found = preflight.count_cores(text, self.ONLINE)
            self.assertEqual(count, found, text)

    def refused(self, text: str, *words: str) -> None:
        error = self.assertRaises(
            ConfigError, preflight.count_cores, text, self.ONLINE
        )
        for word in (f'[exporter] cores = {text!r}', '0-31', *words):
            self.assertIn(word, str(error))

    def test_no_list(self) -> None:
        for text in (
            *('x', '1-', '-1', '3-2', '1,,2', '0xff', '1_0', '٣'),
            *('+1', '0-9' * 9, '9' * 99),
        ):
            self.refused(text, 'neither a core nor a range')

    def test_no_core_is_left(self) -> None:
        for text in '^1', '1,^1', '0-7,^0-7':
            self.refused(text, 'leaves no core')

    def test_a_core_that_is_named_twice(self) -> None:
        for text, twice in (('0,0', '0'), ('0-3,2-5', '2-3')):
            self.refused(text, f'named twice: {twice}.')

    def test_a_core_that_is_not_online(self) -> None:
        self.refused('0-900', 'offline: 32-900.')
        self.refused('0-99999', 'offline: 32-99999.')
        self.refused('40,2,33-34', 'offline: 33-34,40.')
