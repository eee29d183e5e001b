"""Hypervisors with a network between them, and who watches them.

Real QEMU guests, a real libvirt on each, live migration from one to another,
our exporter on each and a Prometheus that scrapes them every second. All of it
is on this machine, and two of its cores are enough: each hypervisor is a
machine within it, gives its servers one core only, and sees none of another's
processes.

A guest is a kilobyte of program: no kernel, no disk, no network. It runs under
QEMU's own emulation (TCG) and under KVM, also where KVM does without the
processor's help and no stock kernel boots. guest.c tells more.
"""

import contextlib
import dataclasses
import functools
import itertools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from typing import Any

from tests.integration import daemons
from tests.integration.machines import Machine, connect
from tests.samples import scrape

_SOURCE = pathlib.Path(__file__).with_name('guest.c')
_LINKER_SCRIPT = pathlib.Path(__file__).with_name('guest.ld')
_REPORT = re.compile('^[ST] ([0-9a-f]{16}) ([0-9a-f]{16})$', re.MULTILINE)

_XML = """\
<domain type='{kind}'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>32</memory>
  <vcpu cpuset='{core}'>1</vcpu>
  <cputune>{quota}</cputune>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{kernel}</kernel>
    <cmdline>{load}</cmdline>
  </os>
  <features><acpi/><apic/></features>
  <clock offset='utc'><timer name='hpet' present='yes'/></clock>
  <devices>
    <serial type='file'><source path='{console}' append='on'/></serial>
    <memballoon model='none'/>
  </devices>
</domain>
"""
#: Microseconds, as Nova has it.
_PERIOD = 100_000

