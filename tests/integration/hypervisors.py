"""Hypervisors: each a libvirtd and a steal-exporter in a machine of its own.

They share the memory and the cores of this machine, but each gives its
servers one core only, and sees none of the other's processes.
"""

import contextlib
import pathlib
import sys
import urllib.request
import uuid
from typing import Self

from prometheus_client import parser

from tests.integration import daemons, namespaces
from tests.integration.domains import Domain

_LIBVIRTD_CONF = """
listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
auth_unix_rw = "none"
host_uuid = "{uuid}"
log_outputs = "3:stderr"
"""
_QEMU_CONF = """
user = "root"
group = "root"
security_driver = "none"
remember_owner = 0
namespaces = [ ]
stdio_handler = "file"
cgroup_controllers = [ "cpu" ]
migration_host = "{address}"
"""
_EXPORTER_CONF = """
[exporter]
listen_port = {port}
cores = {core}
"""
#: What libvirtd keeps, each host for itself. It looks for its own user even
#: if it is told to use another one.
_BINDS = {
    'etc': '/etc/libvirt',
    'lib': '/var/lib/libvirt',
    'cache': '/var/cache/libvirt',
    'log': '/var/log/libvirt',
    'passwd': '/etc/passwd',
    'group': '/etc/group',
}
_USER = 'libvirt-qemu:x:64055:'


class Hypervisor:
    """One host, its servers, and the exporter that watches them."""

    def __init__(
        self, name: str, core: int, address: str, directory: pathlib.Path
    ) -> None:
        """Describe it; start nothing.

        :param core: the only one that its servers may use
        :param address: in the network of the hypervisors
        """
        for program in ('qemu-system-x86_64', 'virsh'):
            daemons.program(program)
        self.name = name
        self.core = core
        self.address = address
        #: Of its exporter, on our loopback.
        self.port = daemons.free_port()
        self._directory = directory / name
        self.machine = namespaces.Machine(
            name,
            [
                *(daemons.program('libvirtd'), '--listen'),
                *('--config', '/etc/libvirt/libvirtd.conf'),
            ],
            directory,
            self._libvirt_answers,
            {self._directory / out: path for out, path in _BINDS.items()},
        )
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._write('etc/libvirtd.conf', _LIBVIRTD_CONF, uuid=uuid.uuid4())
        self._write('etc/qemu.conf', _QEMU_CONF, address=self.address)
        for path, line in (
            ('/etc/passwd', f'{_USER}64055::/:/bin/false'),
            ('/etc/group', _USER),
        ):
            text = pathlib.Path(path).read_text()
            self._write(path.removeprefix('/etc/'), f'{text}{line}\n')
        for name in ('lib', 'cache', 'log'):
            (self._directory / name).mkdir()
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.machine)
            exporter = self._exporter()
            exporter.start()
            stack.callback(exporter.stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @property
    def logs(self) -> list[pathlib.Path]:
        """What its daemons say, once they do."""
        return [
            self.machine.daemon.log,
            self._directory / f'{self.name}-exporter.log',
        ]

    def virsh(self, *argv: str) -> str:
        """Run virsh on it; return what it says.

        :raises DaemonError: it fails
        """
        return self.machine.run('virsh', '--quiet', *argv)

    def boot(self, domain: Domain) -> None:
        """Start a server; return at once."""
        self.virsh('create', str(self._define(domain)))

    def migrate(self, domain: Domain, target: 'Hypervisor') -> None:
        """Move a server as Nova does; return when it runs there."""
        self.virsh(
            *('migrate', '--live', '--p2p'),
            # The cores that it may use are others there.
            *('--xml', str(target._define(domain))),
            *(domain.name, f'qemu+tcp://{target.address}/system'),
        )

    def scrape(self) -> dict[tuple[str, str], float]:
        """Return what its exporter shows, by name and uuid of the server."""
        url = f'http://127.0.0.1:{self.port}/metrics'
        with urllib.request.urlopen(url, timeout=30) as response:
            text = response.read().decode()
        return {
            (sample.name, sample.labels.get('uuid', '')): sample.value
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples
        }

    def schedstat(self, domain: Domain) -> tuple[float, float]:
        """Return the seconds that its vCPU ran and waited, by the kernel.

        :raises LookupError: it does not run here
        """
        for process in self.machine.proc.glob('[0-9]*'):
            with contextlib.suppress(OSError):
                words = (process / 'cmdline').read_text().split('\0')
                if domain.uuid not in words:
                    continue
                for task in (process / 'task').iterdir():
                    if (task / 'comm').read_text().startswith('CPU 0/'):
                        run, wait, _ = (task / 'schedstat').read_text().split()
                        return int(run) / 1e9, int(wait) / 1e9
        raise LookupError(f'{domain.name} does not run on {self.name}')

    def _define(self, domain: Domain) -> pathlib.Path:
        return self._write(f'{domain.name}.xml', domain.xml(self.core))

    def _write(self, name: str, text: str, **values: object) -> pathlib.Path:
        path = self._directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(**values) if values else text)
        return path

    def _libvirt_answers(self) -> bool:
        try:
            return bool(self.virsh('uri'))
        except daemons.DaemonError:
            return False

    def _exporter(self) -> daemons.Daemon:
        path = self._write(
            'exporter.conf', _EXPORTER_CONF, port=self.port, core=self.core
        )
        return daemons.Daemon(
            f'{self.name}-exporter',
            [
                # Its page is on our loopback, where Prometheus is.
                *self.machine.entering(network=False),
                *(sys.executable, '-m', 'steal_scheduler.cmd.exporter'),
                *('--config-file', str(path)),
            ],
            self._directory,
            lambda: bool(self.scrape()),
        )
