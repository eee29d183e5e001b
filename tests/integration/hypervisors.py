"""Two hypervisors with a network between them, and who watches them.

Real QEMU guests, two real libvirts, live migration from one to the other, our
exporter on each and a Prometheus that scrapes both every second. All of it is
on this machine, and two of its cores are enough: each hypervisor is a machine
within it, gives its servers one core only, and sees none of the other's
processes.
"""

import contextlib
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from prometheus_client import parser

from tests.integration import daemons, guest
from tests.integration.guest import Domain
from tests.integration.prometheus import Prometheus

#: In a network of their own, where nobody else is.
_ADDRESSES = ('10.77.0.1', '10.77.0.2')
#: Seconds. Alone a guest needs two; it shares a core with others.
_BOOT = 90.0

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

#: util-linux and iproute2; the rest is coreutils.
PROGRAMS = ('setpriv', 'unshare', 'nsenter', 'ip', 'sh')
_PREFIX = 'steal-test-'
#: A hundred times that of anybody else, by version of the cgroups: what else
#: runs here hardly makes guests wait.
_WEIGHTS = {'cpu.shares': '102400', 'cpu.weight': '10000'}

# Process 1 of the machine. Where the kernel shows processes is mounted when
# it has told its number out here. With cgroups of version 2 it may not stay
# in the machine's root: what has processes hands no controllers down.
_INIT = """
set -e
read -r pid _ < /proc/self/stat
echo 0 > "$CGROUP/cgroup.procs"
exec unshare --cgroup sh -ec '
    if [ -e "$CGROUP/cgroup.controllers" ]; then
        mkdir "$CGROUP/init"
        echo 0 > "$CGROUP/init/cgroup.procs"
    else
        umount --all --types cgroup2
    fi
    mount --bind "$CGROUP" "$CGROUPS"
    mount -t proc proc /proc
    mount -t tmpfs tmpfs /run
    for pair in $BINDS; do
        [ -e "${pair#*:}" ] || mkdir -p "${pair#*:}"
        mount --bind "${pair%:*}" "${pair#*:}"
    done
    echo "$NAME" > /proc/sys/kernel/hostname
    ip link set lo up
    echo "$0" > "$PID_FILE.part"
    mv "$PID_FILE.part" "$PID_FILE"
    "$@" &
    wait $!
' "$pid" "$@"
"""