#: In a network of their own, where nobody else is.
_ADDRESSES = ('10.77.0.1', '10.77.0.2', '10.77.0.3')

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
_QEMU_TLS_CONF = """
migrate_tls_x509_cert_dir = "{tls}"
migrate_tls_x509_verify = 1
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

#: Burns all the time.
ALWAYS = ''


def bursts(on: int, every: int, after: int = 0) -> str:
    """Return the command line of a guest that burns now and then.

    :param on: milliseconds of a burst
    :param every: milliseconds from one burst to the next
    :param after: milliseconds until the first
    """
    return f'on={on} every={every} after={after}'


@dataclasses.dataclass(frozen=True)
class Report:
    """What a guest said: its own clock and its steal, both in seconds."""

    at: float
    steal: float


def reports(console: pathlib.Path) -> list[Report]:
    """Return what a guest has said on its serial console so far."""
    text = console.read_text(errors='replace') if console.exists() else ''
    return [
        Report(int(at, 16) / 1e8, int(steal, 16) / 1e9)
        for at, steal in _REPORT.findall(text)
    ]


@dataclasses.dataclass(frozen=True)
class Domain:
    """One server with one vCPU."""

    name: str
    #: Where its guest's program is, and the file for what it says.
    kernel: pathlib.Path
    console: pathlib.Path
    #: What its guest does; see bursts().
    load: str = ALWAYS
    #: Whether it runs on KVM; else QEMU emulates it.
    kvm: bool = False
    #: Percent of a core that it may use, as by quota:cpu_quota of a flavor.
    quota: int | None = None
    uuid: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))

    def xml(self, core: int) -> str:
        """Return it as libvirt wants it.

        :param core: the only one that it may use
        """
        quota = ''
        if self.quota is not None:
            quota = (
                f'<period>{_PERIOD}</period>'
                f'<quota>{_PERIOD * self.quota // 100}</quota>'
            )
        return _XML.format(
            kind='kvm' if self.kvm else 'qemu',
            name=self.name,
            uuid=self.uuid,
            core=core,
            quota=quota,
            kernel=self.kernel,
            load=self.load,
            console=self.console,
        )

    def reports(self) -> list[Report]:
        """Return what its guest has said so far, wherever it ran."""
        return reports(self.console)


def build(directory: pathlib.Path) -> pathlib.Path:
    """Compile it; return the path of the program."""
    path = directory / 'guest.elf'
    ran = subprocess.run(
        [
            *(daemons.program('gcc'), '-m32', '-Os', '-ffreestanding'),
            *('-fno-pie', '-no-pie', '-nostdlib', '-static'),
            *('-fno-stack-protector', '-fno-asynchronous-unwind-tables'),
            *('-Wall', '-Wextra', '-Wno-main', '-Wl,--build-id=none'),
            *(f'-Wl,--script={_LINKER_SCRIPT}', f'-o{path}', str(_SOURCE)),
        ],
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise daemons.DaemonError(ran.stderr)
    return path


def certify(directory: pathlib.Path) -> None:
    """Make an authority, and a certificate for all hypervisors."""
    directory.mkdir()
    path = f'{directory}/{{}}.pem'.format
    addresses = ','.join(f'IP:{address}' for address in _ADDRESSES)
    for name, *options in (
        ('ca', '-subj', '/CN=authority'),
        (
            *('server', '-subj', '/CN=hypervisor'),
            *('-CA', path('ca-cert'), '-CAkey', path('ca-key')),
            *('-addext', f'subjectAltName={addresses}'),
            *('-addext', 'basicConstraints=critical,CA:FALSE'),
        ),
    ):
        subprocess.run(
            [
                *(daemons.program('openssl'), 'req', '-x509', '-nodes'),
                *('-newkey', 'rsa:2048', '-out', path(f'{name}-cert')),
                *('-keyout', path(f'{name}-key'), *options),
            ],
            check=True,
            capture_output=True,
        )
    for kind in 'cert', 'key':
        shutil.copy(path(f'server-{kind}'), path(f'client-{kind}'))


@functools.cache
def kvm_trouble() -> str:
    """Say why KVM cannot be tested here; empty if it can.

    The only proof is a guest that runs.
    """
    if not pathlib.Path('/dev/kvm').exists():
        return 'there is no /dev/kvm'
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        console = directory / 'console'
        qemu = daemons.Daemon(
            'kvm',
            [
                *(daemons.program('qemu-system-x86_64'), '-accel', 'kvm'),
                *('-m', '32', '-display', 'none', '-nodefaults'),
                *('-serial', f'file:{console}'),
                *('-kernel', str(build(directory))),
            ],
            directory,
            lambda: bool(reports(console)),
        )
        try:
            qemu.start()
        except daemons.DaemonError as e:
            return f'no guest runs on this /dev/kvm: {e}'
        qemu.stop()
    return ''


class Hypervisor(daemons.Parts):
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
        #: Where the certificates are by which QEMU knows QEMU, if it has any.
        self.tls: pathlib.Path | None = None
        #: What is its own; the directories below are bound into it.
        self.directory = directory / name
        self.machine = Machine(
            name,
            directory,
            {self.directory / out: path for out, path in _BINDS.items()},
        )

    def begin(self, stack: contextlib.ExitStack) -> None:
        self._write('etc/libvirtd.conf', _LIBVIRTD_CONF, uuid=uuid.uuid4())
        qemu_conf = _QEMU_CONF.format(address=self.address)
        if self.tls:
            qemu_conf += _QEMU_TLS_CONF.format(tls=self.tls)
        self._write('etc/qemu.conf', qemu_conf)
        for path, line in (
            ('/etc/passwd', f'{_USER}64055::/:/bin/false'),
            ('/etc/group', _USER),
        ):
            text = pathlib.Path(path).read_text()
            self._write(path.removeprefix('/etc/'), f'{text}{line}\n')
        for name in ('lib', 'cache', 'log'):
            (self.directory / name).mkdir()
        stack.enter_context(self.machine)
        #: Its guests outlive it.
        self.libvirtd = daemons.Daemon(
            f'{self.name}-libvirtd',
            [
                *self.machine.joining(),
                *(daemons.program('libvirtd'), '--listen'),
                *('--config', '/etc/libvirt/libvirtd.conf'),
            ],
            self.directory,
            self._libvirt_answers,
        )
        stack.callback(self.libvirtd.stop, signal.SIGKILL)
        self.libvirtd.start()
        path = self._write(
            'exporter.conf', _EXPORTER_CONF, port=self.port, core=self.core
        )
        exporter = daemons.Daemon(
            f'{self.name}-exporter',
            [
                # Its page is on our loopback, where Prometheus is.
                *self.machine.entering(network=False),
                *(sys.executable, '-m', 'steal_scheduler.cmd.exporter'),
                *('--config-file', str(path)),
            ],
            self.directory,
            lambda: bool(self.scrape()),
        )
        stack.callback(exporter.stop)
        exporter.start()

    @property
    def logs(self) -> list[pathlib.Path]:
        """What its daemons say, once they do."""
        return [
            self.machine.daemon.log,
            self.directory / f'{self.name}-libvirtd.log',
            self.directory / f'{self.name}-exporter.log',
        ]

    def virsh(self, *argv: str) -> str:
        """Run virsh on it; return what it says.

        :raises DaemonError: it fails
        """
        return self.machine.run('virsh', '--quiet', *argv)

    @contextlib.contextmanager
    def narrow_network(self) -> Iterator[None]:
        """It sends a MiB per second to other hypervisors, whatever it is."""
        qdisc = ('tc', 'qdisc', 'replace', 'dev', 'eth0', 'root')
        limit = ('rate', '8mbit', 'burst', '64kb', 'latency', '400ms')
        self.machine.run(*qdisc, 'tbf', *limit)
        try:
            yield
        finally:
            self.machine.run(*qdisc, 'pfifo')

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
        return scrape(self.port)

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
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(**values) if values else text)
        return path

    def _libvirt_answers(self) -> bool:
        try:
            return bool(self.virsh('uri'))
        except daemons.DaemonError:
            return False


class Hosts(daemons.Parts):
    """host-a and host-b, with a core each; host-c has that of host-a.

    A Prometheus watches them.
    """

    def __init__(self, directory: pathlib.Path, number: int = 2) -> None:
        """Describe them; start nothing.

        :raises DaemonError: a program is missing, or a second core
        """
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise daemons.DaemonError('Two hypervisors need two cores.')
        self.hosts = tuple(
            Hypervisor(f'host-{letter}', core, address, directory)
            for letter, core, address in zip(
                'abc'[:number],
                itertools.cycle(cores[:2]),
                _ADDRESSES,
                strict=False,
            )
        )
        self._tls = directory / 'tls'
        self.prometheus = daemons.Prometheus(directory)
        for host in self.hosts:
            self.prometheus.scrape(host.port, instance=host.name)

    def begin(self, stack: contextlib.ExitStack) -> None:
        certify(self._tls)
        for host in self.hosts:
            host.tls = self._tls
            stack.enter_context(host)
        connect({host.machine: host.address for host in self.hosts})
        stack.enter_context(self.prometheus)

    @property
    def logs(self) -> list[pathlib.Path]:
        """What its daemons say, once they do."""
        found = [log for host in self.hosts for log in host.logs]
        return [*found, self.prometheus.daemon.log]


class Lab(Hosts):
    """host-a and host-b, and servers that nobody but we knows of."""

    def __init__(self, directory: pathlib.Path, kvm: bool = False) -> None:
        """Describe it; start nothing.

        :param kvm: whether guests run on KVM; else QEMU emulates them
        :raises DaemonError: a program is missing, or a second core
        """
        super().__init__(directory)
        self._directory = directory
        self._kvm = kvm
        self.a, self.b = self.hosts
        #: Where each server is.
        self.where: dict[Domain, Hypervisor] = {}
        self._numbers = itertools.count(1)

    def begin(self, stack: contextlib.ExitStack) -> None:
        self._kernel = build(self._directory)
        super().begin(stack)
        for host in self.hosts:
            host.machine.weigh(100)

    def boot(self, host: Hypervisor, **options: Any) -> Domain:
        """Start a server on a host; its guest is at work on return.

        :param options: load and quota of a Domain
        """
        name = f'instance-{next(self._numbers):08x}'
        domain = Domain(
            name,
            self._kernel,
            self._directory / f'{name}.console',
            kvm=self._kvm,
            **options,
        )
        host.boot(domain)
        self.where[domain] = host
        daemons.until(f'{name} has booted', domain.reports)
        return domain

    def migrate(self, domain: Domain, target: Hypervisor) -> None:
        """Move a server while it runs."""
        self.where[domain].migrate(domain, target)
        self.where[domain] = target
