from oslotest import base

from steal_scheduler.exporter import qemu
from tests.unit.exporter.tree import UUID


class TestIdentity(base.BaseTestCase):
    def identity(self, *args: str) -> tuple[str, str] | None:
        return qemu.identity(b''.join(a.encode() + b'\0' for a in args))

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


class TestIsVcpu(base.BaseTestCase):
    def test_it(self) -> None:
        for comm in (b'CPU 0/KVM\n', b'CPU 127/TCG\n', b'ALL CPUs/TCG\n'):
            self.assertTrue(qemu.is_vcpu(comm), comm)
        for comm in (
            b'qemu-system-x86\n',
            b'CPU 0\n',
            b'CPU /KVM\n',
            b'CPU x/KVM\n',
            b'IO mon_iothread\n',
            b'',
        ):
            self.assertFalse(qemu.is_vcpu(comm), comm)
