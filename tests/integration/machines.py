"""Machines within this one, and networks: namespaces and cgroups of Linux."""

import contextlib
import os
import pathlib
import random
import signal
import subprocess
from collections.abc import Mapping

from tests.integration import daemons

#: util-linux and iproute2; the rest is coreutils.
PROGRAMS = ('setpriv', 'unshare', 'nsenter', 'ip', 'sh')
_PREFIX = 'steal-test-'
#: What everybody has, by version of the cgroups.
_WEIGHTS = {'cpu.shares': 1024, 'cpu.weight': 100}

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


class Machine(daemons.Parts):
    """One within the machine: its own processes, mounts, network, name.

    It does nothing but what is sent in. Everything of it ends with its first
    process, and that ends with the test's process, however that ends. Only
    its cgroup is left then; the next machine removes it.
    """

    def __init__(
        self,
        name: str,
        directory: pathlib.Path,
        binds: Mapping[pathlib.Path, str] | None = None,
    ) -> None:
        """Describe it; start nothing.

        :param name: its host name
        :param directory: for its log
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
                *('sh', '-c', _INIT, 'init', 'sleep', 'infinity'),
            ],
            directory,
            self._pid_file.exists,
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

    def begin(self, stack: contextlib.ExitStack) -> None:
        stack.callback(self.stop)
        self.start()

    def start(self) -> None:
        """Start it.

        :raises DaemonError: it does not get ready, or we are not root
        """
        if os.geteuid() != 0:
            raise daemons.DaemonError('Only root can make namespaces.')
        _remove_leftovers(self._cgroup.parent)
        self._cgroup.mkdir()
        try:
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

    def weigh(self, times: int) -> None:
        """Let it have so many times the share of a core of anybody else.

        With 100 hardly anything that runs out here makes guests wait, and
        nothing that runs out here gets on while they do.
        """
        for name, weight in _WEIGHTS.items():
            if (self._cgroup / name).exists():
                (self._cgroup / name).write_text(str(weight * times))

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

    def joining(self) -> list[str]:
        """The same of what is to be counted as its own, as its servers are."""
        # Where the first process is; see _INIT.
        ours = self._cgroup / 'init'
        if not ours.is_dir():
            ours = self._cgroup
        return [
            *('sh', '-ec', 'echo 0 > "$0"; exec "$@"'),
            *(str(ours / 'cgroup.procs'), *self.entering()),
        ]

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


def connect(addresses: Mapping[Machine, str]) -> None:
    """Lay a cable from each machine to a switch in the first one.

    Nobody else is on that network.
    """
    ip = daemons.program('ip')
    first, *others = addresses
    first.run(ip, 'link', 'add', 'eth0', 'type', 'bridge')
    for number, other in enumerate(others, 1):
        port = f'port{number}'
        subprocess.run(
            [
                *(ip, 'link', 'add', port, 'netns', str(first.pid)),
                *('type', 'veth'),
                *('peer', 'name', 'eth0', 'netns', str(other.pid)),
            ],
            check=True,
        )
        first.run(ip, 'link', 'set', port, 'master', 'eth0', 'up')
    for machine, address in addresses.items():
        machine.run(ip, 'address', 'add', f'{address}/24', 'dev', 'eth0')
        machine.run(ip, 'link', 'set', 'eth0', 'up')


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


class NodeNetwork(daemons.Parts):
    """A network namespace with one cable to ours.

    A kubelet listens on all addresses, whatever it is told: here there are
    but two, and only this machine reaches them.
    """

    def __init__(self, directory: pathlib.Path) -> None:
        """Describe it; start nothing.

        :raises DaemonError: a program is missing
        """
        # Others may have one too, on this machine.
        number = random.randrange(1 << 14)
        net = f'10.78.{number >> 6}'
        #: Ours, where the nodes find what they look for.
        self.address = f'{net}.{(number & 63) * 4 + 1}'
        self._theirs = f'{net}.{(number & 63) * 4 + 2}'
        self._cable = f'steal{number}'
        self._ip = daemons.program('ip')
        self._nsenter = daemons.program('nsenter')
        self._daemon = daemons.Daemon(
            'node-network',
            [
                daemons.program('unshare'),
                '--net',
                *('sh', '-c', 'exec sleep infinity'),
            ],
            directory,
            self._is_apart,
        )

    def begin(self, stack: contextlib.ExitStack) -> None:
        """Make it.

        :raises DaemonError: we are not root
        """
        if os.geteuid() != 0:
            raise daemons.DaemonError('Only root can make namespaces.')
        # The last process in it takes the cable along.
        stack.callback(self._daemon.stop)
        self._daemon.start()
        self._connect()

    def entering(self) -> list[str]:
        """Return what to put before a command for it to run there."""
        return [self._nsenter, f'--net=/proc/{self._daemon.pid}/ns/net']

    def _connect(self) -> None:
        within = self.entering()
        # The name is taken if somebody has thrown the same number.
        for argv in (
            [
                *(self._ip, 'link', 'add', self._cable, 'type', 'veth'),
                *('peer', 'name', 'eth0', 'netns', str(self._daemon.pid)),
            ],
            self._give(self._cable, self.address),
            [self._ip, 'link', 'set', self._cable, 'up'],
            [*within, *self._give('eth0', self._theirs)],
            [*within, self._ip, 'link', 'set', 'eth0', 'up'],
            [*within, self._ip, 'link', 'set', 'lo', 'up'],
        ):
            done = subprocess.run(argv, capture_output=True, text=True)
            if done.returncode:
                raise daemons.DaemonError(f'{argv}: {done.stderr}')

    def _give(self, link: str, address: str) -> list[str]:
        return [self._ip, 'address', 'add', f'{address}/30', 'dev', link]

    def _is_apart(self) -> bool:
        ours, theirs = (
            os.readlink(f'/proc/{pid}/ns/net')
            for pid in ('self', self._daemon.pid)
        )
        return ours != theirs
