from oslotest import base

from steal_scheduler.exporter import cgroup
from steal_scheduler.exporter.sample import Throttle
from tests.unit.exporter.tree import Tree

SCOPE = '/machine.slice/machine-qemu\\x2d1\\x2dinstance\\x2d01.scope'
V1 = 'nr_periods 10\nnr_throttled 4\nthrottled_time 5000\n'
V2 = (
    'usage_usec 1\nuser_usec 1\nsystem_usec 0\nnr_periods 10\n'
    'nr_throttled 4\nthrottled_usec 5\nnr_bursts 0\nburst_usec 0\n'
)


class TestLocate(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.tree = self.useFixture(Tree())

    def located(self, text: str, *paths: str) -> None:
        """All of the paths exist, and are what is found."""
        files = [str(self.tree.quota(path, V2)) for path in paths]
        found = cgroup.locate(str(self.tree.cgroups), text)
        self.assertEqual(sorted(files), sorted(found))

    def test_version_2(self) -> None:
        self.located(
            f'0::{SCOPE}/libvirt/vcpu0\n', f'{SCOPE}/libvirt/vcpu0', SCOPE
        )

    def test_version_2_without_libvirt(self) -> None:
        self.located('0::/user.slice/a.scope\n', '/user.slice/a.scope')

    def test_version_1(self) -> None:
        self.located(
            f'9:memory:{SCOPE}\n4:cpu,cpuacct:{SCOPE}/vcpu3\n0::/x\n',
            f'cpu,cpuacct/{SCOPE}/vcpu3',
            f'cpu,cpuacct/{SCOPE}',
        )

    def test_version_1_by_its_link(self) -> None:
        self.located(
            '4:cpuacct,cpu:/machine/a.libvirt-qemu/vcpu3\n3:cpuset:/b\n',
            'cpu/machine/a.libvirt-qemu/vcpu3',
            'cpu/machine/a.libvirt-qemu',
        )

    def test_both_and_version_2_has_cpu(self) -> None:
        self.located(
            '1:name=systemd:/x\n0::/a/vcpu1\n', 'unified/a/vcpu1', 'unified/a'
        )

    def test_none(self) -> None:
        for text in (
            '',
            '0::/\n',
            '0::/gone\n',
            '4:cpu:/gone\n',
            '2:cpuset:/',
        ):
            self.located(text)


class TestParse(base.BaseTestCase):
    def test_both(self) -> None:
        for text in (V1, V2):
            self.assertEqual(
                Throttle('k', 10, 4, 5000), cgroup.parse('k', text.encode())
            )

    def test_without_a_controller(self) -> None:
        self.assertEqual(
            Throttle('k', 0, 0, 0), cgroup.parse('k', b'usage_usec 7\n')
        )