class Machine:
    """One within the machine: its own processes, mounts, network, name.

    It runs one program, and whatever is sent in after it. Everything of it
    ends with its first process, and that ends with the test's process,
    however that ends. Only its cgroup is left then; the next machine removes
    it.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        directory: pathlib.Path,
        ready: Callable[[], bool],
        binds: Mapping[pathlib.Path, str] | None = None,
    ) -> None:
        """Describe it; start nothing.

        :param name: its host name
        :param argv: its first program; the machine ends with it
        :param directory: for the log of that program
        :param ready: tells whether that program is fit for use
        :param binds: where within something out here is seen
        """
        for program in PROGRAMS:
            daemons.program(program)
        self.name = name
        self._pid_file = directory / f'{name}.pid'
        root = _cgroup_root()
        self._cgroup = root / f'{_PREFIX}{os.getpid()}-{name}'
        self.daemon = daemons.Daemon(
            name,
            [
                # Else it would outlive a test that is killed.
                *('setpriv', '--pdeathsig', 'KILL'),
                *('unshare', '--fork', '--kill-child', '--pid', '--mount'),
                *('--uts', '--net', '--propagation', 'private'),
                *('sh', '-c', _INIT, 'init', *argv),
            ],
            directory,
            ready,
            {
                'PATH': f'{os.environ["PATH"]}:/usr/sbin:/sbin',
                'NAME': name,
                'CGROUP': str(self._cgroup),
                'CGROUPS': str(root),
                'PID_FILE': str(self._pid_file),
                'BINDS': ' '.join(
                    f'{out}:{within}' for out, within in (binds or {}).items()
                ),
            },
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it.

        :raises DaemonError: it does not get ready, or we are not root
        """
        if os.geteuid() != 0:
            raise daemons.DaemonError('Only root can make namespaces.')
        _remove_leftovers(self._cgroup.parent)
        self._cgroup.mkdir()
        try:
            for name, weight in _WEIGHTS.items():
                if (self._cgroup / name).exists():
                    (self._cgroup / name).write_text(weight)
            self.daemon.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything in it."""
        self.daemon.stop(signal.SIGKILL)
        self._pid_file.unlink(missing_ok=True)
        # The kernel is done with the last process a moment later.
        daemons.until(
            f'the cgroup of {self.name} is empty',
            lambda: _remove(self._cgroup),
            failing=(OSError,),
        )

    @property
    def pid(self) -> int:
        """Its first process, as numbered out here.

        :raises OSError: it is not that far
        """
        return int(self._pid_file.read_text())

    @property
    def proc(self) -> pathlib.Path:
        """Its /proc, as seen out here."""
        return pathlib.Path(f'/proc/{self.pid}/root/proc')

    def entering(self, network: bool = True) -> list[str]:
        """Return how a command line begins that is to be run in it.

        :param network: in its network, too; else in ours
        """
        argv = ['nsenter', f'--target={self.pid}', '--pid', '--mount']
        argv += ['--uts', '--cgroup', *(['--net'] if network else [])]
        return [*argv, '--']

    def run(self, *argv: str, within: float = 120) -> str:
        """Run a command in it; return what it says.

        :raises DaemonError: it fails; the message has its errors
        """
        ran = subprocess.run(
            [*self.entering(), *argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
        )
        if ran.returncode:
            raise daemons.DaemonError(
                f'{self.name}: {" ".join(argv)}: {ran.stderr}{ran.stdout}'
            )
        return ran.stdout


def _connect(one: Machine, other: Machine, addresses: Sequence[str]) -> None:
    """Lay a cable between two machines; nobody else is on that network."""
    ip = daemons.program('ip')
    subprocess.run(
        [
            *(ip, 'link', 'add', 'eth0', 'netns', str(one.pid)),
            *('type', 'veth'),
            *('peer', 'name', 'eth0', 'netns', str(other.pid)),
        ],
        check=True,
    )
    for machine, address in zip((one, other), addresses, strict=True):
        machine.run(ip, 'address', 'add', f'{address}/24', 'dev', 'eth0')
        machine.run(ip, 'link', 'set', 'eth0', 'up')


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
        self.machine = Machine(
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


class Lab:
    """host-a and host-b, with one core each."""

    def __init__(self, directory: pathlib.Path, kvm: bool = False) -> None:
        """Describe it; start nothing.

        :param kvm: whether guests run on KVM; else QEMU emulates them
        :raises DaemonError: a program is missing, or a second core
        """
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise daemons.DaemonError('Two hypervisors need two cores.')
        self._directory = directory
        self._kvm = kvm
        self.a, self.b = (
            Hypervisor(name, core, address, directory)
            for name, core, address in zip(
                ('host-a', 'host-b'), cores[:2], _ADDRESSES, strict=True
            )
        )
        self.hosts = (self.a, self.b)
        self.prometheus = Prometheus(directory)
        for host in self.hosts:
            self.prometheus.scrape(host.port, instance=host.name)
        #: Where each server is.
        self.where: dict[Domain, Hypervisor] = {}
        self._numbers = itertools.count(1)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._kernel = guest.build(self._directory)
        with contextlib.ExitStack() as stack:
            for host in self.hosts:
                stack.enter_context(host)
            _connect(self.a.machine, self.b.machine, _ADDRESSES)
            stack.enter_context(self.prometheus)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @property
    def logs(self) -> list[pathlib.Path]:
        """What its daemons say, once they do."""
        found = [log for host in self.hosts for log in host.logs]
        return [*found, self.prometheus.daemon.log]

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
        daemons.until(f'{name} has booted', domain.reports, _BOOT)
        return domain

    def migrate(self, domain: Domain, target: Hypervisor) -> None:
        """Move a server while it runs."""
        self.where[domain].migrate(domain, target)
        self.where[domain] = target


def _cgroup_root() -> pathlib.Path:
    """Return where the hierarchy with the CPU controller is mounted."""
    unified = None
    for line in pathlib.Path('/proc/mounts').read_text().splitlines():
        _, path, kind, options, *_ = line.split()
        if kind == 'cgroup' and 'cpu' in options.split(','):
            return pathlib.Path(path)
        if kind == 'cgroup2':
            unified = pathlib.Path(path)
    if unified is None or 'cpu' not in _words(unified / 'cgroup.controllers'):
        raise daemons.DaemonError(
            'No cgroup hierarchy with the controller cpu is mounted.'
        )
    if 'cpu' not in _words(unified / 'cgroup.subtree_control'):
        (unified / 'cgroup.subtree_control').write_text('+cpu')
    return unified


def _words(path: pathlib.Path) -> list[str]:
    return path.read_text().split()


def _remove_leftovers(root: pathlib.Path) -> None:
    """Remove the cgroups of tests that were killed."""
    for path in root.glob(f'{_PREFIX}*'):
        pid = path.name.removeprefix(_PREFIX).partition('-')[0]
        if not os.path.exists(f'/proc/{pid}'):
            with contextlib.suppress(OSError):
                _remove(path)


def _remove(path: pathlib.Path) -> bool:
    """Remove a cgroup and those below.

    :raises OSError: there are processes in one
    """
    for below, _, _ in os.walk(path, topdown=False):
        os.rmdir(below)
    return True
